"""What a session makes of what an engine answers: numbers, and probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.foreign_npz import BIAS, KERNEL, network, write_network
from support.foreign_onnx import logits

from fmnist_runtime import load
from fmnist_runtime.engines.plan import Plan, are_logits, as_run
from fmnist_runtime.errors import NonFiniteScoresError

IMAGES = np.random.default_rng(1).integers(0, 256, (300, 2, 2), np.uint8)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("image", [0, 299])
def test_one_score_that_is_no_number_is_no_answer(broken, image):
    scores = np.full((300, 3), 0.25, np.float32)
    run = as_run(Plan(lambda images: None, lambda: None, scores), Path("m.npz"))
    assert np.array_equal(run(IMAGES, None), scores)
    scores[image, 1] = broken
    for out in (None, np.empty_like(scores)):
        with pytest.raises(NonFiniteScoresError, match=r"m\.npz: answers NaN or infinity"):
            run(IMAGES, out)


def test_what_can_be_probabilities_is_left_as_it_is():
    assert not are_logits(np.float32([[0, 0.3, 0.7]]))
    assert not are_logits(np.float32([[0.9, 0.8, 0.7]]))  # of labels that do not exclude each other
    assert are_logits(np.float32([[0, 0.3, 0.7], [-0.1, 0.3, 0.8]]))
    assert are_logits(np.float32([[0, 0.3, 1.1]]))


def test_a_strangers_logits_become_probabilities(tmp_path):
    arrays = {"0.kernel": KERNEL, "0.bias": BIAS}
    with load(write_network(tmp_path / "softmax.npz", network("softmax"), arrays)) as session:
        expected = session.scores(IMAGES)
    # The BLAS may sum one image in another order than many. A logit, below 7, is made by eight roundings of
    # at most 2⁻²⁴ of it. Two orders differ by twice that much, and their probabilities by half of that.
    tolerance = 8 * 7 * 2**-24
    with load(write_network(tmp_path / "logits.npz", network("linear"), arrays)) as session:
        assert np.abs(session.scores(IMAGES) - expected).max() < tolerance
        alone = session.scores(IMAGES[:1], out=np.empty((1, 3), np.float32))
        assert np.abs(alone - expected[:1]).max() < tolerance
        guess = session.classify(IMAGES[0])
        assert guess.index == expected[0].argmax()
        assert guess.probability == pytest.approx(expected[0].max(), abs=tolerance)


def test_what_pytorch_exports_takes_images_of_the_data_set(tmp_path):
    """One channel, in front of height and width, and logits."""
    path = tmp_path / "torch.onnx"
    path.write_bytes(logits())
    images = np.random.default_rng(2).integers(0, 256, (7, 6, 5), np.uint8)
    with load(path, input_range="0-255") as session:
        assert session.info.input_shape == (1, 6, 5)
        scores = session.scores(images)
        assert np.abs(scores.sum(axis=1) - 1).max() < 1e-6  # ten roundings of float32
        assert np.array_equal(session.scores(images[:, None]), scores)
        assert np.array_equal(session.scores(images[..., None]), scores)
