"""Which machines the pinned engines have wheels for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fmnist.devices.pins import Extra
from fmnist.devices.targets import PYTHONS, Platform
from fmnist_runtime.machine.probe import Probe

PLATFORMS: dict[str, Platform] = {"aarch64": "linux-aarch64", "x86_64": "linux-x86_64"}
"""By the name that the kernel gives to the machine."""


@dataclass(frozen=True)
class Wheels:
    """The binary wheels of one extra, which are there for `PLATFORMS` and `PYTHONS` alike."""

    requirement: str
    """The package that an extra is named for, as it is pinned."""
    min_glibc: tuple[int, int]
    """The greatest of what its wheels and those of NumPy say: ``manylinux_2_28`` is glibc 2.28 (PEP 600)."""


# As PyPI's index lists them for these versions, cp311 to cp314; NumPy's own are of manylinux_2_27.
WHEELS: dict[Extra, Wheels] = {
    "tflite": Wheels("ai-edge-litert==2.3.0", (2, 27)),
    "onnx": Wheels("onnxruntime==1.31.1", (2, 28)),
    "images": Wheels("pillow==13.0.0", (2, 27)),
}


def obstacle(probe: Probe, extra: Extra) -> str:
    """What about a machine keeps an extra's wheels from it, such as ``glibc 2.24``; else empty."""
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
    """The numbers that a version begins with: ``3.13.0rc1`` is (3, 13, 0)."""
    match = re.match(r"\d{1,9}(\.\d{1,9})*", text)  # a stranger's may be too long for a number
    return tuple(map(int, match[0].split("."))) if match else ()


def dotted(numbers: tuple[int, ...]) -> str:
    """Numbers of a version as text."""
    return ".".join(map(str, numbers))
