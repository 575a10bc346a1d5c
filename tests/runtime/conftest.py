"""Tests that write ONNX files, with `onnx`, are left out where only a device's extras are installed."""

from __future__ import annotations

from importlib.util import find_spec

WRITE_ONNX = ["attacks_onnx", "carriers", "hostile", "numpy_engine", "onnx_reasons", "operators", "plan"]
WRITE_ONNX += ["running_onnx", "strangers_onnx"]

collect_ignore = [] if find_spec("onnx") else [f"test_{name}.py" for name in WRITE_ONNX]
