"""The changed answers on a page: which ones there is room for, their images, and the data of the script."""

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
"""Most bytes of a page, so that it stays below 3 MB, and those of a run of nine models and ten classes
without its images."""
_MOST_PICTURE_BYTES, _LEAST_PICTURE_BYTES = 1_200_000, 20_000
"""Most bytes for all images of a page, and least bytes for the images of one run."""
_ANSWERS = 10_000
"""Most changed answers of a page, of about 40 bytes each."""

PAGE = 60
"""Images that are shown at first, and with each click on "Show more"."""
KINDS = {"worse": "✗ worse", "better": "✓ better", "wrong": "· wrong to wrong"}
"""Texts of the page for each kind of `ChangedAnswer`."""


@dataclass(frozen=True)
class ChangedAnswer:
    """An image to which a converted model gives another answer than its original."""

    image: int
    """Number of the image, from 0."""
    true: int
    """Its true class."""
    before: int
    """Answer of the original."""
    after: int
    """Answer of the converted model."""
    before_margin: float
    """Difference of the two highest probabilities of the original."""
    after_margin: float
    """Difference of the two highest probabilities of the converted model."""

    @property
    def kind(self) -> str:
        """``worse``, ``better``, or ``wrong`` where both answers are wrong."""
        return "worse" if self.before == self.true else "better" if self.after == self.true else "wrong"


@dataclass(frozen=True)
class ChangedAnswers:
    """The changed answers of a run for which the page has room."""

    answers: tuple[tuple[ChangedAnswer, ...], ...]
    """For each artifact, those with the largest margin of the original first."""
    pictures: dict[int, str]
    """PNG images as data URIs, by number; empty where `absent` is set."""
    absent: str = ""
    """Why there are no images, and what to do about it; empty where there are."""


def find_changed_answers(
    run: RunResults, reference: Reference, splits: Splits, runs: int = 1
) -> ChangedAnswers:
    """Return the changed answers of a run with their images.

    Where there are too many, those with the largest margins of the original are taken, in turn from each pair
    of answers. Where the data set is not found, the page lists the answers without images. ``runs`` is the
    number of runs on the page.
    """
    flips = [model.parity.changes.flips if model.parity else None for model in run.artifacts]
    most = _ANSWERS // (runs * max(1, len(flips)))
    spread = [_spread(_changed(found))[:most] if found else [] for found in flips]
    if not any(spread):
        return ChangedAnswers(tuple(() for _ in spread), {})
    try:
        split = scored_split(reference, splits)
    except (DatasetError, ResultError) as error:
        return ChangedAnswers(tuple(map(_surest_first, spread)), {}, str(error))
    pictures = _pictures(split, _in_turn(spread), _room(runs))
    shown = ([answer for answer in answers if answer.image in pictures] for answers in spread)
    return ChangedAnswers(tuple(map(_surest_first, shown)), pictures)


def _room(runs: int) -> int:
    """Return the bytes for the images of one of so many runs."""
    shared = min(_MOST_PICTURE_BYTES, _PAGE_BYTES - runs * _RUN_BYTES)
    return max(_LEAST_PICTURE_BYTES, shared // runs)


def _changed(flips: Flips) -> list[ChangedAnswer]:
    columns = (flips.images, flips.true, flips.reference, flips.candidate)
    margins = (flips.reference_margin, flips.candidate_margin)
    return [ChangedAnswer(*entry) for entry in zip(*columns, *margins, strict=True)]


def _surest_first(answers: Sequence[ChangedAnswer]) -> tuple[ChangedAnswer, ...]:
    return tuple(sorted(answers, key=lambda answer: (-answer.before_margin, answer.image)))


def _spread(answers: Sequence[ChangedAnswer]) -> list[ChangedAnswer]:
    """Return the largest margin of each pair of answers first, then the second largest of each, and so on."""
    seen: Counter[tuple[int, int]] = Counter()
    ranks = {}
    for answer in _surest_first(answers):
        move = answer.before, answer.after
        ranks[answer] = seen[move]
        seen[move] += 1
    return sorted(ranks, key=lambda answer: ranks[answer])  # which keeps the order of equal ranks


def _in_turn(spread: Sequence[Sequence[ChangedAnswer]]) -> Iterator[int]:
    """Yield numbers of images, the first of each model before the second of any."""
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
    """The changed answers that the page shows at first."""

    index: int
    """Index of the model among all models of the run."""
    model: ModelResults
    """The model."""
    parity: Parity
    """Its comparison with the original."""
    why: str
    """Why the page shows this model."""
    answers: tuple[ChangedAnswer, ...]
    """The first of its changed answers."""


def open_gallery(run: RunResults, decision: Decision, changed: ChangedAnswers) -> Gallery | None:
    """Return the answers of the model to ship; if it changed none, of the one that changed the most."""
    candidates = [
        (index, model, model.parity)
        for index, (model, answers) in enumerate(zip(run.artifacts, changed.answers, strict=True), start=1)
        if model.parity and answers
    ]
    if not candidates:
        return None
    index, model, parity = max(
        candidates, key=lambda item: (item[1] is decision.model, len(item[2].changes.flips.images))
    )
    why = "the artifact to ship" if model is decision.model else "the artifact with the most changed answers"
    return Gallery(index, model, parity, why, changed.answers[index - 1][:PAGE])


def changes_data(run: RunResults, changed: ChangedAnswers, gallery: Gallery | None) -> dict[str, Any]:
    """Return the data of the script: counts of all changes, and the answers for which there is room.

    Images that the page contains already are not repeated; the script takes them from there.
    """
    there = {answer.image for answer in gallery.answers} if gallery else set()
    models: list[dict[str, Any] | None] = [None]
    for model, answers in zip(run.artifacts, changed.answers, strict=True):
        models.append(_model_data(model.parity, answers) if model.parity else None)
    return {
        "changes": models,
        "opens": [gallery.index, gallery.why] if gallery else None,
        "absent": bool(changed.absent),
        "pictures": {number: uri for number, uri in changed.pictures.items() if number not in there},
    }


def _model_data(parity: Parity, answers: tuple[ChangedAnswer, ...]) -> dict[str, Any]:
    found = parity.answers
    moves = {(answer.before, answer.after) for answer in answers}  # with many classes, not all have room
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
    """Round to the digits that are shown."""
    return [round(margin, 3) for margin in margins]
