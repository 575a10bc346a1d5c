"""What a bundle is made for: a platform and a version of Python, by a board's name or said outright."""

from __future__ import annotations

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
