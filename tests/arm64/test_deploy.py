"""``fmnist deploy`` to emulated boards: one that works, one whose disk is full, one that refuses.

The connection to the first breaks on the way, once.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from arm64.emulated_pi import EmulatedPi
from support import TINY, run_fmnist, sshd

QUICK = ("--duration", "0.2", "--processes", "1", "--json", "deploy.json")
CUT = 10_000_000
"""Bytes, of some 25 MB."""
THREE = ("--host", "pi-works", "--host", "pi-full", "--host", "pi-refuses")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A home on a disk with room for one version that needs NumPy alone."""
    home = tmp_path / "full"
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=250m", "tmpfs", str(home)], check=True)
    yield home
    subprocess.run(["umount", "-l", str(home)], check=True)


@pytest.fixture
def network(tmp_path: Path, pi: EmulatedPi, disk: Path) -> Iterator[sshd.Network]:
    sshd.require()
    network = sshd.Network(tmp_path / "network")
    for name, home in (("pi-works", tmp_path / "works"), ("pi-full", disk)):
        network.add(name, home, pi.entering(home))
    network.add_closed("pi-refuses")
    yield network
    network.close()


@pytest.mark.parametrize("pi", ["trixie"], indirect=True)
def test_each_board_ends_with_a_version_that_works(pi, network, disk, tmp_path):
    shutil.copytree(TINY, tmp_path / "runs" / "tiny")
    network.cut_after(CUT)
    broken = run_fmnist(
        tmp_path, "deploy", "--format", "npz", *THREE[:2], *QUICK, environment=network.environment
    )
    assert broken.returncode == 1
    assert "pi-works: the connection was lost" in broken.stderr
    assert not (tmp_path / "works/fmnist/current").exists()

    earlier = run_fmnist(
        tmp_path, "deploy", "--format", "npz", *THREE[:4], *QUICK, environment=network.environment
    )
    assert earlier.returncode == 0, earlier.stderr
    resumed, anew = json.loads((tmp_path / "deploy.json").read_text())["devices"]
    # What was on its way when the connection broke is in pipes, which hold some 64 kB each.
    assert resumed["sent_bytes"] < anew["sent_bytes"] - CUT / 2
    before = anew["version"]
    (disk / "photos").write_bytes(bytes(shutil.disk_usage(disk).free - 1_000_000))

    result = run_fmnist(
        tmp_path, "deploy", "--format", "tflite", *THREE, *QUICK, environment=network.environment
    )

    assert result.returncode == 1, result.stderr
    works, full, refuses = json.loads((tmp_path / "deploy.json").read_text())["devices"]
    assert [device["outcome"] for device in (works, full, refuses)] == ["done", "failed", "failed"]
    assert "pi-full: no space: needs " in full["failure"]
    assert "pi-refuses: refuses connections" in refuses["failure"]
    rows = [line.split()[0] for line in result.stdout.splitlines() if line.startswith("pi-")]
    assert rows == ["pi-works"] * 3 + ["pi-full", "pi-refuses"]

    assert (tmp_path / "works/fmnist/current").readlink().name == works["version"]
    here = run_fmnist(tmp_path, "eval", "--json", "eval.json")
    assert here.returncode == 0, here.stderr
    assert _correct(tmp_path / "runs/tiny/devices/pi-works/eval.json").items() <= (
        _correct(tmp_path / "eval.json").items()
    )

    assert (disk / "fmnist/current").readlink().name == before
    assert [path.name for path in (disk / "fmnist/versions").iterdir()] == [before]
    again = pi.run("sh", "-c", "cd ~/fmnist/current && .venv/bin/fmnist verify", home=disk)
    assert again.returncode == 0, again.stderr


def _correct(result: Path) -> dict[str, int]:
    """How many of the test images each model got right."""
    return {model["name"]: model["correct"] for model in json.loads(result.read_text())["models"]}
