"""Description of this machine from Linux's /proc and /sys; elsewhere only from Python."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

_PACKAGES = ("fmnist", "numpy", "ai-edge-litert", "tflite-runtime", "onnxruntime", "tensorflow", "keras")


@dataclass(frozen=True)
class Environment:
    """The machine and the software of a measurement."""

    machine: str
    """Architecture, such as x86_64 or aarch64."""
    cpu: str
    """The processor's own name; empty if unknown."""
    cores: int
    """Cores that this process may use."""
    governor: str
    """CPU frequency governor of the first core; empty if unknown."""
    memory_bytes: int
    """Physical memory; 0 if unknown."""
    system: str
    """Operating system and kernel."""
    python: str
    """Version of Python."""
    packages: dict[str, str]
    """Versions of our package and of the installed engines."""


def read_environment(root: Path = Path("/")) -> Environment:
    """Describe this machine now.

    Args:
        root: The folder with ``proc`` and ``sys``.
    """
    return Environment(
        machine=platform.machine(),
        cpu=_cpu_name(root),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        governor=read_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        memory_bytes=memory_bytes(root, "MemTotal") or 0,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages=package_versions(),
    )


def package_version() -> str:
    """Return the version of this distribution; ``unknown`` if it is not installed."""
    return package_versions().get("fmnist", "unknown")


def read_text(path: Path) -> str:
    """Return the text of a system file; empty if it cannot be read."""
    try:
        return path.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""


def board_name(root: Path) -> str:
    """Return the board's name in its device tree; empty if there is none, as on most x86-64 machines."""
    return read_text(root / "proc/device-tree/model")


def memory_bytes(root: Path, entry: str) -> int | None:
    """Return an entry of proc_meminfo(5), such as ``MemTotal``; None if unknown."""
    for line in read_text(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == entry and (number := value.removesuffix("kB").strip()).isdecimal():
            return int(number) * 1024  # the kernel's kB are 1024 bytes
    return None


def _cpu_name(root: Path) -> str:
    """Return the processor's name, or on ARM often the board's, as /proc/cpuinfo may have no model."""
    for line in read_text(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):
            return value.strip()
    return board_name(root)


def package_versions() -> dict[str, str]:
    """Return the versions of our package and of the installed engines."""
    from importlib.metadata import PackageNotFoundError, version  # a tenth of the time of a prediction

    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
