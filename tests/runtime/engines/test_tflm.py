"""The interpreter for microcontrollers, which answers otherwise than LiteRT, and says what it needs."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from support import TINY, run_fmnist

from fmnist_runtime import load
from fmnist_runtime.errors import ModelError

pytestmark = pytest.mark.skipif(find_spec("tflite_micro") is None, reason="tflite-micro is not installed")
EXPORT = TINY / "export"


@pytest.mark.parametrize("scheme", ["float32", "int8", "int8-full"])
def test_it_answers_nearly_as_litert_does(t10k, scheme):
    """Its kernels round otherwise: of the default network 31 of 10,000 rows differ in int8-full."""
    images = t10k.images[:1000]
    path = EXPORT / f"model-{scheme}.tflite"
    with load(path, engine="tflm") as micro, load(path) as usual:
        scores, expected = micro.scores(images), usual.scores(images)
    assert micro.info.engine.startswith("tflite-micro ")
    assert (scores.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.99
    if scheme == "float32":
        assert np.abs(scores - expected).max() < 1e-5
    assert (np.abs(scores - expected).max(axis=1) > 0.01).mean() < 0.05


def test_the_batch_does_not_matter(t10k):
    with load(EXPORT / "model-int8-full.tflite", engine="tflm") as session:
        together = session.scores(t10k.images[:70])
        alone = [session.scores(image[np.newaxis])[0] for image in t10k.images[:70]]
    assert np.array_equal(together, alone)


def test_it_says_what_arena_it_needs(tmp_path):
    result = run_fmnist(tmp_path, "verify", EXPORT / "model-int8-full.tflite")
    assert "arena" not in result.stderr
    result = run_fmnist(tmp_path, "eval", EXPORT / "model-int8-full.tflite", "--engine", "tflm")
    assert result.returncode == 0, result.stderr
    [line] = [line for line in result.stderr.splitlines() if "arena" in line]
    bytes_needed = int(line.partition("needs an arena of ")[2].partition(" bytes")[0].replace(",", ""))
    assert 784 < bytes_needed < 20_000


def test_what_it_cannot_run_is_one_line_with_its_own_reason(tmp_path):
    """It has no kernel for sequences of floats with the settings of this network."""
    from support.foreign_tflite import pack
    from support.strangers import tflite

    path = tmp_path / "stranger.tflite"
    path.write_bytes(pack(tflite()))
    with load(path, engine="tflm", input_range="0-1") as session:
        assert session.scores(np.zeros((1, *session.info.input_shape), np.uint8)).shape[1] > 1
    broken = tmp_path / "onnx.onnx"
    broken.write_bytes((EXPORT / "model-float32.onnx").read_bytes())
    with pytest.raises(ModelError, match="engine 'tflm' does not run it"):
        load(broken, engine="tflm")
