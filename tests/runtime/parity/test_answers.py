"""Counts of answers against a loop over the images, and an example on paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from scipy import stats
from support.score_matrices import models, quick

from fmnist_runtime.parity.answers import compare_answers
from fmnist_runtime.parity.intervals import agreement_interval, exact_low, tango_interval


def compared(reference, candidate, targets):
    return compare_answers(np.array(reference), np.array(candidate), np.array(targets, np.uint8))


def test_an_example_on_paper():
    """Ten images: six right in both, two lost, one won, one that both have wrong otherwise."""
    answers = compared([0] * 6 + [0, 0, 1, 1], [0] * 6 + [1, 2, 0, 2], [0] * 10)
    assert (answers.images, answers.worse, answers.better, answers.wrong_to_wrong) == (10, 2, 1, 1)
    assert (answers.reference_accuracy, answers.candidate_accuracy) == (0.8, 0.7)
    assert answers.accuracy_difference == -0.1
    assert answers.agreement == 0.6
    assert answers.error_growth == 0.5  # three errors for two
    assert answers.mcnemar_p == 1.0  # two against one: nothing at all
    assert answers.accuracy_difference_interval == tango_interval(2, 1, 10)
    assert answers.agreement_interval == agreement_interval(6, 10)


@pytest.mark.parametrize("images", [1, 10, 500, 10_000])
def test_the_exact_lower_end_is_that_of_scipy(images):
    for count in sorted({0, 1, min(5, images), images // 3, images - 1, images}):
        expected = stats.binomtest(count, images).proportion_ci(method="exact").low
        assert exact_low(count, images) == pytest.approx(expected, rel=1e-7)


@quick
@given(models(count=2))
def test_a_loop_over_the_images(drawn):
    reference, candidate, targets = drawn
    before, after = reference.argmax(axis=1), candidate.argmax(axis=1)
    worse = better = wrong_to_wrong = agreeing = reference_right = candidate_right = 0
    for old, new, true in zip(before, after, targets, strict=True):
        reference_right += old == true
        candidate_right += new == true
        agreeing += old == new
        worse += old == true and new != true
        better += old != true and new == true
        wrong_to_wrong += old != true and new != true and old != new
    images, errors = len(targets), len(targets) - reference_right
    answers = compare_answers(before, after, targets)
    assert (answers.worse, answers.better, answers.wrong_to_wrong) == (worse, better, wrong_to_wrong)
    assert answers.reference_accuracy == reference_right / images
    assert answers.candidate_accuracy == candidate_right / images
    assert answers.accuracy_difference == (candidate_right - reference_right) / images
    assert answers.agreement == agreeing / images
    if errors:
        assert answers.error_growth == (images - candidate_right - errors) / errors
    assert answers.mcnemar_p == pytest.approx(
        stats.binomtest(worse, worse + better).pvalue if worse + better else 1, rel=1e-12
    )
    assert answers.accuracy_difference_interval == tango_interval(worse, better, images)
    assert answers.agreement_interval == agreement_interval(agreeing, images)


def test_errors_cannot_grow_from_none():
    assert compared([0, 0], [0, 1], [0, 0]).error_growth is None
    assert compared([0, 0], [0, 0], [0, 0]).error_growth == 0
    assert compared([1, 1], [0, 0], [0, 0]).error_growth == -1
