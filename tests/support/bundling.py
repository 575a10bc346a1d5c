"""Bundles for this machine, and a stand-in for a device: an empty folder and a Python of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_VERSION = ".".join(platform.python_version_tuple()[:2])
HERE = ("--platform", f"linux-{platform.machine()}", "--python", _VERSION)
PYTHON = Path(sys.executable).resolve()
"""The system's Python, without the packages of the tests' environment."""
NOWHERE = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_EXTRA_INDEX_URL": None,
    "PIP_FIND_LINKS": None,
}
"""pip's environment without a network: nothing listens on the port of `discard`."""


@dataclass(frozen=True)
class Device:
    """A folder with a bundle, and a PATH with one Python."""

    folder: Path
    path: str

    def install(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self._run(["sh", str(self.folder / "install.sh"), *arguments], Path("/"), variables)

    def fmnist(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return self._run([".venv/bin/fmnist", *map(str, arguments)], self.folder, {})

    def _run(
        self, command: list[str], folder: Path, more: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        cut_off = {name: value for name, value in NOWHERE.items() if value}
        return subprocess.run(
            command,
            cwd=folder,
            env={"PATH": self.path, "HOME": "/nonexistent", "PYTHONUTF8": "1", **cut_off, **more},
            capture_output=True,
            text=True,
            check=False,
        )
