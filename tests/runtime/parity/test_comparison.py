from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from fmnist_runtime.errors import ResultError
from fmnist_runtime.parity import Breach, Gate, Interval, compare, default_gate

LENIENT = Gate(max_drop=1.0)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def scores() -> np.ndarray:
    return softmax(np.random.default_rng(1).normal(size=(1000, 10)))


@pytest.fixture
def targets() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 10, 1000).astype(np.uint8)


def swap_best_two(scores: np.ndarray, rows: list[int]) -> np.ndarray:
    changed = scores.copy()
    for row in rows:
        second, first = np.argsort(changed[row])[-2:]
        changed[row, [first, second]] = changed[row, [second, first]]
    return changed


def test_a_model_agrees_with_itself(scores, targets):
    result = compare(scores, scores, targets, Gate(0.01, 0.0, 1.0, 0))
    assert result.passed
    assert result.changes.flips.images == ()
    assert (result.answers.agreement, result.answers.accuracy_difference) == (1, 0)
    assert (result.probabilities.max_difference, result.probabilities.kl_divergence_nats) == (0, 0)
    assert result.calibration.ece_difference_interval == Interval(0, 0)
    assert (
        result.answers.reference_accuracy
        == result.answers.candidate_accuracy
        == (scores.argmax(1) == targets).mean()
    )


def test_changed_images_are_named(scores, targets):
    result = compare(scores, swap_best_two(scores, [3, 700]), targets, LENIENT)
    assert result.changes.flips.images == (3, 700)
    assert result.answers.agreement == 0.998
    assert result.changes.outside_ties == 2


def test_differences_are_those_of_numpy(scores, targets):
    candidate = softmax(np.log(scores) + np.random.default_rng(3).normal(scale=0.1, size=scores.shape))
    result = compare(scores, candidate, targets, LENIENT)
    difference = np.abs(candidate.astype(np.float64) - scores.astype(np.float64))
    assert result.probabilities.max_difference == difference.max()
    assert result.probabilities.mean_difference == difference.mean()


def test_a_drop_that_may_be_beyond_the_limit_fails(scores):
    """Of 1,000 images 8 lost: 0.8 points, with an interval from 1.57 (a root of Tango's equation) upwards."""
    targets = scores.argmax(axis=1).astype(np.uint8)
    lost = swap_best_two(scores, list(range(8)))
    assert compare(scores, lost, targets, Gate(max_drop=0.016)).passed
    [unsure] = compare(scores, lost, targets, Gate(max_drop=0.01)).breaches
    assert str(unsure) == (
        "max-drop: accuracy is 0.80 points lower and may be 1.57 points lower, 0.57 beyond the 1 allowed; "
        "1,000 images are too few to rule it out: take more, or allow more with --max-drop 1.58"
    )
    assert not unsure.certain
    [alone] = compare(scores[:1], scores[:1], targets[:1], Gate(max_drop=0.01)).breaches
    assert "1 image is too few for any model and can show at best 79.35 points: take 381 at" in str(alone)
    [sure] = compare(scores, lost, targets, Gate(max_drop=0.005)).breaches
    assert str(sure) == (
        "max-drop: accuracy is 0.80 points lower and may be 1.57 points lower, 1.1 beyond the 0.5 allowed; "
        "allow more with --max-drop 1.58"
    )
    assert sure.certain


@pytest.mark.parametrize(("lost", "certain"), [(4, False), (5, False), (6, True)])
def test_a_drop_of_exactly_the_limit_was_not_seen_beyond_it(scores, lost, certain):
    """δ of 0.5 points of 1,000 images allows 5 of them, and not 6."""
    targets = scores.argmax(axis=1).astype(np.uint8)
    result = compare(scores, swap_best_two(scores, list(range(lost))), targets, Gate(max_drop=0.005))
    assert result.answers.accuracy_difference == -lost / 1000
    assert [breach.certain for breach in result.breaches] == [certain]


def test_a_better_model_passes(scores):
    """Ten more right of 1,000: the interval is above zero."""
    better = swap_best_two(scores, list(range(10)))
    result = compare(scores, better, better.argmax(axis=1).astype(np.uint8), Gate(max_drop=0.0))
    assert result.answers.accuracy_difference == 0.01
    assert result.passed


