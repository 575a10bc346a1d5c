"""Differences and divergences against scipy and against loops over every probability."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from scipy import stats
from scipy.spatial.distance import jensenshannon
from support.score_matrices import models, quick

from fmnist_runtime.parity.probabilities import FLOAT_STEP, audit_scores, compare_probabilities, output_step


def slow_step(scores: np.ndarray) -> float:
    """The coarsest of the steps that all scores are whole multiples of."""
    for levels in (256, 32768):
        if all((Fraction(float(score)) * levels).denominator == 1 for score in scores.flat):
            return 1 / levels
    return FLOAT_STEP


def floored(row: np.ndarray, step: float) -> list[float]:
    values = [max(float(score), step / 2) for score in row]
    return [value / math.fsum(values) for value in values]


def slow_divergences(reference: np.ndarray, candidate: np.ndarray) -> tuple[float, float]:
    steps = slow_step(reference), slow_step(candidate)
    kl = js = 0.0
    for old, new in zip(reference, candidate, strict=True):
        for p, q in zip(floored(old, steps[0]), floored(new, steps[1]), strict=True):
            middle = (p + q) / 2
            kl += p * math.log(p / q)
            js += (p * math.log(p / middle) + q * math.log(q / middle)) / 2
    return kl / len(reference), js / len(reference)


@quick
@given(models())
def test_loops_over_every_probability(drawn):
    """Differences of float32 are exact in float64; logs of at most 18 nats, and their sums, are 1e-13 off."""
    reference, candidate, _ = drawn
    result = compare_probabilities(reference, candidate)
    differences = [
        abs(float(new) - float(old)) for old, new in zip(reference.flat, candidate.flat, strict=True)
    ]
    assert result.max_difference == max(differences)
    assert result.mean_difference == pytest.approx(math.fsum(differences) / len(differences), rel=1e-14)
    drifts = [float(max(new)) - float(max(old)) for old, new in zip(reference, candidate, strict=True)]
    assert result.confidence_drift == pytest.approx(math.fsum(drifts) / len(drifts), abs=1e-15)
    kl, js = slow_divergences(reference, candidate)
    assert result.kl_divergence_nats == pytest.approx(kl, abs=1e-13)
    assert result.js_divergence_nats == pytest.approx(js, abs=1e-13)


@quick
@given(models())
def test_divergences_are_those_of_scipy(drawn):
    reference, candidate, _ = drawn
    result = compare_probabilities(reference, candidate)
    p = np.maximum(reference.astype(np.float64), result.reference_step / 2)
    q = np.maximum(candidate.astype(np.float64), result.candidate_step / 2)
    # scipy divides by the sums itself, and its distance is the root of the divergence.
    assert result.kl_divergence_nats == pytest.approx(stats.entropy(p, q, axis=1).mean(), abs=1e-13)
    assert result.js_divergence_nats == pytest.approx((jensenshannon(p, q, axis=1) ** 2).mean(), abs=1e-13)


@quick
@given(models())
def test_bounds(drawn):
    reference, candidate, _ = drawn
    result = compare_probabilities(reference, candidate)
    assert result.kl_divergence_nats >= 0
    assert 0 <= result.js_divergence_nats <= math.log(2)
    back = compare_probabilities(candidate, reference)
    assert back.js_divergence_nats == pytest.approx(result.js_divergence_nats, abs=1e-13)
    assert back.confidence_drift == pytest.approx(-result.confidence_drift, abs=1e-15)
    itself = compare_probabilities(reference, reference)
    assert (itself.max_difference, itself.kl_divergence_nats, itself.js_divergence_nats) == (0, 0, 0)


def test_an_example_on_paper():
    """The candidate counts in 1/256; its 0 is taken for 1/512, and its sum for 513/512."""
    reference, candidate = np.array([[0.75, 0.25]], np.float32), np.array([[1.0, 0.0]], np.float32)
    result = compare_probabilities(reference, candidate)
    p, q = (0.75, 0.25), (512 / 513, 1 / 513)
    expected = p[0] * math.log(p[0] / q[0]) + p[1] * math.log(p[1] / q[1])
    assert result.kl_divergence_nats == pytest.approx(expected, rel=1e-14)
    assert (result.max_difference, result.mean_difference, result.confidence_drift) == (0.25, 0.25, 0.25)


def test_more_images_than_are_taken_at_once():
    """A mean over 2,500 images, of three blocks, is that of each image by itself, to rounding."""
    random = np.random.default_rng(0)
    reference, candidate = (random.dirichlet(np.ones(4), 2500).astype(np.float32) for _ in range(2))
    whole = compare_probabilities(reference, candidate)
    single = [
        compare_probabilities(reference[row : row + 1], candidate[row : row + 1]) for row in range(2500)
    ]
    for field in ("kl_divergence_nats", "js_divergence_nats", "mean_difference", "confidence_drift"):
        mean = math.fsum(getattr(one, field) for one in single) / 2500
        assert getattr(whole, field) == pytest.approx(mean, rel=1e-12), field
    assert whole.max_difference == max(one.max_difference for one in single)


@pytest.mark.parametrize("tiny", [0.0, 1e-30, 1e-9])
def test_less_than_float32_tells_from_zero_counts_as_zero(tiny):
    """An underflow to 0 must not be further from 1e-30 than 1e-30 is from 3e-8."""
    reference = np.array([[1.0, 1e-30], [0.3, 0.7]], np.float32)
    candidate = np.array([[1.0, tiny], [0.3, 0.7]], np.float32)
    assert compare_probabilities(reference, candidate).kl_divergence_nats == 0


@quick
@given(models())
def test_step(drawn):
    for scores in drawn[:2]:
        assert output_step(scores) == slow_step(scores)


@pytest.mark.parametrize("step", [2.0**-8, 2.0**-15])
def test_step_of_integers(step):
    """One level that is odd tells which integers they are; one score of a float takes it away."""
    scores = np.array([[step, 1 - step, 0.5]], np.float32)
    assert output_step(scores) == step
    assert output_step(np.append(scores, np.float32(0.3))) == FLOAT_STEP


def test_step_of_floats():
    scores = np.array([[0.1, 0.9]], np.float32)
    assert output_step(scores) == FLOAT_STEP
    assert float(np.float32(1) - np.nextafter(np.float32(1), np.float32(0))) == FLOAT_STEP


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
