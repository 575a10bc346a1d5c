"""Ctrl-C after the timing: what is done so far is told, and nothing more is begun."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import TINY
from support.timings import benchmark, timed

from fmnist.bench import outcome
from fmnist.bench.gate import LatencyGate
from fmnist.bench.record import Benchmark

IMAGES = np.zeros((1, 28, 28), np.uint8)
NPZ = str(TINY / "export" / "model-float32.npz")


def examined(done: Benchmark) -> outcome.BenchOutcome:
    return outcome.examine(done, IMAGES, True, None, LatencyGate((), None), [Path(NPZ)])


def test_ctrl_c_while_operators_are_timed_leaves_the_figures(monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(outcome, "profile", stop)
    found = examined(benchmark(timed(NPZ, [1000] * 10)))
    assert found.text.startswith("model ")
    assert found.benchmark.models[0].p50_us.value == 1.0
    [error] = found.errors
    assert str(error) == "bench: stopped after 6 of 6 rounds; the figures are of what was done by then"


def test_after_ctrl_c_no_operators_are_timed(monkeypatch):
    monkeypatch.setattr(outcome, "profile", lambda *_: pytest.fail("timed"))
    stopped = benchmark(timed(NPZ, [1000] * 10), rounds=3, interrupted=True)
    text = examined(stopped).text
    assert "operators" not in text
    assert "3 fresh processes each, 1.5 s in all" in text


def test_ctrl_c_in_the_first_round():
    """Of what had its process by then there are figures, or there are none at all."""
    stopped = examined(benchmark(timed(NPZ, [1000] * 10, processes=1), rounds=0, interrupted=True))
    assert (
        "one image at a time, back to back: service time; 1 fresh process each, 0.5 s in all" in stopped.text
    )
    [error] = benchmark(rounds=0, interrupted=True).errors
    assert str(error) == "bench: stopped before a model was timed"
