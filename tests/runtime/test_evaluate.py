from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from support import TINY

from fmnist_runtime import load
from fmnist_runtime.errors import DatasetError, ModelError
from fmnist_runtime.evaluate import evaluate, score_dataset


def scores_for(answers: list[int], classes: int = 3) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[answers]


def test_counts_by_class():
    targets = np.array([0, 0, 1, 1, 1], np.uint8)
    result = evaluate(scores_for([0, 1, 1, 1, 0]), targets)
    assert (result.images, result.correct, result.accuracy) == (5, 3, 0.6)
    assert result.confusion.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]
    assert result.class_accuracy[:2] == (1 / 2, 2 / 3)
    assert math.isnan(result.class_accuracy[2])  # no image of class 2


def test_of_equal_scores_the_lowest_index_counts():
    result = evaluate(np.full((2, 3), 1 / 3, np.float32), np.array([0, 1], np.uint8))
    assert result.correct == 1


@pytest.mark.parametrize("name", ["model-float32.onnx", "model-float32.tflite"])
def test_both_engines_reach_the_originals_accuracy(t10k, name):
    """As training recorded it; and the counts are those of NumPy."""
    with load(TINY / "export" / name) as session:
        scores, seconds = score_dataset(session, t10k)
    result = evaluate(scores, t10k.targets)
    assert seconds > 0
    assert result.accuracy == json.loads((TINY / "train.json").read_text())["test_accuracy"]
    answers = scores.argmax(axis=1)
    expected = [[int(((t10k.targets == i) & (answers == j)).sum()) for j in range(10)] for i in range(10)]
    assert result.confusion.tolist() == expected


def test_more_targets_than_scores_are_refused():
    with pytest.raises(ModelError, match="2 rows of scores do not fit 3 true classes"):
        evaluate(scores_for([0, 1]), np.zeros(3, np.uint8))


def test_a_data_set_of_more_classes_is_refused(t10k):
    eleven = replace(t10k, targets=np.full(len(t10k.targets), 10, np.uint8))
    with (
        load(TINY / "export" / "model-int8.tflite") as session,
        pytest.raises(DatasetError, match="has 10 classes"),
    ):
        score_dataset(session, eleven)
