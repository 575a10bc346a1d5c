"""What machine this is, from Linux's own /proc and /sys. Elsewhere only what Python knows."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

_PACKAGES = ("fmnist", "numpy", "ai-edge-litert", "tflite-runtime", "onnxruntime", "tensorflow", "keras")


@dataclass(frozen=True)
class Environment:
    """The machine and the software a result was measured with."""

    machine: str
    """Architecture, such as x86_64 or aarch64."""
    cpu: str
    """The processor's own name; empty when unknown."""
    cores: int
    """Cores this process may use."""
    governor: str
    """CPU frequency governor of the first core; empty when unknown."""
    memory_bytes: int
    """Physical memory; 0 when unknown."""
    system: str
    """Operating system and kernel."""
    python: str
    """Version of Python."""
    packages: dict[str, str]
    """Versions of our package and of the engines that are installed."""


def read_environment(root: Path = Path("/")) -> Environment:
    """Describe this machine now.

    Args:
        root: The folder that holds ``proc`` and ``sys``.
    """
    return Environment(
        machine=platform.machine(),
        cpu=_cpu_name(root),
        cores=_usable_cores(),
        governor=read_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        memory_bytes=memory_bytes(root, "MemTotal") or 0,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages=package_versions(),
    )


def package_version() -> str:
    """Version of this distribution; ``unknown`` when the source tree is run without being installed."""
    return package_versions().get("fmnist", "unknown")


def read_text(path: Path) -> str:
    """What a file of the system says; nothing when it cannot be read."""
    try:
        return path.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""


def board_name(root: Path) -> str:
    """The board, as its device tree names it; empty where there is none, as on most x86-64 machines."""
    return read_text(root / "proc/device-tree/model")


def memory_bytes(root: Path, entry: str) -> int | None:
    """An entry of proc_meminfo(5), such as ``MemTotal``; None when unknown."""
    for line in read_text(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == entry and (number := value.removesuffix("kB").strip()).isdecimal():
            return int(number) * 1024  # the kernel's kB are 1024 bytes
    return None


def _cpu_name(root: Path) -> str:
    """On ARM boards the device tree names the board, and /proc/cpuinfo often no model."""
    for line in read_text(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):
            return value.strip()
    return board_name(root)


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def package_versions() -> dict[str, str]:
    """Versions of our package and of the engines that are installed."""
    from importlib.metadata import PackageNotFoundError, version  # a tenth of the time of a prediction

    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
