"""A probe of what a machine can run and how well, without installing anything.

This module and its imports need only the standard library, so that they can be sent to a machine with Python.
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
"""musl's loader prints its version at once; an emulated one takes a moment longer."""


@dataclass(frozen=True)
class Probe:
    """Description and state of a machine. Values that cannot be read are None or empty."""

    environment: Environment
    """The machine, and the packages of the probing Python."""
    state: MachineState
    """Changing values: frequency, temperature, the firmware's complaints."""
    board: str
    """The board's name in its device tree; empty if there is none."""
    processor: str
    """The kind of its cores, such as ``Cortex-A76``; empty if unknown."""
    features: tuple[str, ...]
    """Relevant instructions, by plain names; see `fmnist_runtime.machine.processor`."""
    frequency_max_mhz: float | None
    """The highest clock frequency of any core."""
    bits: int
    """Word size of Python, 32 or 64. A 64-bit kernel may run 32-bit programs, as on many Raspberry Pis."""
    implementation: str
    """``CPython``, ``PyPy`` …; followed by ``, free-threaded`` for such a build, which needs other wheels."""
    operating_system: str
    """Name and version of the operating system, from os-release."""
    distribution: tuple[str, ...]
    """Its identifier and those it is derived from, such as ``raspbian``, ``debian``."""
    libc: str
    """The C library, such as ``glibc 2.36`` or ``musl 1.2.3``."""
    memory_available_bytes: int | None
    """Memory available without swapping."""
    swap_bytes: int | None
    """Swap space; 0 if there is none."""
    free_bytes: int | None
    """Free space for the user at the home folder."""
    time_utc: str
    """The machine's clock, such as ``2026-01-31T12:00:00+00:00``."""
    clock_synchronised: bool | None
    """Whether systemd has set the clock by the network; None if something else does, or nothing."""
    has_venv: bool
    """Whether Python can make virtual environments."""
    has_ensurepip: bool
    """Whether Python can install pip into them; on Debian this needs the package python3-venv."""


def read_probe(root: Path = Path("/")) -> Probe:
    """Probe this machine.

    Args:
        root: The folder with ``proc``, ``sys``, ``etc`` and ``run``.
    """
    environment = read_environment(root)
    release = _os_release(root)
    free_threaded = ", free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    return Probe(
        environment=environment,
        state=read_machine_state(root),
        board=board_name(root),
        processor=processor_name(root, environment.machine),
        features=processor_features(root, environment.machine),
        frequency_max_mhz=_frequency_max_mhz(root),
        bits=64 if sys.maxsize > 2**32 else 32,
        implementation=platform.python_implementation() + free_threaded,
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
    """Return the highest frequency in MHz; the kernel counts in kHz."""
    files = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/cpuinfo_max_freq")
    return max((int(text) / 1000 for text in map(read_text, files) if text.isdecimal()), default=None)


def _os_release(root: Path) -> dict[str, str]:
    """Return the entries of os-release(5)."""
    text = read_text(root / "etc/os-release") or read_text(root / "usr/lib/os-release")
    entries = (line.partition("=") for line in text.splitlines())
    return {key: value.strip("\"' ") for key, _, value in entries}


def _libc(root: Path) -> str:
    """Return the C library.

    Not by platform.libc_ver(), which searches Python's file for words and finds wrong ones on musl.
    """
    with suppress(AttributeError, ValueError, OSError):  # another libc knows no such question
        if version := os.confstr("CS_GNU_LIBC_VERSION"):
            return version
    return next((_musl(loader) for loader in sorted((root / "lib").glob("ld-musl-*.so.1"))), "")


def _musl(loader: Path) -> str:
    """Return musl's version, which only its loader prints when it is run without a program."""
    with suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run([loader], capture_output=True, text=True, timeout=_LOADER_SECONDS).stderr
        if match := re.search(r"^Version (\S+)", told, re.MULTILINE):
            return f"musl {match[1]}"
    return "musl"


def _free_bytes() -> int | None:
    """Return the free space at the home folder, or where it would be made."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() fails for a user without one
    for folder in (home, *home.parents):
        with suppress(OSError):
            return shutil.disk_usage(folder).free
    return None


def _clock_synchronised(root: Path) -> bool | None:
    """Return whether systemd-timesyncd(8) has set the clock.

    The folder exists while it runs, and the file after it has set the clock.
    """
    folder = root / "run/systemd/timesync"
    with suppress(OSError):
        return (folder / "synchronized").exists() or (False if folder.is_dir() else None)
    return None
