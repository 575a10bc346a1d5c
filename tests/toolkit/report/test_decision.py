"""Which artifact is named, why, and what it is said to cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.timings import timed

from fmnist.report.decision import decide
from fmnist.results.timed import TimedModel
from fmnist.runs.results import ModelResults
from fmnist_runtime.evaluate import evaluate
from fmnist_runtime.parity import Gate, compare
from fmnist_runtime.timing.samples import Percentile
from fmnist_runtime.timing.trust import NOISY, STABLE

IMAGES = 4000
TARGETS = np.zeros(IMAGES, np.uint8)
ORIGINAL = ModelResults("model.keras", "keras", "original", 1_250_000, "")
RIGHT, WRONG = np.array([0.6, 0.4], np.float32), np.array([0.4, 0.6], np.float32)


def scores(flips: int) -> np.ndarray:
    return np.concatenate([np.tile(WRONG, (flips, 1)), np.tile(RIGHT, (IMAGES - flips, 1))])


def timing(
    p50: float, spread: float = 0.01, verdict: str = STABLE, reasons: tuple[str, ...] = ()
) -> TimedModel:
    figures = Percentile(p50, p50 - spread, p50 + spread)
    return replace(timed("a.tflite", [1]), p50_us=figures, verdict=verdict, reasons=reasons)


def artifact(
    name: str, flips: int = 0, p50: float | None = None, size: int = 1000, max_drop: float = 0.01, **how
) -> ModelResults:
    return ModelResults(
        name,
        "tflite",
        "int8",
        size,
        name,
        parity=compare(scores(0), scores(flips), TARGETS, Gate(max_drop)),
        timing=None if p50 is None else timing(p50, **how),
    )


def test_the_fastest_that_passes():
    fast, slow = artifact("fast", 8, 2.0), artifact("slow", 0, 5.0)
    decision = decide(ORIGINAL, [slow, fast])
    assert decision.model is fast
    assert decision.reasons == (
        "All 2 compared artifacts pass the gate.",
        "It is the fastest of them, by more than chance explains.",
    )
    assert [(other.priority, other.model.name) for other in decision.alternatives] == [
        ("every answer counts", "slow")
    ]


def test_never_one_that_failed_however_fast():
    broken, sound = artifact("broken", 400, 1.0), artifact("sound", 4, 5.0)
    assert broken.verdict == "FAIL"
    decision = decide(ORIGINAL, [broken, sound])
    assert decision.model is sound
    alone = "It is the only one of 2 compared artifacts that passes the gate."
    assert decision.reasons == (alone,)
    assert all(other.model is not broken for other in decision.alternatives)


def test_some_passed_and_some_did_not():
    [kept, _] = decide(ORIGINAL, [artifact("broken", 400), artifact("a", 4), artifact("b", 8)]).reasons
    assert kept == "2 of 3 compared artifacts pass the gate."


def test_the_only_one_is_beside_no_other():
    assert decide(ORIGINAL, [artifact("a", 4, 1.0)]).reasons == (
        "It passes the gate. No other artifact was compared.",
    )


def test_of_those_that_time_does_not_tell_apart_the_most_faithful():
    """The intervals 1.9 to 2.1 and 2.05 to 2.25 overlap; 2.2 to 2.4 has no more than its end in common."""
    fastest, alike, slower = (
        artifact("fastest", 12, 2.0, spread=0.1),
        artifact("alike", 4, 2.15, spread=0.1),
        artifact("slower", 0, 2.3, spread=0.1),
    )
    decision = decide(ORIGINAL, [fastest, alike, slower])
    assert decision.model is alike
    assert decision.reasons[1] == (
        "It is among the fastest of them, and changes 4 answers. Chance may explain its difference in time "
        "from fastest, which changes 12."
    )


def test_of_equally_faithful_ones_the_smallest():
    small, large = artifact("small", 4, 2.0, size=100), artifact("large", 4, 2.0, size=200)
    assert decide(ORIGINAL, [large, small]).model is small


def test_without_times_the_most_faithful_and_it_says_so():
    decision = decide(ORIGINAL, [artifact("some", 8), artifact("none", 0)])
    assert decision.model is not None
    assert decision.model.name == "none"
    assert decision.reasons[1] == "None of them was timed. It changes the fewest answers: 0."
    assert [cost.what for cost in decision.costs] == ["accuracy", "answers changed", "file"]


def test_one_that_was_not_timed_may_be_faster_and_it_says_so():
    timed, others = artifact("timed", 8, 2.0), [artifact("one", 0), artifact("two", 4)]
    decision = decide(ORIGINAL, [*others, timed])
    assert decision.model is timed
    assert decision.reasons[1] == "It is the only one of them that was timed."
    assert decision.doubts == ("2 of the 3 artifacts that pass the gate were not timed.",)
    decision = decide(ORIGINAL, [others[0], timed, artifact("slow", 0, 9.0)])
    assert decision.model is timed
    assert decision.doubts == ("1 of the 3 artifacts that pass the gate was not timed.",)


def test_the_only_one_is_the_fastest_of_nothing():
    decision = decide(ORIGINAL, [artifact("int8", 8, 2.0)])
    assert decision.reasons == ("It passes the gate. No other artifact was compared.",)


def test_what_it_costs():
    decision = decide(ORIGINAL, [artifact("int8", 8, 2.0)])
    interval = decision.model.parity.answers.accuracy_difference_interval
    assert [(cost.what, cost.value, cost.detail) for cost in decision.costs] == [
        (
            "accuracy",
            "-0.20 points",
            f"99.80%; the difference is {100 * interval.low:+.2f} to {100 * interval.high:+.2f} "
            "with 95% confidence",
        ),
        ("answers changed", "8 of 4,000", "8 worse, 0 better, 0 wrong to wrong"),
        ("file", "1.0 kB", "model.keras: 1.25 MB"),
        ("time for an image", "2.00 µs", "median"),
    ]


def test_its_time_stands_beside_that_of_the_original():
    original = replace(ORIGINAL, timing=timing(1400.0))
    [*_, cost] = decide(original, [artifact("int8", 8, 2.0)]).costs
    assert (cost.value, cost.detail) == ("2.00 µs", "median; model.keras: 1,400 µs")


def test_a_time_that_is_not_stable_is_a_doubt():
    [doubt] = decide(ORIGINAL, [artifact("int8", 0, 2.0, verdict=NOISY, reasons=("a", "b"))]).doubts
    assert doubt == "Its time is NOISY: a; b."


@pytest.mark.parametrize(
    ("artifacts", "reason"),
    [
        ([], "There is no artifact to choose from."),
        (
            [ModelResults("a", "tflite", "int8", 1, "")],
            "No artifact was compared with the original, so none may replace it.",
        ),
        (
            [artifact("a", 400, 1.0), artifact("b", 500, 1.0)],
            "None of the 2 compared artifacts passes the gate.",
        ),
        (
            [artifact("a", 400, 1.0)],
            "The only compared artifact does not pass the gate.",
        ),
        (
            [artifact("a", max_drop=0.0001), artifact("b", max_drop=0.0001)],  # 4,000 images tell 0.1 points
            "None of the 2 compared artifacts passes the gate: there are too few test images to "
            "rule out a loss.",
        ),
    ],
)
def test_nothing_is_named_where_nothing_may_be_shipped(artifacts, reason):
    decision = decide(ORIGINAL, artifacts)
    assert decision.model is None
    assert decision.reasons == (reason,)
    assert decision.costs == decision.alternatives == ()


def guesser(right: int, images: int, largest: int) -> ModelResults:
    """An original that is right so often, on two classes of which the first has so many images."""
    targets = np.arange(images) >= largest
    answers = np.where(np.arange(images) < right, targets, ~targets)
    evaluation = evaluate(np.eye(2, dtype=np.float32)[answers.astype(int)], targets.astype(np.uint8))
    return replace(ORIGINAL, evaluation=evaluation)


@pytest.mark.parametrize(
    ("right", "images", "largest", "low"),
    [
        (500, 1000, 500, "46.91%"),  # at chance
        (700, 1000, 700, "67.09%"),  # always the same answer
        (100, 1000, 600, "8.29%"),  # worse than that
        (515, 1000, 500, "48.40%"),  # luckier, which chance explains
        (5, 5, 3, "56.55%"),  # all right, of too few
    ],
)
def test_nothing_is_shipped_of_an_original_that_may_be_guessing(right, images, largest, low):
    """Wilson's lower end, (p + z²/2n - z√(p(1-p)/n + z²/4n²)) / (1 + z²/n), with z² of 3.8415."""
    decision = decide(guesser(right, images, largest), [artifact("a", 0, 1.0)])
    assert decision.model is None
    assert decision.costs == decision.alternatives == ()
    [reason] = decision.reasons
    assert f"accuracy {100 * right / images:.2f}% (with 95% confidence {low} or more)" in reason
    assert f"{100 * largest / images:.2f}%, which always naming the largest class gives" in reason
    assert "train it longer" in reason


@pytest.mark.parametrize(("right", "images", "largest"), [(540, 1000, 500), (10, 10, 5), (760, 1000, 700)])
def test_one_that_is_surely_better_than_guessing_may_be_replaced(right, images, largest):
    """Their lower ends are 50.90, 72.25 and 73.26%."""
    chosen = artifact("a", 0, 1.0)
    assert decide(guesser(right, images, largest), [chosen]).model is chosen


def test_what_was_not_compared_is_a_doubt():
    decision = decide(ORIGINAL, [artifact("a", 0, 1.0), ModelResults("b", "onnx", "int8", 1, "")])
    assert decision.doubts == ("1 of 2 artifacts was not compared with the original.",)
