"""Each reason once, and all of it with --debug."""

from __future__ import annotations

import pytest
import typer

from fmnist.cli.output import fail
from fmnist_runtime.errors import ModelError


def said(failures: list[Exception], capsys) -> list[str]:
    with pytest.raises(typer.Exit):
        fail(failures)
    return capsys.readouterr().err.splitlines()


def test_a_reason_of_several_schemes_is_one_line(capsys):
    schemes = ("float32", "float16", "int8")
    failures = [ModelError(f"m.keras: cannot be converted to tflite {name} (broken)") for name in schemes]
    failures.append(ModelError("m.keras: cannot be converted to onnx float32 (other)"))
    assert said([*failures, failures[0]], capsys) == [
        "fmnist: m.keras: cannot be converted to tflite float32, float16, int8 (broken)",
        "fmnist: m.keras: cannot be converted to onnx float32 (other)",
    ]


def test_debug_shows_where_a_collected_failure_came_from(capsys, monkeypatch):
    monkeypatch.setenv("FMNIST_DEBUG", "1")
    try:
        raise ModelError("m.keras: is damaged") from ValueError("the cause")
    except ModelError as error:
        lines = said([error, error], capsys)
    assert sum("Traceback" in line for line in lines) == 1
    assert any("the cause" in line for line in lines)
