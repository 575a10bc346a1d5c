"""Finding a model's input range with labelled images.

A model that was trained on x/255 also accepts raw pixels, but its answers are wrong. With labelled images,
the right range is the one with the highest accuracy. If two are equally good, only the user can decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.errors import UnknownInputError

Scorer = Callable[[str, NDArray[np.uint8]], NDArray[np.float32] | None]
"""Returns scores, float32 ``[N, classes]``, of images under a range; None if the model's input cannot hold
it."""

_COMMON = ("0-255", "0-1", "-1-1", "-0.5-0.5")
_INVERTED = ("255-0", "1-0", "1--1")
_STATISTICS = ("mean=0.1307,std=0.3081", "mean=0.286,std=0.353")
"""Mean and deviation of MNIST and of Fashion-MNIST, which PyTorch tutorials also use for other data."""
_BGR = ":bgr"
_IMAGENET = "mean=0.485,0.456,0.406,std=0.229,0.224,0.225"
"""https://docs.pytorch.org/vision/stable/models.html"""
_CAFFE = "mean=0.4078,0.4579,0.485,std=0.003922,0.003922,0.003922:bgr"
"""For Caffe's networks: blue first, with 103.939, 116.779 and 123.68 subtracted from pixels 0–255."""
_STAGES = (500, 2000)
"""Numbers of images that are tried first. If they do not decide, all are tried."""
_CERTAIN = 4.0
"""A paired difference of accuracy (McNemar) or loss is significant beyond this many standard errors. With
a dozen ranges at three stages, chance exceeds it for one model in 400."""
_MATERIAL = 1.2
"""The mean loss must also be higher by this factor. With half the scale, the loss of an overconfident
network may be lower by a tenth."""
_ALIKE = 1e-3
"""Losses that differ by less belong to the same answers; float32 rounding alone causes about 1e-6."""
_ROUNDED = 1e-3
"""Share of images whose class may depend on rounding if the scale of the input does not matter."""
_BETTER_THAN_GUESSING = 0.25
"""Share of the way from always guessing the most frequent class to perfect accuracy. A less accurate
model, such as one of another data set or with another order of classes, says nothing about its range.
Random weights reach up to an eighth of it."""


@dataclass(frozen=True)
class Trial:
    """A model's accuracy under one range."""

    range: str
    """The range; see `fmnist_runtime.artifact.contract`."""
    right: NDArray[np.bool_]
    """bool ``[N]``: whether each image got its true class."""
    losses: NDArray[np.float64]
    """float64 ``[N]``, cross-entropy of each image."""

    @property
    def accuracy(self) -> float:
        """Share of images that got their true class."""
        return float(self.right.mean())

    @property
    def loss(self) -> float:
        """Mean cross-entropy."""
        return float(self.losses.mean())

    def __str__(self) -> str:
        return f"{100 * self.accuracy:.2f}% right and a mean loss of {self.loss:.3g} with {self.range}"


class _Search(NamedTuple):
    """The result of trying several ranges."""

    best: Trial
    """As in `FoundRange`."""
    doubts: list[Trial]
    """Others that may also be right."""
    trials: list[Trial]
    """All trials, the usual range first."""
    tells: bool
    """Whether the model is accurate enough to decide."""


@dataclass(frozen=True)
class FoundRange:
    """The range that labelled images support."""

    best: Trial
    """The trial with the lowest loss among those whose accuracy is not significantly lower."""
    second: Trial
    """The most accurate of the others."""
    tried: int
    """Number of ranges that were tried."""

    def __str__(self) -> str:
        images = f"{len(self.best.right):,} labelled images"
        return f"the best of {self.tried} ranges on {images}: {self.best}; next {self.second}"


def candidates(channels: int) -> list[str]:
    """Return the ranges that classifiers of images with so many channels are commonly trained on."""
    if channels == 1:
        return [*_COMMON, *_STATISTICS, *_INVERTED]
    colour = [*_COMMON, _IMAGENET]
    return [*colour, *(f"{range}{_BGR}" for range in colour), _CAFFE, *_INVERTED]


