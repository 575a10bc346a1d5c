"""Bundles of the tiny run, and devices that they come to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import TINY, run_fmnist
from support.bundling import HERE, PYTHON, Device


@pytest.fixture
def device(tmp_path: Path) -> Callable[[Path, str], Device]:
    """A device with a copy of a bundle, whose Python first does what is said, as another kind of it would."""

    def make(bundle: Path, prelude: str = "", python: Path = PYTHON) -> Device:
        folder = Path(shutil.copytree(bundle, tmp_path / "on a device"))
        programs = tmp_path / "bin"
        programs.mkdir()
        if prelude:
            text = f"#!/bin/sh\n{{ echo '{prelude}'; cat; }} | exec {python} \"$@\"\n"
            (programs / "python3").write_text(text)
            (programs / "python3").chmod(0o755)
        else:
            (programs / "python3").symlink_to(python)
        return Device(folder, f"{programs}:/usr/bin:/bin")

    return make


@pytest.fixture(scope="package")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the tiny run's bundles: ``here`` for this machine, and ``any`` for every other."""
    folder = tmp_path_factory.mktemp("workstation")
    for name, options in (("here", HERE), ("any", ("--platform", "any"))):
        result = run_fmnist(folder, "bundle", TINY, *options, "--out", name)
        assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="package")
def installed(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Device:
    """The bundle, installed without network in a folder whose name has spaces."""
    folder = Path(shutil.copytree(bundles / "here", tmp_path_factory.mktemp("device") / "my models"))
    programs = tmp_path_factory.mktemp("bin")
    (programs / "python3").symlink_to(PYTHON)
    device = Device(folder, f"{programs}:/usr/bin:/bin")
    result = device.install()
    assert result.returncode == 0, result.stderr
    return device
