"""The changed answers that a page has room for, and the pictures of their images."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fmnist.models.select import Splits
from fmnist.parity.models import scored_split
from fmnist.runs.results import RunResults
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.errors import DatasetError, ResultError
from fmnist_runtime.parity.changes import Flips
from fmnist_runtime.recorded import Reference

_PAGE_BYTES, _RUN_BYTES = 2_800_000, 180_000
"""What a page may have, so that it stays below 3 MB, and what a run of nine models and ten classes takes of
that beside its pictures."""
_MOST_PICTURE_BYTES, _LEAST_PICTURE_BYTES = 1_200_000, 20_000
"""Room for all pictures of a page where few runs share it, and for those of one run however many do."""
_ANSWERS = 10_000
"""Changed answers that a page lists at most: some 40 bytes each."""
_LONGEST_SIDE = 64
"""Pixels. Larger images are scaled down; of two models' quarrel one sees as much in a small one."""


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


def data_uri(image: NDArray[np.uint8]) -> str:
    """An image as a PNG that stands in the page itself.

    Args:
        image: uint8 ``[H, W]`` or ``[H, W, C]``; other than three channels are shown as their mean, in grey.
    """
    if image.ndim == 3 and image.shape[2] != 3:
        image = image.mean(axis=2).astype(np.uint8)
    picture = Image.fromarray(image)
    picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
