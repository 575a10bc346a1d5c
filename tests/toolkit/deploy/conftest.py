"""Fixtures for tests of deploy: devices, and the deployment of a bundle to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import sshd

from fmnist.deploy.deployment import deploy as deploy_to
from fmnist.runs.run import Run


@pytest.fixture
def network(tmp_path: Path) -> Iterator[sshd.Network]:
    """Devices of the test's own."""
    sshd.require()
    network = sshd.Network(tmp_path / "network of devices")
    yield network
    network.close()


@pytest.fixture
def pi(network: sshd.Network, tmp_path: Path) -> Path:
    """The home folder of a device called ``pi``."""
    home = tmp_path / "home of pi"
    network.add("pi", home)
    return home


@pytest.fixture
def deploy(network: sshd.Network, tiny: Path, monkeypatch: pytest.MonkeyPatch):
    """Bring a bundle to one device, or several; gives what became of it, or them."""
    monkeypatch.setenv("PATH", network.environment["PATH"])

    def run(bundle, *hosts):
        outcomes = deploy_to(Run(tiny), hosts or ["pi"], lambda target: bundle, [])
        return outcomes if hosts else outcomes[0]

    return run