def test_answers_that_the_original_was_sure_of_are_counted(scores, targets):
    sure, unsure = scores.copy(), scores.copy()
    sure[3], unsure[3] = np.eye(10)[0] * 0.4 + 0.06, np.eye(10)[0] * 0.6 + 0.04
    result = compare(unsure, swap_best_two(unsure, [3]), targets, Gate(1.0, max_confident_flips=0))
    assert result.changes.confident == (3,)
    assert str(result.breaches[0]) == (
        "max-confident-flips: 1 answer changed that the original gave at a margin of 0.5 or more, "
        "1 beyond the 0 allowed: images 3; allow more with --max-confident-flips 1"
    )
    assert compare(sure, swap_best_two(sure, [3]), targets, Gate(1.0, max_confident_flips=0)).passed


@pytest.mark.parametrize(
    ("scheme", "kept", "broken"), [("float32", 1, 2), ("dynamic", 3, 4), ("int8", 3, 4), ("int8-full", 3, 4)]
)
def test_so_many_sure_answers_may_change_by_chance(scheme, kept, broken, scores):
    """Of 1,000 images; that scipy's exact interval lies above the share is what decides."""
    sure = np.eye(10)[scores.argmax(axis=1)] * 0.6 + 0.04
    gate = replace(default_gate(scheme), max_drop=1.0, max_difference=None, min_agreement=0.0)

    def flipped(count: int) -> tuple[Breach, ...]:
        return compare(sure, swap_best_two(sure, list(range(count))), sure.argmax(axis=1), gate).breaches

    share = gate.max_confident_share
    assert share is not None
    for count in range(1, 12):
        low = stats.binomtest(count, 1000).proportion_ci(method="exact").low
        assert bool(flipped(count)) is (low > share)
    assert flipped(kept) == ()
    [breach] = flipped(broken)
    assert breach.gate == "max-confident-flips"
    assert breach.certain
    assert str(breach).endswith(f"; allow more with --max-confident-flips {broken}")


def test_no_scheme_is_refused_for_what_a_coarser_one_may_do():
    order = [default_gate(scheme) for scheme in ("float32", "float16", "dynamic", "int8", "int8-full")]
    for finer, coarser in pairwise(order):
        assert finer.max_drop <= coarser.max_drop
        assert finer.min_agreement >= coarser.min_agreement
        assert (finer.max_difference or 1) <= (coarser.max_difference or 1)
        assert (finer.max_confident_share or 0) <= (coarser.max_confident_share or 0)


@pytest.mark.parametrize("worse", [0, 3])
def test_too_few_images_are_no_failure_of_the_model(scores, worse):
    """500 images: 0.76 points are the least that can be ruled out (z²/(n + z²)), and 0.3 are allowed."""
    few = scores[:500]
    lost = swap_best_two(few, list(range(worse)))
    result = compare(few, lost, few.argmax(axis=1), Gate(0.003))
    assert (result.passed, result.verdict) == (False, "TOO FEW IMAGES")
    assert "; 500 images are too few for any model and can show at best 0.76 points: take 1,277 at" in str(
        result.breaches[0]
    )


def test_what_is_lost_beyond_chance_fails_on_few_images_too(scores):
    few = scores[:500]
    result = compare(few, swap_best_two(few, list(range(8))), few.argmax(axis=1), Gate(0.003))
    assert result.verdict == "FAIL"


@pytest.mark.parametrize("lost", [0, 3, 8, 100])
def test_the_limit_that_a_refusal_names_accepts_it(scores, lost):
    few = scores[:500]
    candidate = swap_best_two(few, list(range(lost)))
    gate = Gate(0.003, 1e-5, 0.99, 0)
    for breach in compare(few, candidate, few.argmax(axis=1), gate).breaches:
        option, value = breach.text.rpartition(" with --")[2].split()
        field = {"max-drop": "max_drop"}.get(option, option.replace("-", "_"))
        number = float(value) / 100 if option == "max-drop" else float(value)
        gate = replace(gate, **{field: int(value) if field == "max_confident_flips" else number})
    assert compare(few, candidate, few.argmax(axis=1), gate).passed


