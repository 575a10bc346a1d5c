"""The audit against a loop over every score, and examples of each kind of number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from support.score_matrices import models, quick

from fmnist_runtime.parity.audit import audit_scores
from fmnist_runtime.parity.probabilities import FLOAT_STEP, output_step


@quick
@given(models(count=1))
def test_a_loop_over_every_score(drawn):
    scores, _ = drawn
    images, classes = scores.shape
    step = output_step(scores)
    highest = 1 if step == FLOAT_STEP else 1 - step
    ties = off = zeros = ones = 0
    furthest, levels = 0.0, set()
    for row in scores.tolist():
        ties += row.count(max(row)) > 1
        error = abs(math.fsum(row) - 1)
        off += error > classes * 2**-24
        furthest = max(furthest, error)
        for score in row:
            zeros += score == 0
            ones += score >= highest
            levels.add(score)
    audit = audit_scores(scores)
    assert (audit.ties, audit.off_sum, audit.levels) == (ties, off, len(levels))
    assert audit.tie_share == ties / images
    assert (audit.zero_share, audit.one_share) == (zeros / scores.size, ones / scores.size)
    assert audit.max_sum_error == pytest.approx(furthest, abs=1e-15)


def test_eight_bits():
    """Levels of 1/256: the highest is 255/256, beside which nothing adds up to 1."""
    scores = np.array([[255, 0, 0], [128, 128, 0], [127, 127, 2], [85, 85, 85]], np.float32) / 256
    audit = audit_scores(scores)
    assert (audit.ties, audit.tie_share) == (3, 0.75)
    assert (audit.zero_share, audit.one_share) == (3 / 12, 1 / 12)
    assert (audit.off_sum, audit.max_sum_error) == (2, 1 / 256)
    assert audit.levels == 6  # 0, 2, 85, 127, 128, 255


def test_floats():
    """A float model's 255/256 is no saturation, and its sums are 1 to rounding."""
    logits = np.random.default_rng(0).normal(scale=5, size=(1000, 10)).astype(np.float32)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores = powers / powers.sum(axis=1, keepdims=True)
    scores[0] = [255 / 256, *[1 / 256 / 9] * 9]
    audit = audit_scores(scores)
    assert (audit.ties, audit.zero_share, audit.one_share, audit.off_sum) == (0, 0, 0, 0)
    assert 0 < audit.max_sum_error <= 10 * 2**-24
    assert audit_scores(np.array([[1.0, 0.0, 1e-9]], np.float32)).one_share == 1 / 3


def test_a_tie_of_lesser_scores_is_none():
    assert audit_scores(np.array([[0.5, 0.25, 0.25]], np.float32)).ties == 0
    assert audit_scores(np.array([[0.25, 0.375, 0.375]], np.float32)).ties == 1
