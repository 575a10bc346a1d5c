"""Calibration error against scipy, fractions and an example on paper; its interval against two bootstraps."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from scipy import stats
from support.score_matrices import answer, models, quick

from fmnist_runtime.parity import calibration
from fmnist_runtime.parity.calibration import RESAMPLES, compare_calibration, reliability
from fmnist_runtime.parity.intervals import Interval


def slow_bins(scores: np.ndarray, targets: np.ndarray) -> list[list[tuple[Fraction, bool]]]:
    """Confidence and whether it is right, of the images of each of 15 bins; a bin has its upper edge."""
    bins: list[list[tuple[Fraction, bool]]] = [[] for _ in range(15)]
    for row, true in zip(scores.tolist(), targets.tolist(), strict=True):
        confidence = Fraction(max(row))
        number = next((index for index in range(15) if confidence <= Fraction(index + 1, 15)), 14)
        bins[number].append((confidence, answer(row) == true))
    return bins


def slow_ece(scores: np.ndarray, targets: np.ndarray) -> Fraction:
    total = Fraction(0)
    for content in slow_bins(scores, targets):
        if content:
            accuracy = Fraction(sum(right for _, right in content), len(content))
            confidence = sum(value for value, _ in content) / len(content)
            total += Fraction(len(content), len(targets)) * abs(accuracy - confidence)
    return total


def scipy_ece(confidence: np.ndarray, right: np.ndarray) -> float:
    """Its bins have their lower edges; no float32 is on one, but for 0 and 1."""
    edges = np.linspace(0, 1, 16)
    means, _, _ = stats.binned_statistic(confidence, [confidence, right], "mean", edges)
    counts, _, _ = stats.binned_statistic(confidence, None, "count", edges)
    return float(np.nansum(np.abs(means[0] - means[1]) * counts) / len(confidence))


def judged(scores: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return scores.max(axis=1).astype(np.float64), (scores.argmax(axis=1) == targets).astype(np.float64)


def two_models(images: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A model that is right as often as it says, one that is surer than that, and the true classes."""
    random = np.random.default_rng(7)
    logits = random.normal(scale=1.5, size=(images, 5))
    scores = [np.exp(logits * sharper) for sharper in (1, 1.4)]
    reference, candidate = (powers / powers.sum(axis=1, keepdims=True) for powers in scores)
    targets = (reference.cumsum(axis=1) < random.random((images, 1))).sum(axis=1)
    return reference.astype(np.float32), candidate.astype(np.float32), targets.astype(np.uint8)


def test_an_example_on_paper():
    """Two at 7/8, one of them right, are 3/8 off; a right one at 1/2 is 1/2 off, a wrong one at 5/8 5/8."""
    scores = np.array([[7, 1], [7, 1], [4, 4], [3, 5]], np.float32) / 8
    result = reliability(scores, np.array([0, 1, 0, 0], np.uint8))
    assert result.images == (0,) * 7 + (1, 0, 1, 0, 0, 0, 2, 0)
    assert [result.accuracy[place] for place in (0, 7, 9, 13)] == [None, 1, 0, 1 / 2]
    assert [result.confidence[place] for place in (0, 7, 9, 13)] == [None, 1 / 2, 5 / 8, 7 / 8]
    assert result.points == ((1 / 2, 1), (5 / 8, 0), (7 / 8, 1 / 2))
    assert result.ece == (2 * 3 / 8 + 1 / 2 + 5 / 8) / 4


@quick
@given(models(count=1))
def test_fractions(drawn):
    scores, targets = drawn
    result = reliability(scores, targets)
    bins = slow_bins(scores, targets)
    assert result.images == tuple(len(content) for content in bins)
    for index, content in enumerate(bins):
        if content:
            assert result.accuracy[index] == sum(right for _, right in content) / len(content)
            mean = float(sum(value for value, _ in content) / len(content))
            assert result.confidence[index] == pytest.approx(mean, rel=1e-14)
    assert result.ece == pytest.approx(float(slow_ece(scores, targets)), abs=1e-14)


@quick
@given(models(count=1))
def test_ece_is_that_of_binned_means(drawn):
    scores, targets = drawn
    assert reliability(scores, targets).ece == pytest.approx(scipy_ece(*judged(scores, targets)), abs=1e-14)


