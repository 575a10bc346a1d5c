"""Which bundle fits a machine."""

from __future__ import annotations

from fmnist.devices.pins import ENGINE_EXTRAS
from fmnist.devices.targets import MIN_PYTHON, Target
from fmnist.devices.wheels import PLATFORMS, dotted, obstacle, version_numbers
from fmnist_runtime.errors import DeviceError
from fmnist_runtime.machine.probe import Probe

MIN_NUMPY = (1, 24)
"""What pyproject.toml asks for."""
_INSTALL_NUMPY = {
    "debian": "sudo apt install python3-numpy",
    "fedora": "sudo dnf install python3-numpy",
    "alpine": "sudo apk add py3-numpy",
    "arch": "sudo pacman -S python-numpy",
}
"""By an identifier in os-release."""


def target_of(probe: Probe) -> Target:
    """What a bundle for a machine must be made for.

    Raises:
        DeviceError: None would run there; the text says what would change that.
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
    """What keeps the wheels of one of the engines from a machine; empty when it can have both."""
    return next(filter(None, (obstacle(probe, extra) for extra in ENGINE_EXTRAS)), "")


def install_numpy(probe: Probe) -> str:
    """The command that installs the system's own NumPy."""
    commands = (_INSTALL_NUMPY[name] for name in probe.distribution if name in _INSTALL_NUMPY)
    return next(commands, "install NumPy for the system's Python")


def python_too_old(python: str) -> DeviceError:
    """What to tell of a machine whose Python cannot run fmnist."""
    return DeviceError(
        f"Python {python} is too old: fmnist needs {dotted(MIN_PYTHON)}; "
        "install Raspberry Pi OS bookworm or newer"
    )
