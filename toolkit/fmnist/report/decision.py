"""Which artifact to ship, why, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fmnist.runs.results import ModelResults
from fmnist.scoring.evaluate import guessing
from fmnist.text.tables import microseconds, percent, points, size
from fmnist_runtime.timing.percentiles import Percentile
from fmnist_runtime.timing.trust import STABLE


@dataclass(frozen=True)
class Cost:
    """One thing that shipping an artifact changes."""

    what: str
    """What it is."""
    value: str
    """By how much, as a person would say it."""
    detail: str
    """What that rests on."""


@dataclass(frozen=True)
class Alternative:
    """What to ship when something else matters most."""

    priority: str
    """What matters then."""
    model: ModelResults
    """The artifact."""


@dataclass(frozen=True)
class Decision:
    """Which artifact to ship."""

    model: ModelResults | None
    """That artifact; None where none can be named."""
    reasons: tuple[str, ...]
    """Why it is that one, or why it is none, a sentence each."""
    doubts: tuple[str, ...] = ()
    """What is to be known before it is shipped, a sentence each."""
    costs: tuple[Cost, ...] = ()
    """What changes beside the original."""
    alternatives: tuple[Alternative, ...] = ()
    """What else there is, where another artifact is better at one thing."""


def decide(original: ModelResults, artifacts: Sequence[ModelResults]) -> Decision:
    """Take the fastest of those that may replace the original.

    Where the 95% interval of a median overlaps that of the fastest, chance may explain the difference; of
    those it is the one that gives the most answers of the original, and then the smallest. It is none where
    the original itself may be guessing.
    """
    doubt = guessing(original.evaluation) if original.evaluation else None
    if doubt:
        return Decision(None, (f"The original may have learned nothing: {doubt}.",))
    compared = [model for model in artifacts if model.parity]
    sound = [model for model in compared if model.verdict == "pass"]
    if not sound:
        return Decision(None, (_why_none(artifacts, compared),))
    timed = [model for model in sound if _p50(model)]
    alike = _fastest(timed) if timed else sound
    chosen = min(alike, key=lambda model: (-_agreement(model), model.size_bytes))
    return Decision(
        model=chosen,
        reasons=_reasons(chosen, compared, timed, alike),
        doubts=_doubts(chosen, artifacts, compared) + _untimed(sound, timed),
        costs=_costs(original, chosen),
        alternatives=_alternatives(chosen, sound),
    )


def _fastest(timed: Sequence[ModelResults]) -> list[ModelResults]:
    """Those that cannot be told from the fastest."""
    bound = min((found for model in timed if (found := _p50(model))), key=lambda found: found.value).high
    return [model for model in timed if (found := _p50(model)) and found.low <= bound]


def _why_none(artifacts: Sequence[ModelResults], compared: Sequence[ModelResults]) -> str:
    if not artifacts:
        return "There is no artifact to choose from."
    if not compared:
        return "Nothing was compared with the original, so nothing may replace it."
    those = "The one artifact that was compared does not keep its limits"
    if len(compared) > 1:
        those = f"None of the {len(compared)} artifacts that were compared keeps its limits"
    breaches = [breach for model in compared if model.parity for breach in model.parity.breaches]
    if any(breach.certain for breach in breaches):
        return f"{those}."
    return f"{those}: the test images are too few to rule out that they do worse."


def _reasons(
    chosen: ModelResults,
    compared: Sequence[ModelResults],
    timed: Sequence[ModelResults],
    alike: Sequence[ModelResults],
) -> tuple[str, ...]:
    sound = sum(model.verdict == "pass" for model in compared)
    limits = "every limit on how far answers may drift from the original's"
    if len(compared) == 1:
        return (f"It keeps {limits}; no other was compared.",)
    if sound == 1:
        return (f"Of the {len(compared)} compared it alone keeps {limits}.",)
    those = f"all {sound}" if sound == len(compared) else f"{sound} of the {len(compared)}"
    kept = f"It keeps {limits}, as {those} compared do."
    changes = _changed(chosen)
    if not timed:
        return kept, f"None was timed; of these it changes the fewest answers: {changes:,}."
    if len(timed) == 1:
        return kept, "Of these it is the only one that was timed."
    others = [f"{model.name}, which changes {_changed(model):,}" for model in alike if model is not chosen]
    if not others:
        return kept, "Of these it is the fastest, beyond what chance explains."
    return (
        kept,
        f"Of these it is among the fastest, and changes {changes:,} answer{'s' * (changes != 1)}; chance may "
        f"explain its difference in time from {'; and from '.join(others)}.",
    )


def _doubts(
    chosen: ModelResults, artifacts: Sequence[ModelResults], compared: Sequence[ModelResults]
) -> tuple[str, ...]:
    doubts = []
    if chosen.timing and chosen.timing.verdict != STABLE:
        reasons = "; ".join(chosen.timing.reasons)
        doubts.append(f"Its time is {chosen.timing.verdict}: {reasons}.")
    if len(compared) < len(artifacts):
        missing = len(artifacts) - len(compared)
        were = "was" if missing == 1 else "were"
        doubts.append(f"{missing} of {len(artifacts)} artifacts {were} not compared with the original.")
    return tuple(doubts)


def _untimed(sound: Sequence[ModelResults], timed: Sequence[ModelResults]) -> tuple[str, ...]:
    """Where only some have a time, one of the others may be faster than the fastest."""
    missing = len(sound) - len(timed)
    if not timed or not missing:
        return ()
    were = "was" if missing == 1 else "were"
    return (f"{missing} of the {len(sound)} that keep their limits {were} not timed.",)


def _costs(original: ModelResults, chosen: ModelResults) -> tuple[Cost, ...]:
    parity = chosen.parity
    assert parity is not None  # else it could not have been chosen
    answers, interval = parity.answers, parity.answers.accuracy_difference_interval
    costs = [
        Cost(
            "accuracy",
            f"{points(answers.accuracy_difference)} points",
            f"{percent(answers.candidate_accuracy)}; the difference is "
            f"{points(interval.low)} to {points(interval.high)} with 95% confidence",
        ),
        Cost(
            "answers changed",
            f"{_changed(chosen):,} of {answers.images:,}",
            f"{answers.worse:,} worse, {answers.better:,} better, {answers.wrong_to_wrong:,} wrong to wrong",
        ),
    ]
    if original.size_bytes:
        share = f"{size(original.size_bytes)} as {original.name}"
        costs.append(Cost("file", size(chosen.size_bytes), share))
    after, before = _p50(chosen), _p50(original)
    if after:
        beside = f", {microseconds(before.value)} µs with {original.name}" if before else ""
        costs.append(Cost("time for an image", f"{microseconds(after.value)} µs", f"median{beside}"))
    return tuple(costs)


def _alternatives(chosen: ModelResults, sound: Sequence[ModelResults]) -> tuple[Alternative, ...]:
    """What is better than the chosen one at something else; in speed nothing is."""
    faithful = max(sound, key=_agreement)
    small = min(sound, key=lambda model: model.size_bytes)
    alternatives = []
    if _agreement(faithful) > _agreement(chosen):
        alternatives.append(Alternative("every answer counts", faithful))
    if small.size_bytes < chosen.size_bytes:
        alternatives.append(Alternative("the file must be small", small))
    return tuple(alternatives)


def _p50(model: ModelResults) -> Percentile | None:
    return model.timing.p50_us if model.timing else None


def _changed(model: ModelResults) -> int:
    return len(model.parity.changes.flips.images) if model.parity else 0


def _agreement(model: ModelResults) -> float:
    return model.parity.answers.agreement if model.parity else 0.0
