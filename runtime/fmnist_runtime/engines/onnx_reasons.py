"""Why ONNX Runtime refuses a model, in one line with what to do, where it says so in a paragraph of C++.

Apart from the session, as only a model that is refused needs it.
"""

from __future__ import annotations

import re
from pathlib import Path

_UPGRADE = "run: pip install --upgrade onnxruntime, or save the model with"
_IR_VERSION = re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)")
_OPSET = re.compile(
    r"Opset (\d+) is under development.*support for domain (\S+) is till opset (\d+)", re.DOTALL
)
_OPERATORS = (
    re.compile(r"Fatal error: (\S+?)\(-?\d+\) is not a registered function/op"),
    re.compile(r"No Op registered for (\S+) with domain_version of \d+"),
)
_FRAME = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from .*? failed:)?(/\S+:\d+ .*\) )?")
"""What the engine puts in front: numbers, the file, and a function of its own."""


def explain(error: Exception, path: Path, engine: str) -> str:
    """One line for what the engine raised when it loaded a model.

    Args:
        error: What it raised.
        path: The model's file.
        engine: Name and version of the engine.
    """
    return f"{path}: {_reason(str(error), engine)}"


def _reason(text: str, engine: str) -> str:
    if found := _IR_VERSION.search(text):
        version, most = found.groups()
        return f"has IR version {version}, {engine} reads up to {most}; {_UPGRADE} model.ir_version = {most}"
    if found := _OPSET.search(text):
        version, domain, most = found.groups()
        return f"has opset {version} of {domain}, {engine} reads up to {most}; {_UPGRADE} opset {most}"
    for operator in _OPERATORS:
        if found := operator.search(text):
            return f"has the operator {found[1]}, which {engine} does not know; convert the model without it"
    return f"not an ONNX classifier that {engine} can run ({_FRAME.sub('', text)})"
