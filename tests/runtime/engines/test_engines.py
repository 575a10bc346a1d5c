"""Which engine runs which file, and how many images at once."""

from __future__ import annotations

import numpy as np
import pytest
from support import TINY

from fmnist_runtime import load
from fmnist_runtime.engines import plan
from fmnist_runtime.errors import ModelError

EXPORT = TINY / "export"


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("int8.tflite", "tflite"),
        ("float32.tflite", "tflite"),
        ("float32.onnx", "onnxruntime"),
        ("float32.npz", "numpy"),
    ],
)
def test_an_engine_can_be_named(name, engine, t10k):
    path = EXPORT / f"model-{name}"
    with load(path, engine=engine) as named, load(path) as chosen:
        assert named.info == chosen.info
        # The float32 gate: each has memory of its own, by whose place an engine may choose its order of sums.
        assert np.abs(named.scores(t10k.images[:9]) - chosen.scores(t10k.images[:9])).max() < 1e-5


@pytest.mark.parametrize("engine", ["onnxruntime", "tensorflow", ""])
def test_an_engine_that_does_not_run_the_file_is_refused(engine):
    message = f"engine '{engine}' does not run it; tflite or numpy or tflm or null does"
    with pytest.raises(ModelError, match=message):
        load(EXPORT / "model-int8.tflite", engine=engine)


@pytest.mark.parametrize("name", ["int8.tflite", "float32.onnx", "float32.npz"])
def test_the_null_engine_does_all_but_the_inference(name, t10k):
    with load(EXPORT / f"model-{name}", engine="null") as session:
        assert (session.info.engine, session.info.input_shape) == ("null", (28, 28))
        scores = session.scores(t10k.images[:300])
        assert scores.shape == (300, 10)
        assert (scores == np.float32(0.1)).all()
        assert session.classify(t10k.images[0]).label == "T-shirt/top"
        with pytest.raises(ModelError, match="takes images of shape 28×28"):
            session.scores(np.zeros((1, 20, 20), np.uint8))


def test_the_null_engine_needs_to_know_the_images(tmp_path):
    ours = (EXPORT / "model-int8.tflite").read_bytes()
    path = tmp_path / "foreign.tflite"
    path.write_bytes(ours[: ours.index(b"PK\x03\x04")])
    with pytest.raises(ModelError, match="has no metadata, which the null engine needs"):
        load(path, engine="null")


@pytest.mark.parametrize(
    ("cache", "image_bytes", "images"),
    [(1 << 20, 6272, 128), (1 << 20, 1568, 256), (1 << 19, 6272, 64), (1 << 19, 10**6, 1), (1 << 19, 0, 256)],
)
def test_a_block_of_images_fits_the_cache(monkeypatch, cache, image_bytes, images):
    monkeypatch.setattr(plan, "cache_bytes", lambda: cache)
    assert plan.block_size(image_bytes) == images


@pytest.mark.parametrize(
    ("text", "size"), [("1024K\n", 1 << 20), ("0K", 1 << 19), ("?", 1 << 19), (None, 1 << 19)]
)
def test_the_cache_is_as_large_as_linux_says(monkeypatch, tmp_path, text, size):
    if text is not None:
        (tmp_path / "size").write_text(text)
    monkeypatch.setattr(plan, "_SECOND_LEVEL", tmp_path / "size")
    assert plan.cache_bytes.__wrapped__() == size
