"""How far a converted model may be from its original, and by how much one is further."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fmnist_runtime.parity.answers import Answers
from fmnist_runtime.parity.changes import CONFIDENT_MARGIN, Changes
from fmnist_runtime.parity.probabilities import Probabilities

ROUNDINGS = 4
"""Two float32 models that sum in different orders are each one rounding from the truth, so at most two from
each other; twice that, as the rounding is measured on some of the images only."""
FLOAT32_DIFFERENCE = 1e-5
"""Largest difference of a probability that reordered float32 sums explain: almost three times the largest
over five trainings of the default network (3.6e-6, benchmarks/exports.py). A network with large logits is
allowed more: see `Gate.allowing`."""
FLOAT16_DIFFERENCE = 1e-2
"""The same of weights that are rounded to 11 bits: ten times the largest over five trainings of the default
network (1.0e-3, benchmarks/exports.py), as networks differ more in this."""
_NAMED = 5
"""Images that a breach names."""


@dataclass(frozen=True)
class Gate:
    """How far a converted model may be from its original."""

    max_drop: float
    """Loss of accuracy that must be ruled out, as a fraction (0.005 is half a percentage point): the lower
    end of the 95 % interval of the difference must lie above its negative."""
    max_difference: float | None = None
    """Largest difference of any one probability; None where the scheme rounds too coarsely for one."""
    min_agreement: float = 0.0
    """Least share of images that both give the same class. Accuracy alone tells nothing where the original
    itself is mostly wrong, as on images of another data set."""
    max_confident_flips: int | None = None
    """How many answers may change that the original gave at a margin of 0.5 or more; None for any number."""

    def allowing(self, rounding: float) -> Gate:
        """The same gate, wider in proportion where float32 arithmetic itself leaves more open than usual.

        Args:
            rounding: Largest difference of a probability that rounding makes in the original.
        """
        if self.max_difference is None:
            return self
        wider = ROUNDINGS * rounding * (self.max_difference / FLOAT32_DIFFERENCE)
        return replace(self, max_difference=max(self.max_difference, min(wider, 1.0)))

    def __post_init__(self) -> None:
        """Refuse limits that no figure could break."""
        fractions = (self.max_drop, self.max_difference or 0.0, self.min_agreement)
        if not (all(0 <= limit <= 1 for limit in fractions) and (self.max_confident_flips or 0) >= 0):
            raise ValueError(
                "a gate's limits are fractions from 0 to 1 (0.005 is half a percentage point), and a number "
                f"of answers, not {self}"
            )


@dataclass(frozen=True)
class Breach:
    """A limit that a converted model broke."""

    gate: str
    """Name of the limit, as the command line has it: ``max-drop`` …"""
    limit: float
    """The limit."""
    measured: float
    """What it was held against, in the same unit."""
    certain: bool
    """Whether the model was seen beyond the limit; False where only the interval of a figure is, so that
    too few images may be all that is wrong."""
    text: str
    """What is wrong and by how much, in one line."""

    def __str__(self) -> str:
        return f"{self.gate}: {self.text}"


# Accuracy: a float32 model computes the same sums; float16 and int8 weights cost a few images either way; the
# fewer floats remain, the more the scores tie. Agreement is far below what sound models have; it tells when
# accuracy does not. No sound export of five kinds of networks changed an answer of a margin above 0.23; one
# that changes an answer of 0.5 and more is broken, or is of a network that hangs by hairs anyway.
GATES = {
    "float32": Gate(0.001, FLOAT32_DIFFERENCE, 0.99, max_confident_flips=0),
    "float16": Gate(0.003, FLOAT16_DIFFERENCE, 0.99, max_confident_flips=0),
    "dynamic": Gate(0.003, None, 0.95, max_confident_flips=0),
    "int8": Gate(0.005, None, 0.95, max_confident_flips=0),
    "int8-full": Gate(0.010, None, 0.90, max_confident_flips=0),
}
"""The default gate of each scheme."""
UNKNOWN_GATE = Gate(0.005)
"""Of a file of unknown scheme: the accuracy gate of int8, the coarsest that is shipped for its accuracy. Such
a file may have been trained on, and then answer otherwise for good reasons."""


def default_gate(scheme: str) -> Gate:
    """The gate of a scheme, or `UNKNOWN_GATE`."""
    return GATES.get(scheme, UNKNOWN_GATE)


def find_breaches(
    gate: Gate, answers: Answers, probabilities: Probabilities, changes: Changes
) -> tuple[Breach, ...]:
    """The limits of a gate that the figures of a comparison break; none when it passes."""
    found = (
        _drop(gate.max_drop, answers),
        _agreement(gate.min_agreement, answers),
        _difference(gate.max_difference, probabilities.max_difference),
        _confident(gate.max_confident_flips, changes.confident),
    )
    return tuple(breach for breach in found if breach)


def _drop(limit: float, answers: Answers) -> Breach | None:
    worst = -answers.accuracy_difference_interval.low
    if worst < limit:
        return None
    lost = answers.worse - answers.better
    # Counted in images, so that a drop of exactly the limit is not a matter of float rounding.
    certain = lost > round(limit * answers.images, 6)
    seen = f"{100 * abs(lost) / answers.images:.2f} points {'lower' if lost > 0 else 'higher'}"
    text = (
        f"accuracy is {seen if lost else 'the same'} and may be {100 * worst:.2f} points lower, "
        f"{100 * (worst - limit):.2g} beyond the {100 * limit:g} allowed"
    )
    if not certain:
        images = "1 image is" if answers.images == 1 else f"{answers.images:,} images are"
        few = f"{images} too few to rule it out"
        text += f"; {few}: take more, or allow more with --max-drop"
    return Breach("max-drop", limit, worst, certain, text)


def _agreement(limit: float, answers: Answers) -> Breach | None:
    if answers.agreement >= limit:
        return None
    short = 100 * (limit - answers.agreement)
    text = f"agreement is {100 * answers.agreement:.2f} %, {short:.2f} points short of {100 * limit:g} %"
    return Breach("min-agreement", limit, answers.agreement, True, text)


def _difference(limit: float | None, largest: float) -> Breach | None:
    if limit is None or largest <= limit:
        return None
    text = f"a probability differs by {largest:.2g}, {largest - limit:.2g} beyond the {limit:g} allowed"
    return Breach("max-difference", limit, largest, True, text)


def _confident(limit: int | None, confident: tuple[int, ...]) -> Breach | None:
    if limit is None or len(confident) <= limit:
        return None
    named = ", ".join(map(str, confident[:_NAMED])) + (" …" if len(confident) > _NAMED else "")
    answers = f"{len(confident):,} {'answer' if len(confident) == 1 else 'answers'}"
    text = (
        f"{answers} changed that the original gave at a margin of {CONFIDENT_MARGIN} or "
        f"more, {len(confident) - limit:,} beyond the {limit:,} allowed: images {named}"
    )
    return Breach("max-confident-flips", limit, len(confident), True, text)