@pytest.mark.parametrize(
    ("scheme", "points", "difference", "agreement", "flips"),
    [
        ("float32", 0.1, 1e-5, 0.99, 1e-4),
        ("float16", 0.3, 0.01, 0.99, 1e-4),
        ("dynamic", 0.3, None, 0.95, 1e-3),
        ("int8", 0.5, None, 0.95, 1e-3),
        ("int8-full", 1.0, None, 0.9, 1e-3),
        ("unknown", 0.5, None, 0.0, None),
    ],
)
def test_default_gates(scheme, points, difference, agreement, flips):
    assert default_gate(scheme) == Gate(points / 100, difference, agreement, max_confident_share=flips)


def test_one_probability_too_far_off_fails(scores, targets):
    candidate = scores.copy()
    candidate[17, 4] += np.float32(3e-5)
    result = compare(scores, candidate, targets, Gate(1.0, 1e-5))
    assert [str(breach) for breach in result.breaches] == [
        "max-difference: a probability differs by 3e-05, 2e-05 beyond the 1e-05 allowed; "
        "allow more with --max-difference 3e-05"
    ]
    assert compare(scores, candidate, targets, Gate(1.0, 1e-4)).passed


def test_ties_are_rows_whose_best_two_an_allowed_difference_could_swap():
    """Twice 1e-3 on either side of a margin of 1.9e-3 can meet; of 2.1e-3 they cannot."""
    reference = np.array([[0.5, 0.4981, 0.0019], [0.5, 0.4979, 0.0021]], np.float32)
    candidate = np.array([[0.4990, 0.4991, 0.0019], [0.5, 0.4979, 0.0021]], np.float32)
    result = compare(reference, candidate, np.zeros(2, np.uint8), Gate(1.0, 1e-3))
    assert result.changes.ties == 1
    assert result.changes.flips.images == (0,)
    assert result.changes.outside_ties == 0


def test_without_an_allowed_difference_only_equal_scores_tie():
    reference = np.array([[0.6, 0.4], [0.5001, 0.4999]], np.float32)
    candidate = np.array([[0.5, 0.5], [0.4999, 0.5001]], np.float32)
    result = compare(reference, candidate, np.zeros(2, np.uint8), LENIENT)
    assert result.changes.ties == 1
    assert result.changes.flips.images == (1,)
    assert result.changes.outside_ties == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_nan_is_never_compared(scores, targets, value, side):
    pair = [scores.copy(), scores.copy()]
    pair[side][5, 5] = value
    with pytest.raises(ResultError, match="NaN or infinity"):
        compare(*pair, targets, LENIENT)


def test_scores_of_other_images_are_refused(scores, targets):
    with pytest.raises(ResultError, match="do not describe the same images"):
        compare(scores, scores[:999], targets, LENIENT)
    with pytest.raises(ResultError, match="do not describe the same images"):
        compare(scores, scores, targets[:999], LENIENT)
    with pytest.raises(ResultError, match="do not describe the same images"):
        compare(scores[:0], scores[:0], targets[:0], LENIENT)


@pytest.mark.parametrize(
    ("scores", "targets"),
    [
        (np.ones((5, 1), np.float32), np.zeros(5, np.uint8)),
        (np.full((5, 3), 1 / 3, np.float32), np.eye(5, 3, dtype=np.uint8)),
    ],
    ids=["one class", "one-hot targets"],
)
def test_arrays_of_another_shape_are_refused(scores, targets):
    with pytest.raises(ResultError, match="do not describe the same images"):
        compare(scores, scores, targets, LENIENT)


def test_true_classes_are_whole_numbers(scores, targets):
    with pytest.raises(ResultError, match=r"true classes are integers, not float32; use .astype"):
        compare(scores, scores, targets.astype(np.float32), LENIENT)


@pytest.mark.parametrize("target", [-1, 10])
def test_true_classes_beyond_the_scores_are_refused(scores, targets, target):
    targets = targets.astype(np.int64)
    targets[7] = target
    with pytest.raises(
        ResultError,
        match=f"true classes from .*{target}.* do not fit scores of 10 classes, which are counted from 0",
    ):
        compare(scores, scores, targets, LENIENT)


def test_logits_are_no_probabilities(scores, targets):
    """A margin of 0.5 between logits is nothing: answers would count as confident that are not."""
    logits = np.log(scores)
    for pair, whose in (((logits, scores), "the original's"), ((scores, logits), "the converted model's")):
        with pytest.raises(ResultError, match=f"{whose} scores range from -.* and are not probabilities"):
            compare(*pair, targets, LENIENT)


