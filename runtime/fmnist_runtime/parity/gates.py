"""Gates: how far a converted model may be from its original, and which limits it breaks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fmnist_runtime.parity.answers import TopOneAgreement
from fmnist_runtime.parity.changes import CONFIDENT_MARGIN, Changes
from fmnist_runtime.parity.intervals import Z, exact_low, tango_interval, wilson_interval
from fmnist_runtime.parity.probabilities import Probabilities

ROUNDINGS = 4
"""Allowed multiple of the original's rounding. Two float32 models that sum in different orders are each
one rounding from the exact value, so at most two from each other. The limit is twice that, as a copy with
folded normalisation rounds its weights once more. Correct copies of a dense network, a CNN, a separable
one and MobileNetV2 differed by 0.8 to 1.5 times the largest rounding of the same 10,000 images."""
FLOAT32_DIFFERENCE = 1e-5
"""Largest difference of a probability that reordered float32 sums explain: almost three times the largest
over five trainings of the default network (3.6e-6, benchmarks/exports.py). A network with large logits is
allowed more: see `Gate.allowing`."""
_FLOAT16_DIFFERENCE = 1e-2
"""The same for weights that are rounded to 11 bits: ten times the largest over five trainings of the
default network (1.0e-3, benchmarks/exports.py), as networks differ more in this."""
_FLOAT_FLIPS, _INT8_FLIPS = 1e-4, 1e-3
"""Shares of images whose answer may change although the original's margin was 0.5 or more. Of 10,000
held-out images, correct exports changed none as float32, float16 and dynamic. As int8 and int8-full they
changed none of a dense network, a CNN and a separable one (two trainings each, largest margin 0.16), but 0
to 4 of MobileNetV2 0.35 on 32×32×3. So int8 is allowed 10, which 18 and more certainly exceed; a last
layer that needs more than 256 levels, with logits in the hundreds, changed 33. Floats are allowed a tenth
of that, which 4 exceed. All integer schemes share one limit, so that none is refused while a coarser one,
which changes more, passes."""
_NAMED = 5
"""Images that a breach names."""


@dataclass(frozen=True)
class Gate:
    """How far a converted model may be from its original."""

    max_drop: float
    """Loss of accuracy that must be ruled out, as a fraction (0.005 is half a percentage point): the lower
    end of the 95% interval of the difference must be above its negative."""
    max_difference: float | None = None
    """Largest difference of any probability; None if the scheme rounds too coarsely for a limit."""
    min_agreement: float = 0.0
    """Least share of images for which both give the same class. Accuracy alone says nothing if the
    original itself is mostly wrong, as on images of another data set."""
    max_confident_flips: int | None = None
    """Number of answers that may change although the original's margin was 0.5 or more; None to limit the
    share instead."""
    max_confident_share: float | None = None
    """The same as a fraction of all images: the limit for the lower end of its exact 95% interval. None
    for no limit."""
    min_accuracy: float = 0.0
    """Least accuracy of the converted model itself, as a fraction."""

    def allowing(self, rounding: float) -> Gate:
        """Widen the gate in proportion if the original's float32 arithmetic is less exact than usual.

        Args:
            rounding: Largest difference of a probability by rounding in the original.
        """
        if self.max_difference is None:
            return self
        wider = ROUNDINGS * rounding * (self.max_difference / FLOAT32_DIFFERENCE)
        return replace(self, max_difference=max(self.max_difference, min(wider, 1.0)))

    def __post_init__(self) -> None:
        """Check that the gate can fail."""
        least = (self.min_agreement, self.min_accuracy)
        fractions = (self.max_drop, self.max_difference, *least, self.max_confident_share)
        valid = all(0 <= (limit or 0.0) <= 1 for limit in fractions)
        if not valid or (self.max_confident_flips or 0) < 0:
            raise ValueError(
                "a gate's limits are fractions from 0 to 1 (0.005 is half a percentage point), and a number "
                f"of answers, not {self}"
            )


@dataclass(frozen=True)
class Breach:
    """A limit that a converted model broke."""

    gate: str
    """Name of the limit on the command line: ``max-drop`` …"""
    limit: float
    """The limit."""
    measured: float
    """The measured value, in the same unit."""
    certain: bool
    """Whether the model certainly exceeds the limit; False if there are too few images to decide, so that
    the model may be correct."""
    text: str
    """What is wrong and by how much, in one line."""

    def __str__(self) -> str:
        return f"{self.gate}: {self.text}"


# Accuracy: a float32 model computes the same sums; float16 and int8 weights change a few images either way;
# with fewer floats, more scores tie. The limit of the agreement is far below that of correct models; it
# detects what the accuracy does not.
GATES = {
    "float32": Gate(0.001, FLOAT32_DIFFERENCE, 0.99, max_confident_share=_FLOAT_FLIPS),
    "float16": Gate(0.003, _FLOAT16_DIFFERENCE, 0.99, max_confident_share=_FLOAT_FLIPS),
    "dynamic": Gate(0.003, None, 0.95, max_confident_share=_INT8_FLIPS),
    "int8": Gate(0.005, None, 0.95, max_confident_share=_INT8_FLIPS),
    "int8-full": Gate(0.010, None, 0.90, max_confident_share=_INT8_FLIPS),
}
"""The default gate of each scheme."""
UNKNOWN_GATE = Gate(0.005)
"""For files of unknown scheme: the accuracy gate of int8, the coarsest scheme that is shipped for its
accuracy. Such a file may have been trained further, and then has other answers for good reasons."""


PASS, FAIL, TOO_FEW = "pass", "FAIL", "TOO FEW IMAGES"


def verdict(certain: Iterable[bool]) -> str:
    """Return the verdict in a word, from whether each broken limit is certain."""
    broken = list(certain)
    return FAIL if any(broken) else TOO_FEW if broken else PASS


def default_gate(scheme: str) -> Gate:
    """Return the gate of a scheme, or `UNKNOWN_GATE`."""
    return GATES.get(scheme, UNKNOWN_GATE)


def find_breaches(
    gate: Gate, answers: TopOneAgreement, probabilities: Probabilities, changes: Changes
) -> tuple[Breach, ...]:
    """Return the limits of a gate that a comparison breaks; none if it passes."""
    found = (
        _drop(gate.max_drop, answers),
        _accuracy(gate.min_accuracy, answers),
        _agreement(gate.min_agreement, answers),
        _difference(gate.max_difference, probabilities.max_difference),
        _confident(gate, changes.confident, answers.images),
    )
    return tuple(breach for breach in found if breach)


def _drop(limit: float, answers: TopOneAgreement) -> Breach | None:
    interval = answers.accuracy_difference_interval
    worst = -interval.low
    if worst < limit:
        return None
    lost = answers.worse - answers.better
    # Counted in images, so that float rounding does not decide on a drop of exactly the limit. A drop that
    # may be chance, such as four of 500 images, is not certain.
    certain = lost > round(limit * answers.images, 6) and interval.high < 0
    seen = f"{100 * abs(lost) / answers.images:.2f} points {'lower' if lost > 0 else 'higher'}"
    text = (
        f"accuracy is {seen if lost else 'the same'} and may be {100 * worst:.2f} points lower, "
        f"{100 * (worst - limit):.2g} beyond the {100 * limit:g} allowed; "
    )
    if not certain:
        text += _too_few(limit, answers.images)
    enough = min(100.0, math.floor(10_000 * worst + 1) / 100)  # worst itself would not pass
    return Breach("max-drop", limit, worst, certain, f"{text}allow more with --max-drop {enough:g}")


def _too_few(limit: float, images: int) -> str:
    """Return what so few images can show about a loss of accuracy, and how many are needed."""
    best, needed = -tango_interval(0, 0, images).low, fewest_images(limit)
    if best < limit:
        return f"{_count(images)} too few to rule it out: take more, or "
    said = f"{_count(images)} too few for any model and can show at best {100 * best:.2f} points"
    return f"{said}: take {needed:,} at least, or " if needed else f"{said}: "


def _count(images: int) -> str:
    return "1 image is" if images == 1 else f"{images:,} images are"


def fewest_images(limit: float) -> int:
    """Return the least number of images that can rule out a loss of accuracy; 0 if none can.

    It applies if no answer changes. The lower end of Tango's interval is then ``-z² / (n + z²)``.
    """
    return math.floor(Z * Z * (1 - limit) / limit) + 1 if limit else 0


def _accuracy(limit: float, answers: TopOneAgreement) -> Breach | None:
    accuracy, images = answers.candidate_accuracy, answers.images
    if accuracy >= limit:
        return None
    certain = wilson_interval(round(accuracy * images), images).high < limit
    short = 100 * (limit - accuracy)
    text = f"accuracy is {100 * accuracy:.2f}%, {short:.2f} points short of {100 * limit:g}%; "
    if not certain:
        text += f"{_count(images)} too few to tell: take more, or "
    text += f"allow less with --min-accuracy {math.floor(10_000 * accuracy) / 10_000:g}"
    return Breach("min-accuracy", limit, accuracy, certain, text)


def _agreement(limit: float, answers: TopOneAgreement) -> Breach | None:
    if answers.agreement >= limit:
        return None
    certain = answers.agreement_interval.high < limit
    short = 100 * (limit - answers.agreement)
    text = f"agreement is {100 * answers.agreement:.2f}%, {short:.2f} points short of {100 * limit:g}%; "
    if not certain:
        text += f"{_count(answers.images)} too few to tell: take more, or "
    text += f"allow less with --min-agreement {math.floor(10_000 * answers.agreement) / 10_000:g}"
    return Breach("min-agreement", limit, answers.agreement, certain, text)


def _difference(limit: float | None, largest: float) -> Breach | None:
    if limit is None or largest <= limit:
        return None
    digit = 10.0 ** (math.floor(math.log10(largest)) - 1)
    enough = math.ceil(largest / digit) * digit  # two digits, rounded up
    text = (
        f"a probability differs by {largest:.2g}, {largest - limit:.2g} beyond the {limit:.3g} allowed; "
        f"allow more with --max-difference {enough:.2g}"
    )
    return Breach("max-difference", limit, largest, True, text)


def _confident(gate: Gate, confident: tuple[int, ...], images: int) -> Breach | None:
    count, least = len(confident), exact_low(len(confident), images)
    answers = f"{count:,} {'answer' if count == 1 else 'answers'}"
    text = f"{answers} changed that the original gave at a margin of {CONFIDENT_MARGIN} or more, "
    if gate.max_confident_flips is not None:
        limit, measured = float(gate.max_confident_flips), float(count)
        text += f"{count - gate.max_confident_flips:,} beyond the {gate.max_confident_flips:,} allowed"
    elif gate.max_confident_share is not None:
        limit, measured = gate.max_confident_share, least
        text += (
            f"{100 * count / images:.2g}% of all images: at least {100 * least:.2g}% (95% interval), "
            f"and {100 * limit:g}% is allowed"
        )
    else:
        return None
    if measured <= limit:
        return None
    named = ", ".join(map(str, confident[:_NAMED])) + (" …" if count > _NAMED else "")
    text += f": images {named}; allow more with --max-confident-flips {count}"
    return Breach("max-confident-flips", limit, measured, True, text)
