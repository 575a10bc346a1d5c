from __future__ import annotations

import numpy as np
import pytest
from support import TINY

from fmnist_runtime import load
from fmnist_runtime.latency import ROUNDS, Latency, measure


def test_every_inference_is_kept(t10k):
    rounds = []
    with (
        load(TINY / "export" / "model-int8.tflite") as tflite,
        load(TINY / "export" / "model-float32.onnx") as onnx,
    ):
        results = measure({"a": tflite, "b": onnx}, t10k.images, 1001, on_round=lambda: rounds.append(1))
    assert list(results) == ["a", "b"]
    assert len(rounds) == ROUNDS
    for latency in results.values():
        assert latency.samples_ns.shape == (1001,)
        assert latency.samples_ns.min() > 0
        assert latency.percentile_us(100) == latency.samples_ns.max() / 1000


def test_percentiles_are_measured_values():
    """Of 1 to 1,000 µs, 99 % are at most 990."""
    latency = Latency(np.random.default_rng(0).permutation(np.arange(1, 1001)) * 1000)
    assert [latency.percentile_us(percent) for percent in (50, 90, 99, 100)] == [500, 900, 990, 1000]


def test_too_few_samples_for_a_p99_are_refused(t10k):
    with pytest.raises(ValueError, match="999 samples are too few"):
        measure({}, t10k.images, 999)