def test_scores_that_count_integers_are_refused(scores, targets):
    """The raw output of an int8 model: its differences are no probabilities' and no limit would hold them."""
    counts = (scores * 256).astype(np.uint8)
    with pytest.raises(ResultError, match="original's scores are uint8, not floats; turn levels into proba"):
        compare(counts, counts, targets, LENIENT)


@pytest.mark.parametrize(
    "limits",
    [
        (np.nan,),
        (-0.1,),
        (5,),
        (np.inf,),
        (0.1, np.nan),
        (0.1, -1.0),
        (0.1, 1.1),
        (0.1, None, 1.1),
        (0.1, None, np.nan),
        (0.1, None, 0, -1),
        (0.1, None, 0, 0, 1.1),
    ],
)
def test_a_gate_that_nothing_could_break_is_refused(limits):
    with pytest.raises(ValueError, match="are fractions from 0 to 1"):
        Gate(*limits)


def test_an_accuracy_may_be_asked_for(scores, targets):
    """Whatever the original's is: both may have been replaced by a worse pair."""
    right = int((scores.argmax(axis=1) == targets).sum())
    accuracy = right / len(targets)
    assert compare(scores, scores, targets, Gate(1.0, min_accuracy=accuracy)).passed
    [unsure] = compare(scores, scores, targets, Gate(1.0, min_accuracy=accuracy + 0.001)).breaches
    assert (unsure.gate, unsure.certain) == ("min-accuracy", False)
    assert "points short of" in str(unsure)
    assert f"allow less with --min-accuracy {int(10_000 * accuracy) / 10_000:g}" in str(unsure)
    [sure] = compare(scores, scores, targets, Gate(1.0, min_accuracy=1.0)).breaches
    assert sure.certain
    assert sure.measured == accuracy


def test_a_model_that_changes_too_many_answers_fails_though_it_loses_none(scores, targets):
    """Wrong answers for wrong answers: accuracy cannot tell."""
    wrong = [int(row) for row in np.flatnonzero(scores.argmax(axis=1) != targets)][:100]
    changed = swap_best_two(scores, wrong)
    assert compare(scores, changed, targets, Gate(1.0, min_agreement=0.9)).passed
    [unsure] = compare(scores, changed, targets, Gate(1.0, min_agreement=0.901)).breaches
    assert str(unsure) == (
        "min-agreement: agreement is 90.00%, 0.10 points short of 90.1%; 1,000 images are too few to tell: "
        "take more, or allow less with --min-agreement 0.9"
    )
    assert not unsure.certain
    [sure] = compare(scores, changed, targets, Gate(1.0, min_agreement=0.95)).breaches
    assert str(sure) == (
        "min-agreement: agreement is 90.00%, 5.00 points short of 95%; allow less with --min-agreement 0.9"
    )
    assert sure.certain


def test_a_gate_allows_what_rounding_makes_in_the_original():
    assert Gate(0.001, 1e-5).allowing(1e-6) == Gate(0.001, 1e-5)
    assert Gate(0.001, 1e-5).allowing(1e-5) == Gate(0.001, 4e-5)
    assert Gate(0.001, 1e-2).allowing(1e-5) == Gate(0.001, 4e-2)  # in proportion
    assert Gate(0.001, 1e-5).allowing(0.5) == Gate(0.001, 1.0)
    assert Gate(0.001).allowing(1e-5) == Gate(0.001)


def test_lists_are_compared_as_arrays_are(scores, targets):
    few, truth = scores[:50], targets[:50]
    assert compare(few.tolist(), few.tolist(), truth.tolist(), LENIENT) == compare(few, few, truth, LENIENT)


@pytest.mark.parametrize(
    ("reference", "targets", "complaint"),
    [
        ([0, 1, 2], [0, 1, 2], "class numbers alone cannot be compared; give the probabilities"),
        (None, [0], "the original's scores are object, not numbers"),
        ([[0.5, 0.5], [1.0]], [0, 1], "the original's scores are not an array"),
        ([[0.5, 0.5]], ["cat"], "the true classes are <U3, not numbers"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(reference, targets, complaint):
    with pytest.raises(ResultError, match=complaint):
        compare(reference, reference, targets, LENIENT)
