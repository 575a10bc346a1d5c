"""Telling from labelled images whether an original takes 0–255 or 0–1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist_exporters.input_range import Trial, require_better
from fmnist_runtime.errors import ModelError

TARGETS = np.arange(1000, dtype=np.uint8) % 10
PATH = Path("model.keras")


def answers(right: int, sure: float = 0.9) -> NDArray[np.float32]:
    """Scores that name the true class of the first images, and the next class of the others."""
    scores = np.full((1000, 10), (1 - sure) / 9, np.float32)
    named = np.where(np.arange(1000) < right, TARGETS, (TARGETS + 1) % 10)
    scores[np.arange(1000), named] = sure
    return scores


@pytest.mark.parametrize(
    ("declared", "other"),
    [(870, 100), (870, 870), (870, 860), (720, 300), (100, 100), (80, 150), (10, 120)],
    ids=["clear", "alike", "slightly", "poor", "untrained", "untrained, luckier", "both bad"],
)
def test_the_declared_range_is_taken(declared, other):
    require_better(Trial("0-255", answers(declared)), Trial("0-1", answers(other)), TARGETS, PATH)


@pytest.mark.parametrize(("declared", "other"), [(100, 870), (600, 870), (840, 870), (200, 250)])
def test_the_other_range_is_seen(declared, other):
    with pytest.raises(ModelError) as error:
        require_better(Trial("0-255", answers(declared)), Trial("0-1", answers(other)), TARGETS, PATH)
    line = str(error.value)
    assert line.startswith(
        f"model.keras: gets {other / 10:.1f} % of 1,000 training images right with pixels of 0-1"
    )
    assert f" and {declared / 10:.1f} % with pixels of 0-255, at " in line
    assert line.endswith("so it was trained on 0-1; say so with --input-range 0-1")


def test_the_same_classes_under_both_are_told_apart_by_the_loss():
    """Multiplied by 255, logits name the same classes, but are as sure of the mistakes as of the rest."""
    sure, calm = answers(870, sure=0.999999), answers(870)
    require_better(Trial("0-1", calm), Trial("0-255", sure), TARGETS, PATH)
    with pytest.raises(ModelError, match="trained on 0-1"):
        require_better(Trial("0-255", sure), Trial("0-1", calm), TARGETS, PATH)


def test_a_network_that_normalises_its_input_takes_both():
    """The same answers but for rounding, and the other range a hair luckier: no reason to refuse."""
    scores = answers(870)
    luckier = scores * np.float32(1.001)
    require_better(Trial("0-255", scores), Trial("0-1", luckier), TARGETS, PATH)


def test_of_unequal_classes_naming_the_commonest_is_no_evidence():
    targets = np.zeros(1000, np.uint8)
    targets[:300] = 1
    commonest = np.tile(np.float32([0.9, 0.1]), (1000, 1))
    require_better(Trial("0-255", 1 - commonest), Trial("0-1", commonest), targets, PATH)
