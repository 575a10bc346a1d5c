"""The changed answers that a page has room for, and the pictures of their images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from fmnist.figures.grids import data_uri
from fmnist.models.select import Splits
from fmnist.parity.models import scored_split
from fmnist.report.decision import Decision
from fmnist.runs.results import ModelResults, RunResults
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.errors import DatasetError, ResultError
from fmnist_runtime.parity import Parity
from fmnist_runtime.parity.changes import Flips
from fmnist_runtime.recorded import Reference

_PAGE_BYTES, _RUN_BYTES = 2_800_000, 180_000
"""What a page may have, so that it stays below 3 MB, and what a run of nine models and ten classes takes of
that beside its pictures."""
_MOST_PICTURE_BYTES, _LEAST_PICTURE_BYTES = 1_200_000, 20_000
"""Room for all pictures of a page where few runs share it, and for those of one run however many do."""
_ANSWERS = 10_000
"""Changed answers that a page lists at most: some 40 bytes each."""

PAGE = 60
"""Images that are shown at once; more on demand."""
KINDS = {"worse": "✗ worse", "better": "✓ better", "wrong": "· wrong to wrong"}
"""What the page calls each kind of `ChangedAnswer`."""


@dataclass(frozen=True)
class ChangedAnswer:
    """An image that a converted model answers otherwise than its original."""

    image: int
    """Its number, from 0."""
    true: int
    """Its class."""
    before: int
    """The original's answer."""
    after: int
    """The converted model's."""
    before_margin: float
    """By how much the original's best probability was above its second best."""
    after_margin: float
    """The same of the converted model."""

    @property
    def kind(self) -> str:
        """``worse``, ``better`` or, from one wrong answer to another, ``wrong``."""
        return "worse" if self.before == self.true else "better" if self.after == self.true else "wrong"


@dataclass(frozen=True)
class Flipped:
    """The changed answers of a run, as many as its page has room for."""

    answers: tuple[tuple[ChangedAnswer, ...], ...]
    """For each artifact, those that the original was surest of first."""
    pictures: dict[int, str]
    """A PNG as a data URI, by the image's number; none when `absent` says why."""
    absent: str = ""
    """Why there are no pictures, and what mends that; empty where nothing is amiss."""


def find_flipped(run: RunResults, reference: Reference, splits: Splits, runs: int = 1) -> Flipped:
    """The changed answers of a run with their pictures.

    Where there are too many, those stay that the original was surest of, in turn from each move from class to
    class. Without the images the answers alone are listed: the page is worth having without them.

    Args:
        run: What is known of it.
        reference: The original's scores, which tell the test split.
        splits: Where that is found.
        runs: How many share the page.
    """
    flips = [model.parity.changes.flips if model.parity else None for model in run.artifacts]
    most = _ANSWERS // (runs * max(1, len(flips)))
    spread = [_spread(_changed(found))[:most] if found else [] for found in flips]
    if not any(spread):
        return Flipped(tuple(() for _ in spread), {})
    try:
        split = scored_split(reference, splits)
    except (DatasetError, ResultError) as error:
        return Flipped(tuple(map(_surest_first, spread)), {}, str(error))
    pictures = _pictures(split, _in_turn(spread), _room(runs))
    shown = ([answer for answer in answers if answer.image in pictures] for answers in spread)
    return Flipped(tuple(map(_surest_first, shown)), pictures)


