"""All that decides what a machine can run and how well, read in a moment and without installing anything.

This module and what it imports need the standard library alone, so that they can be sent to a machine that
has Python and nothing else.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from fmnist_runtime.machine.environment import (
    Environment,
    board_name,
    memory_bytes,
    read_environment,
    read_text,
)
from fmnist_runtime.machine.processor import processor_features, processor_name
from fmnist_runtime.machine.state import MachineState, read_machine_state

_LOADER_SECONDS = 5.0
"""musl's loader says at once which version it is; an emulated one takes a moment longer."""


@dataclass(frozen=True)
class Probe:
    """What a machine is and how it is. What cannot be read is None or empty, and never an error."""

    environment: Environment
    """The machine and the packages of the Python that looked."""
    state: MachineState
    """What changes: frequency, temperature, the firmware's complaints."""
    board: str
    """The board's name from its device tree; empty where there is none."""
    processor: str
    """The kind of its cores, such as ``Cortex-A76``; empty when unknown."""
    features: tuple[str, ...]
    """Instructions that matter, by plain names; see `fmnist_runtime.machine.processor`."""
    frequency_max_mhz: float | None
    """The highest clock frequency of any core."""
    bits: int
    """Word size of Python itself, 32 or 64. A 64-bit kernel may run 32-bit programs, as on many a Pi."""
    implementation: str
    """``CPython``, ``PyPy`` …; with ``, free-threaded`` behind it, as such a one takes other wheels."""
    operating_system: str
    """Its name and version for people, from os-release."""
    distribution: tuple[str, ...]
    """Its identifier and those it is derived from, such as ``raspbian``, ``debian``."""
    libc: str
    """The C library, such as ``glibc 2.36`` or ``musl 1.2.3``."""
    memory_available_bytes: int | None
    """Memory that a program can have without swapping."""
    swap_bytes: int | None
    """Swap space; 0 when there is none."""
    free_bytes: int | None
    """What the user may write where the home folder is."""
    time_utc: str
    """The machine's own clock, such as ``2026-01-31T12:00:00+00:00``."""
    clock_synchronised: bool | None
    """Whether systemd has set the clock by the network; None where something else does, or nothing."""
    has_venv: bool
    """Whether Python can make virtual environments."""
    has_ensurepip: bool
    """Whether it can put pip into them; Debian's can only with the package python3-venv."""


def read_probe(root: Path = Path("/")) -> Probe:
    """Look at this machine.

    Args:
        root: The folder that holds ``proc``, ``sys``, ``etc`` and ``run``.
    """
    environment = read_environment(root)
    release = _os_release(root)
    return Probe(
        environment=environment,
        state=read_machine_state(root),
        board=board_name(root),
        processor=processor_name(root, environment.machine),
        features=processor_features(root, environment.machine),
        frequency_max_mhz=_frequency_max_mhz(root),
        bits=64 if sys.maxsize > 2**32 else 32,
        implementation=_implementation(),
        operating_system=release.get("PRETTY_NAME", ""),
        distribution=tuple(f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".split()),
        libc=_libc(root),
        memory_available_bytes=memory_bytes(root, "MemAvailable"),
        swap_bytes=memory_bytes(root, "SwapTotal"),
        free_bytes=_free_bytes(),
        time_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        clock_synchronised=_clock_synchronised(root),
        has_venv=find_spec("venv") is not None,
        has_ensurepip=find_spec("ensurepip") is not None,
    )


def _frequency_max_mhz(root: Path) -> float | None:
    """The kernel counts in kHz."""
    files = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/cpuinfo_max_freq")
    return max((int(text) / 1000 for text in map(read_text, files) if text.isdecimal()), default=None)


def _implementation() -> str:
    free = ", free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    return platform.python_implementation() + free


def _os_release(root: Path) -> dict[str, str]:
    """Entries of os-release(5)."""
    text = read_text(root / "etc/os-release") or read_text(root / "usr/lib/os-release")
    entries = (line.partition("=") for line in text.splitlines())
    return {key: value.strip("\"' ") for key, _, value in entries}


def _libc(root: Path) -> str:
    """Not by platform.libc_ver(), which looks for words in Python's file and finds wrong ones on musl."""
    with suppress(AttributeError, ValueError, OSError):  # another libc knows no such question
        if version := os.confstr("CS_GNU_LIBC_VERSION"):
            return version
    return next((_musl(loader) for loader in sorted((root / "lib").glob("ld-musl-*.so.1"))), "")


def _musl(loader: Path) -> str:
    """Which version musl is, only its loader tells, when it is run without a program."""
    with suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run([loader], capture_output=True, text=True, timeout=_LOADER_SECONDS).stderr
        if match := re.search(r"^Version (\S+)", told, re.MULTILINE):
            return f"musl {match[1]}"
    return "musl"


def _free_bytes() -> int | None:
    """Of a home folder that is yet to be made, those of where it would be."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() fails for a user without one
    for folder in (home, *home.parents):
        with suppress(OSError):
            return shutil.disk_usage(folder).free
    return None


def _clock_synchronised(root: Path) -> bool | None:
    """The folder is there while systemd-timesyncd(8) runs, and the file once it has set the clock."""
    folder = root / "run/systemd/timesync"
    with suppress(OSError):
        return (folder / "synchronized").exists() or (False if folder.is_dir() else None)
    return None
