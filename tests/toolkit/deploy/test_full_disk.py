"""Disks that fill while something is sent or installed, on small file systems of the tests' own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.handmade import INSTALL, handmade


@pytest.fixture
def small_pi(network, tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Make a device called ``pi`` whose home is a disk with these limits; gives the folder."""
    home = tmp_path / "small home"

    def make(limits: str) -> Path:
        home.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", limits, "tmpfs", str(home)]
        if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("only root may mount a small disk, and not in every container")
        network.add("pi", home)
        return home

    yield make
    network.close()
    subprocess.run(["umount", "-l", str(home)], capture_output=True, check=False)


def test_a_disk_without_room_is_found_before_anything_is_sent(deploy, small_pi):
    home = small_pi("size=2m")

    outcome = deploy(handmade(payload=3_000_000))

    assert "pi: no space: needs 3.10 MB, 2.10 MB is free; delete what is not needed there" in str(
        outcome.failure
    )
    assert (outcome.sent_bytes, list((home / "fmnist" / "files").iterdir())) == (0, [])


def test_a_disk_that_fills_while_it_is_sent_to(deploy, small_pi):
    home = small_pi("size=2m,nr_inodes=10")  # room for bytes, and none for so many files

    outcome = deploy(handmade())

    assert "could not be written (no space is left there); no version is in use there" in outcome.failure
    assert not (home / "fmnist" / "current").exists()
    assert not list((home / "fmnist" / "files").glob("*.part"))


def test_a_disk_that_fills_while_it_is_installed_on(deploy, small_pi):
    home = small_pi("size=4m")
    first = handmade("first")
    deploy(first)
    greedy = handmade("second", install=f"{INSTALL}head -c 8000000 /dev/zero > .venv/large\n")

    outcome = deploy(greedy)

    assert "could not be installed (head: error writing" in outcome.failure
    assert "No space left on device" in outcome.log
    assert (home / "fmnist" / "current").readlink().name == first.version
    assert [path.name for path in (home / "fmnist" / "versions").iterdir()] == [first.version]
    assert deploy(first).already_there
