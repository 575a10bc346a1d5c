"""Tests that write ONNX files, with `onnx`, are left out where only a device's extras are installed."""

from __future__ import annotations

from importlib.util import find_spec

WRITE_ONNX = [
    "artifact/test_container.py",
    "engines/test_numpy_engine.py",
    "engines/test_onnx_reasons.py",
    "engines/test_plan.py",
    "engines/test_strangers_onnx.py",
    "safety/test_attacks_onnx.py",
    "safety/test_hostile.py",
    "safety/test_running_onnx.py",
    "timing/test_operators.py",
]

collect_ignore = [] if find_spec("onnx") else WRITE_ONNX
