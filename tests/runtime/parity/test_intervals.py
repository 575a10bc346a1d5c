"""Intervals and McNemar's test against published examples, scipy, and the same in plain steps."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq
from support.score_matrices import quick

from fmnist_runtime.parity.intervals import Z, agreement_interval, mcnemar_p, tango_interval, wilson_interval

TINY = 1e-15


@st.composite
def pairs(draw) -> tuple[int, int, int]:
    """Worse, better, and all."""
    worse, better, alike = (draw(st.integers(0, most)) for most in (40, 40, 400))
    assume(worse + better + alike > 0)
    return worse, better, worse + better + alike


def likeliest_worse(worse: int, better: int, images: int, difference: float) -> float:
    """The probability of a worse pair that makes the counts most likely, if better − worse is the difference.

    Where the slope of the log-likelihood is zero; it falls all the way.
    """
    low, high = max(0.0, -difference) + TINY, (1 - difference) / 2 - TINY
    alike = images - worse - better

    def slope(share: float) -> float:
        rising = [worse / share if worse else 0, better / (share + difference) if better else 0]
        return sum(rising) - (2 * alike / (1 - 2 * share - difference) if alike else 0)

    if low >= high or slope(low) <= 0:
        return low
    return high if slope(high) >= 0 else brentq(slope, low, high, xtol=TINY)


def slow_tango(worse: int, better: int, images: int) -> tuple[float, float]:
    """The differences at which the score statistic is as far from zero as the normal quantile."""

    def beyond(difference: float) -> float:
        share = likeliest_worse(worse, better, images, difference)
        variance = images * (2 * share + difference - difference**2)
        return (better - worse - images * difference) ** 2 - Z**2 * variance

    estimate = (better - worse) / images
    low = -1.0 if worse == images else brentq(beyond, -1 + TINY, estimate, xtol=TINY)
    high = 1.0 if better == images else brentq(beyond, estimate, 1 - TINY, xtol=TINY)
    return low, high


@pytest.mark.parametrize(
    ("worse", "better", "images", "low", "high", "digits"),
    [
        (3, 9, 32, -0.027, 0.390, 3),
        (7, 1, 21, -0.517, -0.026, 3),
        (16, 6, 161, -0.1240, -0.0054, 4),
    ],
    ids=[
        "Tango 1998, section 6.2: Karacan et al.",
        "Fagerland, Lydersen and Laake 2017, chapter 8: Bentur et al.",
        "Fagerland, Lydersen and Laake 2017, chapter 8: Cavo et al.",
    ],
)
def test_tango_published(worse, better, images, low, high, digits):
    interval = tango_interval(worse, better, images)
    assert (round(interval.low, digits), round(interval.high, digits)) == (low, high)


@quick
@given(pairs())
@example((1, 0, 10_000))
@example((60, 40, 10_000))
@example((200, 0, 10_000))
@example((0, 5, 5))
@example((5, 0, 5))
def test_tango_in_plain_steps(counts):
    """Both find the root to 1e-15; what is squared loses half of the digits where it is zero at the end."""
    worse, better, images = counts
    assume(worse + better > 0)
    low, high = slow_tango(worse, better, images)
    interval = tango_interval(worse, better, images)
    assert interval.low == pytest.approx(low, abs=1e-9)
    assert interval.high == pytest.approx(high, abs=1e-9)


@pytest.mark.parametrize("images", [1, 20, 10_000, 10**6])
def test_tango_where_nothing_changed(images):
    """The statistic is nΔ² / (1 − Δ), so the end is z² / (n + z²)."""
    interval = tango_interval(0, 0, images)
    assert interval.high == pytest.approx(Z**2 / (images + Z**2), rel=1e-12)
    assert interval.low == pytest.approx(-interval.high, rel=1e-12)


@quick
@given(pairs())
def test_tango_is_a_sound_interval(counts):
    worse, better, images = counts
    interval = tango_interval(worse, better, images)
    assert -1 <= interval.low <= (better - worse) / images <= interval.high <= 1
    mirrored = tango_interval(better, worse, images)
    # Either way round, the same root is found to rounding.
    assert (-mirrored.high, -mirrored.low) == pytest.approx((interval.low, interval.high), abs=1e-12)


@quick
@given(pairs())
def test_tango_follows_the_counts(counts):
    """One more image that got better, of those that had not changed, moves both ends up."""
    worse, better, images = counts
    assume(worse + better < images)
    before, after = tango_interval(worse, better, images), tango_interval(worse, better + 1, images)
    assert before.low < after.low
    assert before.high < after.high


@pytest.mark.parametrize("images", [1, 7, 10_000])
def test_tango_where_everything_changed(images):
    assert tango_interval(images, 0, images).low == -1
    assert tango_interval(images, 0, images).high < 1
    assert tango_interval(0, images, images).high == 1
    assert tango_interval(0, images, images).low > -1


@quick
@given(st.integers(1, 20_000), st.data())
def test_wilson_is_that_of_scipy(images, data):
    count = data.draw(st.integers(0, images))
    expected = stats.binomtest(count, images).proportion_ci(0.95, method="wilson")
    interval = wilson_interval(count, images)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-14)


@quick
@given(st.integers(1, 20_000), st.data())
def test_wilson_in_plain_steps(images, data):
    """Of each end, the count is z standard deviations of that end away; both squared, and below 20,000."""
    count = data.draw(st.integers(0, images))
    interval = wilson_interval(count, images)
    for end in (interval.low, interval.high):
        assert (count - images * end) ** 2 == pytest.approx(Z**2 * images * end * (1 - end), abs=1e-8)
    assert interval.low <= count / images + 1e-15
    assert interval.high >= count / images - 1e-15


@pytest.mark.parametrize("images", [1, 3, 100, 10_000, 10**6])
def test_rule_of_three(images):
    """If one in 1 / (1 − low) answers were another, none of n would be in one of twenty samples."""
    interval = agreement_interval(images, images)
    assert interval.high == 1
    assert interval.low == pytest.approx(stats.beta.ppf(0.05, images, 1), rel=1e-12)
    assert stats.binom.pmf(0, images, 1 - interval.low) == pytest.approx(0.05, rel=1e-9)
    if images >= 100:  # −log 0.05 = 2.996, and the next term of the series is 4.5 / n²
        assert 1 - interval.low == pytest.approx(3 / images, abs=0.005 / images + 4.5 / images**2)


def test_agreement_that_is_not_complete_has_wilsons_interval():
    assert agreement_interval(9_999, 10_000) == wilson_interval(9_999, 10_000)
    assert agreement_interval(0, 10_000).low == 0


def test_mcnemar_published():
    """Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13 (2013): Bentur et al., P = 0.070."""
    assert mcnemar_p(7, 1) == pytest.approx(18 / 256, rel=1e-14)


@quick
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_in_fractions(worse, better):
    discordant, fewer = worse + better, min(worse, better)
    tail = Fraction(sum(math.comb(discordant, index) for index in range(fewer + 1)), 2**discordant)
    assert mcnemar_p(worse, better) == pytest.approx(float(min(Fraction(1), 2 * tail)), rel=1e-12)


@quick
@given(st.integers(0, 5_000), st.integers(0, 5_000))
@example(5_000, 5_000)
@example(4_900, 5_100)
@example(0, 5_000)
def test_mcnemar_is_the_binomial_test_of_scipy(worse, better):
    """Logs of up to 7,000 nats are added up in 5,000 steps at most, each off by half of 9e-13."""
    expected = stats.binomtest(worse, worse + better).pvalue if worse + better else 1.0
    assert mcnemar_p(worse, better) == pytest.approx(expected, rel=1e-8)