@pytest.mark.parametrize("edge", range(1, 15))
def test_a_bin_reaches_up_to_its_edge(edge):
    """float32 has no fifteenths, but a neighbour on either side of each."""
    near = np.float32(edge / 15)
    below, above = (near, np.nextafter(near, np.float32(1)))
    if Fraction(float(near)) > Fraction(edge, 15):
        below, above = np.nextafter(near, np.float32(0)), near
    scores = np.array([[below, 0], [above, 0]], np.float32)
    assert np.flatnonzero(reliability(scores, np.zeros(2, np.uint8)).images).tolist() == [edge - 1, edge]


def test_the_last_bin_has_1_and_what_rounding_put_above_it():
    scores = np.array([[1, 0], [np.nextafter(np.float32(1), np.float32(2)), 0]], np.float32)
    assert reliability(scores, np.zeros(2, np.uint8)).images[14] == 2


@pytest.mark.parametrize("images", [30, 401, 1000])
def test_interval_is_that_of_a_plain_bootstrap(images):
    """Both models' errors anew on each resample; ours are of sums in float32, each 1e-7 off.

    Each draw serves twice, the second time with the images counted from the last.
    """
    reference, candidate, targets = two_models(images)
    random, differences = np.random.default_rng(0), []
    for _ in range(RESAMPLES // 2):
        draw = random.integers(0, images, images)
        for chosen in (draw, images - 1 - draw):
            after, before = (
                reliability(scores[chosen], targets[chosen]).ece for scores in (candidate, reference)
            )
            differences.append(after - before)
    assert len(differences) == RESAMPLES == 1000
    interval = compare_calibration(reference, candidate, targets).ece_difference_interval
    assert (interval.low, interval.high) == pytest.approx(np.percentile(differences, [2.5, 97.5]), abs=1e-6)


def test_interval_is_that_of_scipys_bootstrap():
    """A percentile p of B draws is off by √(p (1 − p) / B) / φ of a standard deviation: 0.085 of it for the
    2.5th of our 1,000, 0.085 for scipy's; together 0.12, of which four are allowed.
    """
    reference, candidate, targets = two_models(500)

    def difference(*columns: np.ndarray) -> float:
        return scipy_ece(*columns[2:]) - scipy_ece(*columns[:2])

    columns = (*judged(reference, targets), *judged(candidate, targets))
    expected = stats.bootstrap(
        columns,
        difference,
        n_resamples=1000,
        paired=True,
        vectorized=False,
        method="percentile",
        random_state=np.random.default_rng(1),
    )
    result = compare_calibration(reference, candidate, targets)
    assert result.ece_difference == pytest.approx(difference(*columns), abs=1e-14)
    interval, allowed = result.ece_difference_interval, 4 * 0.12 * expected.standard_error
    assert interval.low == pytest.approx(expected.confidence_interval.low, abs=allowed)
    assert interval.high == pytest.approx(expected.confidence_interval.high, abs=allowed)


@quick
@given(models())
def test_differences(drawn):
    reference, candidate, targets = drawn
    result = compare_calibration(reference, candidate, targets)
    assert result.reference_ece == reliability(reference, targets).ece
    assert result.candidate_ece == reliability(candidate, targets).ece
    assert result.ece_difference == result.candidate_ece - result.reference_ece
    assert -1 <= result.ece_difference_interval.low <= result.ece_difference_interval.high <= 1


@pytest.mark.parametrize("images", [1, 400, 401, 1000])
def test_a_model_beside_itself_has_no_difference(images):
    reference, _, targets = two_models(images)
    result = compare_calibration(reference, reference.copy(), targets)
    assert (result.ece_difference, result.ece_difference_interval) == (0, Interval(0, 0))


def test_the_interval_depends_on_nothing_else(monkeypatch):
    """On no model that was compared before, nor on whether the draws were kept."""
    reference, candidate, targets = two_models(1000)
    first = compare_calibration(reference, candidate, targets)
    compare_calibration(candidate, reference, targets)
    compare_calibration(*two_models(77))
    assert compare_calibration(reference, candidate, targets) == first
    for kept_bytes in (0, calibration._KEPT_BYTES):
        calibration._kept.cache_clear()
        calibration._errors.cache_clear()
        monkeypatch.setattr(calibration, "_KEPT_BYTES", kept_bytes)
        assert compare_calibration(reference, candidate, targets) == first
        assert calibration._kept.cache_info().currsize == bool(kept_bytes)


@pytest.mark.parametrize("images", [1, 399, 400, 10_000])
def test_each_draw_has_as_many_images_as_there_are(images):
    weights = np.concatenate(list(calibration._drawn(images)))
    assert len(weights) == RESAMPLES // 2
    assert (weights.sum(axis=1) == images).all()
    assert not weights[:, images:].any()
