"""Which range labelled images speak for, on answers that are made up."""

from __future__ import annotations

import numpy as np
import pytest

from fmnist_runtime.artifact.range_search import candidates, find_contradiction, find_range
from fmnist_runtime.errors import UnknownInputError

COUNT, CLASSES = 4000, 10
TARGETS = np.random.default_rng(0).integers(0, CLASSES, COUNT).astype(np.uint8)
IMAGES = np.arange(COUNT, dtype=np.uint16).view(np.uint8).reshape(COUNT, 2)
"""Each is its own number."""


def answering(**shares: float):
    """What is right on such a share of the images by range, as sure of it as it should be, and on the same
    ones."""

    def score(range: str, images):
        share = shares[range.replace("-", "_to_").replace(":", "_")]
        numbers = images.copy().view(np.uint16)[:, 0].astype(int)
        right = np.random.default_rng(1).permutation(COUNT)[numbers] < share * COUNT
        scores = np.full((len(images), CLASSES), (1 - share) / (CLASSES - 1), np.float32)
        answers = np.where(right, TARGETS[numbers], (TARGETS[numbers] + 1) % CLASSES)
        scores[np.arange(len(images)), answers] = share
        return scores

    return score


def search(ranges, **shares):
    return find_range(answering(**shares), ranges, IMAGES, TARGETS, "m.tflite")


def test_the_best_is_found_and_the_next_is_named():
    found = search(["0-255", "0-1", "1-0"], **{"0_to_255": 0.6, "0_to_1": 0.9, "1_to_0": 0.2})
    assert (found.best.range, found.second.range) == ("0-1", "0-255")
    assert len(found.best.right) == 500  # were enough
    assert str(found).startswith("the best of 3 ranges on 500 labelled images: 90.")


def test_a_small_difference_takes_more_images():
    """2 points: of 4,000 images 80 net, all one way, are 9 standard errors; of 500, 3."""
    found = search(["0-255", "0-1"], **{"0_to_255": 0.90, "0_to_1": 0.92})
    assert found.best.range == "0-1"
    assert len(found.best.right) > 500


def test_what_makes_no_certain_difference_is_asked():
    """Two images of 4,000."""
    with pytest.raises(
        UnknownInputError, match=r"4,000 labelled images do not decide it: .*--input-range 0-1$"
    ):
        search(["0-255", "0-1"], **{"0_to_255": 0.9, "0_to_1": 0.9005})


def test_what_makes_no_difference_at_all_needs_no_answer():
    """As of a model that normalises its input itself."""
    found = search(["0-255", "0-1", "1-0"], **{"0_to_255": 0.9, "0_to_1": 0.9, "1_to_0": 0.2})
    assert found.best.range == "0-255"


def test_red_comes_first_where_that_cannot_be_told():
    shares = {"0_to_1": 0.9, "0_to_1_bgr": 0.9005, "0_to_255": 0.3}
    assert search(["0-255", "0-1", "0-1:bgr"], **shares).best.range == "0-1"
    shares["0_to_1"] = 0.8
    assert search(["0-255", "0-1", "0-1:bgr"], **shares).best.range == "0-1:bgr"


def test_what_guesses_under_every_range_tells_none():
    """A quarter of the way from 10.6%, the largest class, to 100% are 33%."""
    with pytest.raises(UnknownInputError, match=r"is not accurate with any of 2 ranges: 30\.\d\d% right"):
        search(["0-255", "0-1"], **{"0_to_255": 0.1, "0_to_1": 0.30})
    assert search(["0-255", "0-1"], **{"0_to_255": 0.1, "0_to_1": 0.40}).best.range == "0-1"


def test_a_declared_range_is_contradicted_only_by_what_is_surely_better():
    score = answering(**{"0_to_255": 0.5, "0_to_1": 0.9, "_to_1_to_1": 0.8995})
    found = find_contradiction(score, "0-255", ["0-1"], IMAGES, TARGETS)
    assert found is not None
    assert found.best.range == "0-1"
    assert len(found.best.right) == 500
    assert find_contradiction(score, "-1-1", ["0-1", "0-255"], IMAGES, TARGETS) is None
    narrow = answering(**{"0_to_255": 0.88, "0_to_1": 0.9})
    found = find_contradiction(narrow, "0-255", ["0-1"], IMAGES, TARGETS)
    assert found is not None
    assert len(found.best.right) > 500  # 2 points: see above


def test_what_is_tried():
    assert candidates(1)[:4] == ["0-255", "0-1", "-1-1", "-0.5-0.5"]
    assert {"mean=0.1307,std=0.3081", "mean=0.286,std=0.353"} < set(candidates(1))
    assert "mean=0.485,0.456,0.406,std=0.229,0.224,0.225:bgr" in candidates(3)