def find_range(
    score: Scorer, ranges: Sequence[str], images: NDArray[np.uint8], targets: NDArray[np.uint8], path: object
) -> FoundRange:
    """Find the range that a model was trained on.

    Among the ranges whose accuracy is not significantly lower, it is the one with the lowest loss, which
    training minimised. The loss must be significantly and materially lower.

    Args:
        score: The model.
        ranges: Two or more ranges to try, the usual one first.
        images: uint8 ``[N, …]``.
        targets: uint8 ``[N]``, the true classes.
        path: The model's file, for messages.

    Raises:
        UnknownInputError: The images do not decide; the text says what to type.
    """
    search = _search(score, ranges, images, targets, None)
    if not search.tells:
        top = max(search.trials, key=attrgetter("accuracy"))
        commonest = 100 * np.bincount(targets).max() / len(targets)
        raise UnknownInputError(
            f"{path}: does not say its input range, and is not accurate with any of "
            f"{len(ranges)} ranges: {top} is the best, {commonest:.2f}% are of one class; name the data "
            "set it was trained on with --dataset, or its range with --input-range"
        )
    _require_sure(search, len(targets), path)
    return FoundRange(search.best, _next(search.trials, search.best), len(ranges))


def find_other_range(
    score: Scorer,
    usual: str,
    ranges: Sequence[str],
    images: NDArray[np.uint8],
    targets: NDArray[np.uint8],
    path: object,
) -> tuple[FoundRange, str]:
    """Find the range of a model that is assumed to have a usual one unless images contradict that.

    The usual range is kept if images do not decide, as for an untrained model, and if it makes no difference
    to the classes, as for a linear model without biases.

    The arguments are those of `find_range`, and the usual range, which is among the ranges to try.

    Returns:
        The range, and why the usual one is kept although images do not support it; empty if they support it
        or another one.

    Raises:
        UnknownInputError: Images support several ranges; the text says what to type.
    """
    search = _search(score, ranges, images, targets, usual)
    found = FoundRange(search.best, _next(search.trials, search.best), len(ranges))
    if not search.tells:
        [own] = [trial for trial in search.trials if trial.range == usual]
        text = f"no range is accurate enough to decide; the best of {len(ranges)} is {found.best}"
        return FoundRange(own, found.best, len(ranges)), f"{text}; name another with --input-range"
    alike = [trial for trial in search.trials if trial is not found.best and _is_alike(found.best, trial)]
    least = min(alike, key=attrgetter("loss"), default=found.best)
    if found.best.range == usual and not _is_same(found.best, least):
        text = f"it gives the same classes, and other probabilities, with {usual} and with {least.range}"
        return found, f"{text}; name the one it was trained on with --input-range"
    _require_sure(search, len(targets), path)
    return found, ""


def _require_sure(search: _Search, images: int, path: object) -> None:
    """Check that images support one range only."""
    if search.doubts:
        both = (search.best, *search.doubts)
        likely = min(both, key=lambda trial: (trial.range.endswith(_BGR), trial.loss))
        shown = [str(trial) for trial in both[:3]]
        raise UnknownInputError(
            f"{path}: does not say its input range, and {images:,} labelled images do "
            f"not decide it:  {'; '.join(shown)}; name the right one, such as --input-range {likely.range}"
        )


def _search(
    score: Scorer,
    ranges: Sequence[str],
    images: NDArray[np.uint8],
    targets: NDArray[np.uint8],
    usual: str | None,
) -> _Search:
    """Try ranges on a few images, and on more if those do not decide."""
    rivals = list(ranges)
    for chosen in _samples(len(targets)):
        trials = _try_all(score, rivals, images[chosen], targets[chosen])
        search = _judge(trials, targets[chosen], usual)
        if search.tells and not search.doubts:
            break
        kept = (search.best, _next(trials, search.best), *search.doubts)
        rivals = [trial.range for trial in trials if trial in kept or trial.range == usual]
    return search


