"""Fixtures for tests on emulated boards. fmnist is installed on each board once for all workers."""

from __future__ import annotations

from pathlib import Path

import pytest
from arm64.device import Device, bring
from arm64.emulated_pi import EmulatedPi, EmulationError
from arm64.kept import keep
from arm64.systems import SYSTEMS


@pytest.fixture(scope="session", params=SYSTEMS)
def pi(request: pytest.FixtureRequest) -> EmulatedPi:
    """Each of the boards. If a board is not available, its tests are skipped."""
    board = EmulatedPi(request.param)
    try:
        board.require()
    except EmulationError as error:
        pytest.skip(str(error))
    return board


@pytest.fixture(scope="session")
def device(pi: EmulatedPi, tmp_path_factory: pytest.TempPathFactory, all_workers: Path) -> Device:
    """The board with fmnist installed."""

    def make(home: Path) -> None:
        home.mkdir()
        installed = bring(pi, home, tmp_path_factory.mktemp(pi.name)).install()
        assert installed.returncode == 0, installed.stdout + installed.stderr

    home = all_workers / f"home-{pi.name}"
    keep(home, make)
    return Device(pi, home)
