"""The target of a bundle, a platform and a version of Python, and the exact packages for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Platform = Literal["linux-aarch64", "linux-x86_64", "any"]
"""``any`` is every other machine: no engine has wheels for it, and it uses the NumPy of its system."""

MIN_PYTHON = (3, 11)
"""The minimum in pyproject.toml."""
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""Versions that the pinned engines have wheels for."""
RASPBERRY_PI_OS = "3.13"
"""Python of the present Raspberry Pi OS, Debian trixie; its predecessor, bookworm, has 3.11."""


@dataclass(frozen=True)
class Target:
    """The machines that one bundle is for."""

    platform: Platform
    python: str
    """Such as ``3.11``; on the platform ``any`` also a newer one."""

    @property
    def has_engines(self) -> bool:
        """Whether the engines have wheels for it; otherwise NumPy runs the network."""
        return self.platform != "any"

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines that it may be, as `platform.machine` names them."""
        if self.platform == "any":
            return ("armv7l", "armv6l", "riscv64", "aarch64")
        return (self.platform.removeprefix("linux-"),)

    def __str__(self) -> str:
        return f"{self.platform}, Python {self.python}" if self.has_engines else "any platform"


BOARDS: dict[str, Platform] = dict.fromkeys(("pi5", "pi4", "pi3", "zero2w"), "linux-aarch64")
"""Platform by board, of a 64-bit Raspberry Pi OS
(https://www.raspberrypi.com/documentation/computers/processors.html)."""


Extra = Literal["tflite", "onnx", "images"]
ENGINE_EXTRAS: tuple[Extra, ...] = ("tflite", "onnx")

_NUMPY = "numpy==2.4.6"
_COMMAND = (
    "typer==0.28.0",
    "annotated-doc==0.0.7",
    "markdown-it-py==4.3.0",
    "mdurl==0.1.2",
    "pygments==2.21.0",
    "rich==15.0.0",
    "shellingham==1.5.4",
)
_EXTRAS: dict[Extra, tuple[str, ...]] = {
    "tflite": (
        "ai-edge-litert==2.3.0",
        "backports-strenum==1.2.8",
        "flatbuffers==25.12.19",
        "ml-dtypes==0.6.0",
        "protobuf==7.36.2",
        "tqdm==4.70.1",
        "typing-extensions==4.16.0",
    ),
    "onnx": ("onnxruntime==1.31.1", "flatbuffers==25.12.19", "packaging==26.3", "protobuf==7.36.2"),
    "images": ("pillow==13.0.0",),
}


def requirements(extras: Iterable[Extra], numpy: bool = True) -> tuple[str, ...]:
    """Return the pinned requirements of our wheel with these extras, sorted, with their own requirements.

    NumPy is left out where the system has it.
    """
    pins = {*_COMMAND, *(pin for extra in extras for pin in _EXTRAS[extra])}
    return tuple(sorted(pins | {_NUMPY} if numpy else pins))