def _room(runs: int) -> int:
    """Bytes for the pictures of one of so many runs."""
    shared = min(_MOST_PICTURE_BYTES, _PAGE_BYTES - runs * _RUN_BYTES)
    return max(_LEAST_PICTURE_BYTES, shared // runs)


def _changed(flips: Flips) -> list[ChangedAnswer]:
    columns = (flips.images, flips.true, flips.reference, flips.candidate)
    margins = (flips.reference_margin, flips.candidate_margin)
    return [ChangedAnswer(*entry) for entry in zip(*columns, *margins, strict=True)]


def _surest_first(answers: Sequence[ChangedAnswer]) -> tuple[ChangedAnswer, ...]:
    return tuple(sorted(answers, key=lambda answer: (-answer.before_margin, answer.image)))


def _spread(answers: Sequence[ChangedAnswer]) -> list[ChangedAnswer]:
    """First the surest of each move from class to class, then the second of each, and so on."""
    seen: Counter[tuple[int, int]] = Counter()
    ranks = {}
    for answer in _surest_first(answers):
        move = answer.before, answer.after
        ranks[answer] = seen[move]
        seen[move] += 1
    return sorted(ranks, key=lambda answer: ranks[answer])  # which keeps the order of equal ranks


def _in_turn(spread: Sequence[Sequence[ChangedAnswer]]) -> Iterator[int]:
    """Numbers of images, the first of every model before the second of any."""
    turns = chain.from_iterable(zip_longest(*spread))
    return iter(dict.fromkeys(answer.image for answer in turns if answer is not None))


def _pictures(split: Dataset, numbers: Iterator[int], room: int) -> dict[int, str]:
    pictures: dict[int, str] = {}
    for number in numbers:
        picture = data_uri(split.images[number])
        room -= len(picture)
        if room < 0:
            break
        pictures[number] = picture
    return pictures


@dataclass(frozen=True)
class Gallery:
    """The changed images of the model that the page opens with."""

    index: int
    """The model's number among the run's models, of which the original is 0."""
    model: ModelResults
    """The model."""
    parity: Parity
    """How it compares with the original."""
    why: str
    """Why it is this one."""
    answers: tuple[ChangedAnswer, ...]
    """The first of its changed answers."""


def open_gallery(run: RunResults, decision: Decision, flipped: Flipped) -> Gallery | None:
    """The model to ship where it changed any answer, else that which changed the most; None if none did."""
    changed = [
        (index, model, model.parity)
        for index, (model, answers) in enumerate(zip(run.artifacts, flipped.answers, strict=True), start=1)
        if model.parity and answers
    ]
    if not changed:
        return None
    index, model, parity = max(
        changed, key=lambda item: (item[1] is decision.model, len(item[2].changes.flips.images))
    )
    why = "the one to ship" if model is decision.model else "of all artifacts it changes the most answers"
    return Gallery(index, model, parity, why, flipped.answers[index - 1][:PAGE])


def changes_data(run: RunResults, flipped: Flipped, gallery: Gallery | None) -> dict[str, Any]:
    """What the script shows: counts of all changes, and the answers that the page has room for.

    The pictures that stand in the page already are not repeated; the script takes them from there.
    """
    there = {answer.image for answer in gallery.answers} if gallery else set()
    models: list[dict[str, Any] | None] = [None]
    for model, answers in zip(run.artifacts, flipped.answers, strict=True):
        models.append(_model_data(model.parity, answers) if model.parity else None)
    return {
        "changes": models,
        "opens": [gallery.index, gallery.why] if gallery else None,
        "absent": bool(flipped.absent),
        "pictures": {number: uri for number, uri in flipped.pictures.items() if number not in there},
    }


def _model_data(parity: Parity, answers: tuple[ChangedAnswer, ...]) -> dict[str, Any]:
    found = parity.answers
    moves = {(answer.before, answer.after) for answer in answers}  # of many classes not all have room
    listed = (pair for pair in parity.changes.pairs if (pair.reference, pair.candidate) in moves)
    return {
        "kinds": {"worse": found.worse, "better": found.better, "wrong": found.wrong_to_wrong},
        "pairs": [[pair.reference, pair.candidate, pair.images] for pair in listed],
        "answers": [
            [item.image, item.true, item.before, item.after, *_rounded(item.before_margin, item.after_margin)]
            for item in answers
        ],
    }


def _rounded(*margins: float) -> list[float]:
    """As exact as they are shown."""
    return [round(margin, 3) for margin in margins]
