"""Which machines the pinned engines have wheels for, and which bundle fits a machine."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fmnist.devices.targets import ENGINE_EXTRAS, MIN_PYTHON, PYTHONS, Extra, Platform, Target
from fmnist_runtime.errors import DeviceError
from fmnist_runtime.machine.probe import Probe

PLATFORMS: dict[str, Platform] = {"aarch64": "linux-aarch64", "x86_64": "linux-x86_64"}
"""Platforms by the kernel's name of the machine."""


@dataclass(frozen=True)
class Wheels:
    """The binary wheels of one extra, which exist for all `PLATFORMS` and `PYTHONS`."""

    requirement: str
    """The main package of the extra, with its pinned version."""
    min_glibc: tuple[int, int]
    """The glibc that its wheels and those of NumPy need: ``manylinux_2_28`` is glibc 2.28 (PEP 600)."""


# As listed on PyPI for these versions, cp311 to cp314; those of NumPy are manylinux_2_27.
WHEELS: dict[Extra, Wheels] = {
    "tflite": Wheels("ai-edge-litert==2.3.0", (2, 27)),
    "onnx": Wheels("onnxruntime==1.31.1", (2, 28)),
    "images": Wheels("pillow==13.0.0", (2, 27)),
}


def obstacle(probe: Probe, extra: Extra) -> str:
    """Return why a machine cannot use an extra's wheels, such as ``glibc 2.24``; empty if it can."""
    machine = probe.environment.machine
    name, _, libc = probe.libc.partition(" ")
    minor = dotted(version_numbers(probe.environment.python)[:2])
    if machine not in PLATFORMS:
        return machine or "this machine"
    if probe.bits != 64:
        return f"{probe.bits}-bit Python"
    if name != "glibc":
        return probe.libc or "this C library"
    if version_numbers(libc) < WHEELS[extra].min_glibc:
        return probe.libc
    if probe.implementation != "CPython":
        return probe.implementation
    return "" if minor in PYTHONS else f"Python {minor}"


def version_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers at the start of a version: ``3.13.0rc1`` gives (3, 13, 0)."""
    match = re.match(r"\d{1,9}(\.\d{1,9})*", text)  # the text is untrusted, and may be too long for a number
    return tuple(map(int, match[0].split("."))) if match else ()


def dotted(numbers: tuple[int, ...]) -> str:
    """Return the numbers of a version as text."""
    return ".".join(map(str, numbers))


MIN_NUMPY = (1, 24)
"""The minimum in pyproject.toml."""
_INSTALL_NUMPY = {
    "debian": "sudo apt install python3-numpy",
    "fedora": "sudo dnf install python3-numpy",
    "alpine": "sudo apk add py3-numpy",
    "arch": "sudo pacman -S python-numpy",
}
"""Commands by an identifier in os-release."""


def target_of(probe: Probe) -> Target:
    """Return the target of a bundle for a machine.

    Raises:
        DeviceError: No bundle would run there; the text says what to do.
    """
    system = probe.environment.system.partition(" ")[0]
    if system != "Linux":
        raise DeviceError(f"wrong system: bundles are for Linux, not {system or 'an unknown one'}")
    python = version_numbers(probe.environment.python)
    if python < MIN_PYTHON:
        raise python_too_old(probe.environment.python)
    minor = dotted(python[:2])
    missing = engine_obstacle(probe)
    if not missing:
        return Target(PLATFORMS[probe.environment.machine], minor)
    numpy = probe.environment.packages.get("numpy", "")
    if version_numbers(numpy) >= MIN_NUMPY:
        return Target("any", minor)
    found = f"NumPy {numpy} is older than {dotted(MIN_NUMPY)}" if numpy else "there is no NumPy"
    raise DeviceError(f"no engine has wheels for {missing}, and {found}: {install_numpy(probe)}")


def engine_obstacle(probe: Probe) -> str:
    """Return why a machine cannot use the wheels of an engine; empty if it can use both."""
    return next(filter(None, (obstacle(probe, extra) for extra in ENGINE_EXTRAS)), "")


def install_numpy(probe: Probe) -> str:
    """Return the command that installs the system's NumPy."""
    commands = (_INSTALL_NUMPY[name] for name in probe.distribution if name in _INSTALL_NUMPY)
    return next(commands, "install NumPy for the system's Python")


def python_too_old(python: str) -> DeviceError:
    """Return the error for a machine whose Python cannot run fmnist."""
    return DeviceError(
        f"Python {python} is too old: fmnist needs {dotted(MIN_PYTHON)}; "
        "install Raspberry Pi OS bookworm or newer"
    )
