"""Which bundle fits a machine."""

from __future__ import annotations

import re

from fmnist.devices.targets import MIN_PYTHON, PYTHONS, Platform, Target
from fmnist_runtime.errors import DeviceError
from fmnist_runtime.probe import Probe

MIN_GLIBC = (2, 28)
"""That of the wheels of the pinned engines and of NumPy, whose names end in ``manylinux_2_28`` at most."""
MIN_NUMPY = (1, 24)
"""What pyproject.toml asks for."""
_INSTALL_NUMPY = {
    "debian": "sudo apt install python3-numpy",
    "fedora": "sudo dnf install python3-numpy",
    "alpine": "sudo apk add py3-numpy",
    "arch": "sudo pacman -S python-numpy",
}
"""By an identifier in os-release."""
_PLATFORMS: dict[str, Platform] = {"aarch64": "linux-aarch64", "x86_64": "linux-x86_64"}


def target_of(probe: Probe) -> Target:
    """What a bundle for a machine must be made for.

    Raises:
        DeviceError: None would run there; the text says what would change that.
    """
    system = probe.environment.system.partition(" ")[0]
    if system != "Linux":
        raise DeviceError(f"wrong system: bundles are for Linux, not {system or 'this'}")
    python = version(probe.environment.python)
    if python < MIN_PYTHON:
        raise python_too_old(probe.environment.python)
    minor = dotted(python[:2])
    platform = _PLATFORMS.get(probe.environment.machine)
    if platform and not no_wheels(probe):
        return Target(platform, minor)
    numpy = probe.environment.packages.get("numpy", "")
    if version(numpy) >= MIN_NUMPY:
        return Target("any", minor)
    found = f"NumPy {numpy} is too old (least is {dotted(MIN_NUMPY)})" if numpy else "there is no NumPy"
    raise DeviceError(f"no engine has wheels for {no_wheels(probe)}, and {found}: {install_numpy(probe)}")


def python_too_old(python: str) -> DeviceError:
    """What to tell of a machine whose Python cannot run fmnist."""
    return DeviceError(
        f"Python {python} is too old: fmnist needs {dotted(MIN_PYTHON)}; "
        "install Raspberry Pi OS bookworm or newer"
    )


def no_wheels(probe: Probe) -> str:
    """What about a machine keeps the pinned engines' wheels from it; empty when nothing does."""
    machine = probe.environment.machine
    name, _, libc = probe.libc.partition(" ")
    if machine not in _PLATFORMS:
        return machine or "this machine"
    if probe.bits != 64:
        return f"{probe.bits}-bit Python"
    if name != "glibc":
        return name or "this C library"
    if version(libc) < MIN_GLIBC:
        return f"glibc {libc}"
    if probe.implementation != "CPython":
        return probe.implementation
    minor = dotted(version(probe.environment.python)[:2])
    return "" if minor in PYTHONS else f"Python {minor}"


def install_numpy(probe: Probe) -> str:
    """The command that installs the system's own NumPy."""
    commands = (_INSTALL_NUMPY[name] for name in probe.distribution if name in _INSTALL_NUMPY)
    return next(commands, "install NumPy for the system's Python")


def version(text: str) -> tuple[int, ...]:
    """The numbers that a version begins with: ``3.13.0rc1`` is (3, 13, 0)."""
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()


def dotted(numbers: tuple[int, ...]) -> str:
    """Numbers of a version as text."""
    return ".".join(map(str, numbers))
