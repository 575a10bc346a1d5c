"""What a bundle is made for, a platform and a version of Python, and the exact packages that it gets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Platform = Literal["linux-aarch64", "linux-x86_64", "any"]
"""``any`` is every other machine: it has wheels of no engine, and NumPy of its own system."""

MIN_PYTHON = (3, 11)
"""What pyproject.toml asks for."""
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""Versions for which there are wheels of the pinned engines."""
RASPBERRY_PI_OS = "3.13"
"""Python of the present Raspberry Pi OS, which is Debian trixie; the one before, bookworm, has 3.11."""


@dataclass(frozen=True)
class Target:
    """Machines that one bundle fits."""

    platform: Platform
    python: str
    """Such as ``3.11``. On the platform ``any`` a newer one will do, too."""

    @property
    def has_engines(self) -> bool:
        """Whether the engines have wheels for it. Else NumPy runs the network."""
        return self.platform != "any"

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
    """Everything to install beside our own wheel, with what it needs itself, sorted.

    Args:
        extras: Those of our wheel that a device is to have.
        numpy: Whether NumPy is wanted, or the system has it.
    """
    pins = {*_COMMAND, *(pin for extra in extras for pin in _EXTRAS[extra])}
    return tuple(sorted(pins | {_NUMPY} if numpy else pins))
