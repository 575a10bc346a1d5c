"""Fixtures for tests on emulated boards. Each board is there once for all tests of a process."""

from __future__ import annotations

import pytest
from arm64.device import Device, bring
from arm64.emulated_pi import EmulatedPi, EmulationError
from arm64.systems import SYSTEMS


@pytest.fixture(scope="session", params=SYSTEMS)
def pi(request: pytest.FixtureRequest) -> EmulatedPi:
    """Each of the boards. Where it cannot be had its tests are left out."""
    board = EmulatedPi(request.param)
    try:
        board.require()
    except EmulationError as error:
        pytest.skip(str(error))
    return board


@pytest.fixture(scope="session")
def device(pi: EmulatedPi, tmp_path_factory: pytest.TempPathFactory) -> Device:
    """The board with fmnist on it."""
    folder = tmp_path_factory.mktemp(pi.name)
    device = bring(pi, tmp_path_factory.mktemp("home"), folder)
    installed = device.install()
    assert installed.returncode == 0, installed.stdout + installed.stderr
    return device
