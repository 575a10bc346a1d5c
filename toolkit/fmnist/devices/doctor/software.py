"""Findings on the system, on Python and on the engines."""

from __future__ import annotations

from collections.abc import Mapping

from fmnist.devices.doctor.loading import Loading, Part
from fmnist.devices.finding import Finding, Verdict
from fmnist.devices.matching import WHEELS, engine_obstacle, obstacle, target_of
from fmnist.devices.targets import ENGINE_EXTRAS, Extra
from fmnist_runtime.errors import DeviceError
from fmnist_runtime.machine.probe import Probe

_MEANWHILE = "fmnist runs dense float32 networks without it: --engine numpy"


def system(probe: Probe) -> Finding:
    """Return the operating system, kernel and C library."""
    parts = (probe.operating_system, probe.environment.system, probe.libc)
    return Finding("system", ", ".join(filter(None, parts)))


def python(probe: Probe) -> Finding:
    """Return the Python, and whether it can make virtual environments."""
    found = f"{probe.implementation} {probe.environment.python}"
    package = "sudo apt install python3-venv" if "debian" in probe.distribution else "install its module venv"
    if not probe.has_venv:
        advice = f"it cannot make virtual environments, which bundles need: {package}"
        return Finding("python", found, "problem", advice)
    if not probe.has_ensurepip:
        return Finding(
            "python",
            found,
            "note",
            f"python3 -m venv installs no pip, which only bundles do not need: {package}",
        )
    return Finding("python", found)


def wheels(probe: Probe) -> Finding:
    """Return which bundle fits a machine that has nothing of fmnist."""
    try:
        target = target_of(probe)
    except DeviceError as error:
        return Finding("engines", "none would run", "problem", str(error))
    if target.has_engines:
        return Finding("engines", f"there are wheels for {target}")
    numpy = probe.environment.packages["numpy"]
    return Finding(
        "engines",
        f"no wheels for {engine_obstacle(probe)}",
        "note",
        f"NumPy {numpy} of the system runs dense float32 networks: fmnist export --format npz",
    )


def engines(probe: Probe, parts: Mapping[Part, Loading]) -> list[Finding]:
    """Return what can run models on this machine; always NumPy, as fmnist does not start without it."""
    extras = [_engine(probe, extra, parts[extra]) for extra in ENGINE_EXTRAS]
    return [*extras, Finding("engine numpy", parts["numpy"].package)]


def images(probe: Probe, part: Loading) -> Finding:
    """Return whether image files can be read, which only prediction needs."""
    if part.works:
        return Finding("images", part.package)
    system = "debian" in probe.distribution and obstacle(probe, "images")
    command = "sudo apt install python3-pil" if system else "pip install 'fmnist[images]'"
    verdict: Verdict = "problem" if part.installed else "note"
    return Finding("images", _state(part), verdict, _reason(part, command))


def _engine(probe: Probe, extra: Extra, part: Loading) -> Finding:
    name = f"engine {extra}"
    if part.works:
        return Finding(name, part.package)
    if part.installed:
        return Finding(name, _state(part), "problem", f"{part.error}; {_MEANWHILE}")
    package = WHEELS[extra].requirement
    on_linux = probe.environment.system.startswith("Linux")
    if on_linux and (missing := obstacle(probe, extra)):
        return Finding(name, f"not installed; {package} has no wheel for {missing}", "note", _MEANWHILE)
    return Finding(name, "not installed", "note", f"pip install 'fmnist[{extra}]'")


def _state(part: Loading) -> str:
    if part.package:
        return f"{part.package}, runs no model"
    return "installed, does not load" if part.installed else "not installed"


def _reason(part: Loading, command: str) -> str:
    return f"{part.error}; {command}" if part.installed else command
