"""Decide which artifact to ship, with the reasons and the costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fmnist.runs.results import ModelResults
from fmnist.scoring.evaluate import guessing
from fmnist.text.tables import microseconds, percent, points, size
from fmnist_runtime.timing.samples import Percentile
from fmnist_runtime.timing.trust import STABLE


@dataclass(frozen=True)
class ShippingCost:
    """One change from shipping an artifact in place of the original."""

    what: str
    """What changes."""
    value: str
    """The change, as text."""
    detail: str
    """The figures behind it."""


@dataclass(frozen=True)
class Alternative:
    """The artifact to ship when another property matters most."""

    priority: str
    """That property."""
    model: ModelResults
    """The artifact."""


@dataclass(frozen=True)
class Decision:
    """The artifact to ship."""

    model: ModelResults | None
    """The artifact; None if there is none."""
    reasons: tuple[str, ...]
    """Reasons for the decision, as sentences."""
    doubts: tuple[str, ...] = ()
    """Warnings, as sentences."""
    costs: tuple[ShippingCost, ...] = ()
    """Differences from the original."""
    alternatives: tuple[Alternative, ...] = ()
    """Artifacts that are better in one property."""


def decide(original: ModelResults, artifacts: Sequence[ModelResults]) -> Decision:
    """Choose the fastest artifact that passes the gate.

    Where the 95% interval of a median overlaps that of the fastest, chance may explain the difference. Of
    those artifacts the one that agrees most with the original is chosen, and of equal ones the smallest. None
    is chosen where the original itself may be guessing.
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
        doubts=_doubts(chosen, artifacts, compared, sound, timed),
        costs=_costs(original, chosen),
        alternatives=_alternatives(chosen, sound),
    )


def _fastest(timed: Sequence[ModelResults]) -> list[ModelResults]:
    """Return those whose difference from the fastest chance may explain."""
    bound = min((found for model in timed if (found := _p50(model))), key=lambda found: found.value).high
    return [model for model in timed if (found := _p50(model)) and found.low <= bound]


def _why_none(artifacts: Sequence[ModelResults], compared: Sequence[ModelResults]) -> str:
    if not artifacts:
        return "There is no artifact to choose from."
    if not compared:
        return "No artifact was compared with the original, so none may replace it."
    those = "The only compared artifact does not pass the gate"
    if len(compared) > 1:
        those = f"None of the {len(compared)} compared artifacts passes the gate"
    breaches = [breach for model in compared if model.parity for breach in model.parity.breaches]
    if any(breach.certain for breach in breaches):
        return f"{those}."
    return f"{those}: there are too few test images to rule out a loss."


def _reasons(
    chosen: ModelResults,
    compared: Sequence[ModelResults],
    timed: Sequence[ModelResults],
    alike: Sequence[ModelResults],
) -> tuple[str, ...]:
    sound = sum(model.verdict == "pass" for model in compared)
    if len(compared) == 1:
        return ("It passes the gate. No other artifact was compared.",)
    if sound == 1:
        return (f"It is the only one of {len(compared)} compared artifacts that passes the gate.",)
    passing = f"All {sound}" if sound == len(compared) else f"{sound} of {len(compared)}"
    kept, changes = f"{passing} compared artifacts pass the gate.", _changed(chosen)
    if not timed:
        return kept, f"None of them was timed. It changes the fewest answers: {changes:,}."
    if len(timed) == 1:
        return kept, "It is the only one of them that was timed."
    others = [f"{model.name}, which changes {_changed(model):,}" for model in alike if model is not chosen]
    if not others:
        return kept, "It is the fastest of them, by more than chance explains."
    return (
        kept,
        f"It is among the fastest of them, and changes {changes:,} answer{'s' * (changes != 1)}. Chance may "
        f"explain its difference in time from {'; and from '.join(others)}.",
    )


def _doubts(
    chosen: ModelResults,
    artifacts: Sequence[ModelResults],
    compared: Sequence[ModelResults],
    sound: Sequence[ModelResults],
    timed: Sequence[ModelResults],
) -> tuple[str, ...]:
    doubts = []
    if chosen.timing and chosen.timing.verdict != STABLE:
        reasons = "; ".join(chosen.timing.reasons)
        doubts.append(f"Its time is {chosen.timing.verdict}: {reasons}.")
    if missing := len(artifacts) - len(compared):
        were = "was" if missing == 1 else "were"
        doubts.append(f"{missing} of {len(artifacts)} artifacts {were} not compared with the original.")
    if timed and (missing := len(sound) - len(timed)):  # one of these may be faster than the fastest
        were = "was" if missing == 1 else "were"
        doubts.append(f"{missing} of the {len(sound)} artifacts that pass the gate {were} not timed.")
    return tuple(doubts)


def _costs(original: ModelResults, chosen: ModelResults) -> tuple[ShippingCost, ...]:
    parity = chosen.parity
    assert parity is not None  # else it could not have been chosen
    answers, interval = parity.answers, parity.answers.accuracy_difference_interval
    costs = [
        ShippingCost(
            "accuracy",
            f"{points(answers.accuracy_difference)} points",
            f"{percent(answers.candidate_accuracy)}; the difference is "
            f"{points(interval.low)} to {points(interval.high)} with 95% confidence",
        ),
        ShippingCost(
            "answers changed",
            f"{_changed(chosen):,} of {answers.images:,}",
            f"{answers.worse:,} worse, {answers.better:,} better, {answers.wrong_to_wrong:,} wrong to wrong",
        ),
    ]
    if original.size_bytes:
        share = f"{original.name}: {size(original.size_bytes)}"
        costs.append(ShippingCost("file", size(chosen.size_bytes), share))
    after, before = _p50(chosen), _p50(original)
    if after:
        beside = f"; {original.name}: {microseconds(before.value)} µs" if before else ""
        costs.append(ShippingCost("time for an image", f"{microseconds(after.value)} µs", f"median{beside}"))
    return tuple(costs)


def _alternatives(chosen: ModelResults, sound: Sequence[ModelResults]) -> tuple[Alternative, ...]:
    """Return the artifacts that agree more with the original, or are smaller; none is faster."""
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
