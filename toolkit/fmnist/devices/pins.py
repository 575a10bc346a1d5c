"""Exact versions of all that a device gets, as they were tried together; those of constraints.txt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

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