def _judge(trials: list[Trial], targets: NDArray[np.uint8], usual: str | None) -> _Search:
    """Find the best range and the others that may also be right."""
    top = max(trials, key=attrgetter("accuracy"))
    near = [trial for trial in trials if not _is_more_accurate(top, trial)]
    best = min(near, key=attrgetter("loss"))
    doubts = [trial for trial in near if not (_fits_better(best, trial) or _is_same(best, trial))]
    doubts += [trial for trial in trials if trial not in near and trial.loss < best.loss]
    for trial in trials:
        if trial.range == usual and _is_alike(best, trial):
            return _Search(trial, [], trials, _tells(trial, targets))
    if doubts and all(trial.range.removesuffix(_BGR) == best.range.removesuffix(_BGR) for trial in doubts):
        # The channel order makes no visible difference, and red first is the rule.
        best, doubts = min((best, *doubts), key=lambda trial: len(trial.range)), []
    return _Search(best, doubts, trials, _tells(best, targets))


def find_contradiction(
    score: Scorer, declared: str, ranges: Sequence[str], images: NDArray[np.uint8], targets: NDArray[np.uint8]
) -> FoundRange | None:
    """Find a range that is significantly more accurate than the one that a model's file declares.

    The arguments are those of `find_range`, and the declared range, which is not among the ranges to try.

    Returns:
        That range, with the declared one as second; None if there is none.
    """
    rivals = list(ranges)
    for chosen in _samples(len(targets)):
        own, *others = _try_all(score, [declared, *rivals], images[chosen], targets[chosen])
        accurate = [trial for trial in others if _is_more_accurate(trial, own)]
        if better := [trial for trial in accurate if _tells(trial, targets[chosen])]:
            top = max(better, key=attrgetter("accuracy"))
            near = (trial for trial in better if not _is_more_accurate(top, trial))
            best = min(near, key=attrgetter("loss"))
            return FoundRange(best, own, len(ranges))
        rivals = [each.range for each in others if each.accuracy > own.accuracy and each.loss < own.loss]
        if not rivals:
            break
    return None


def _samples(images: int) -> Iterator[NDArray[np.intp]]:
    """Yield indices of a few images, of more, and of all, at random, as the data may be sorted by class."""
    order = np.random.default_rng(0).permutation(images)
    for count in (*(stage for stage in _STAGES if stage < images), images):
        yield np.sort(order[:count])


def _try_all(
    score: Scorer, ranges: Sequence[str], images: NDArray[np.uint8], targets: NDArray[np.uint8]
) -> list[Trial]:
    """Try each range that the model's input can hold."""
    trials = []
    for range in ranges:
        scores = score(range, images)
        if scores is not None:
            likelihood = scores[np.arange(len(targets)), targets].astype(np.float64)
            losses = -np.log(np.maximum(likelihood, np.finfo(np.float32).tiny))
            trials.append(Trial(range, scores.argmax(axis=1) == targets, losses))
    return trials


def _next(trials: Sequence[Trial], best: Trial) -> Trial:
    """Return the most accurate of the others."""
    others = (trial for trial in trials if trial is not best)
    return max(others, key=attrgetter("accuracy"), default=best)


def _is_more_accurate(one: Trial, other: Trial) -> bool:
    """Return whether one is significantly more accurate than the other, by McNemar's test."""
    gained, lost = int((one.right & ~other.right).sum()), int((other.right & ~one.right).sum())
    return bool((gained - lost) / max(gained + lost, 1) ** 0.5 > _CERTAIN)


def _fits_better(one: Trial, other: Trial) -> bool:
    """Return whether the loss of one is significantly and materially lower."""
    worse = other.losses - one.losses
    spread = float(worse.std()) / len(worse) ** 0.5
    return bool(other.loss > _MATERIAL * one.loss and worse.mean() > _CERTAIN * spread)


def _is_alike(one: Trial, other: Trial) -> bool:
    """Return whether images get the same classes, apart from those that float32 rounding decides."""
    return bool((one.right != other.right).mean() <= _ROUNDED)


def _is_same(best: Trial, other: Trial) -> bool:
    """Return whether the two make no difference, as for a model that normalises its input itself."""
    return np.array_equal(best.right, other.right) and np.allclose(best.losses, other.losses, atol=_ALIKE)


def _tells(best: Trial, targets: NDArray[np.uint8]) -> bool:
    """Return whether a model is accurate enough to decide on its range."""
    commonest = np.bincount(targets).max() / len(targets)
    return bool(best.accuracy > commonest + _BETTER_THAN_GUESSING * (1 - commonest))
