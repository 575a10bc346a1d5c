"""What a model says of images that come one after another, in constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from fmnist.predict.sources import Reading
from fmnist_runtime import Prediction, Session
from fmnist_runtime.data.images import Picture
from fmnist_runtime.errors import FmnistError

_BLOCK = 256
"""Most images that are kept to be scored at once."""
_BLOCK_BYTES = 2**20
"""Most bytes of pixels that are kept; an image that has more is scored alone."""


@dataclass(frozen=True)
class ClassifiedImage:
    """What a model says of an image."""

    name: str
    """File of the image, or where it came from."""
    picture: Picture
    """What the model saw."""
    predictions: list[Prediction]
    """The most probable classes, best first; of equal ones the lowest index."""


def predict_images(
    session: Session, readings: Iterable[Reading], top: int, live: bool = False
) -> Iterator[ClassifiedImage | FmnistError]:
    """Name the most probable classes of images.

    Args:
        session: The model.
        readings: Images of the model's shape, or why one could not be read.
        top: How many classes to name; at most all.
        live: Answer each image before the next is read, not by the block.

    Yields:
        For each reading the answer, or the error as it is.

    Raises:
        NonFiniteScoresError: The model answered with NaN or infinity.
    """
    size = 1 if live else max(1, min(_BLOCK, _BLOCK_BYTES // math.prod(session.info.input_shape)))
    block: list[Reading] = []
    for reading in readings:
        block.append(reading)
        if len(block) == size:
            yield from _answer(session, block, top)
            block.clear()
    yield from _answer(session, block, top)


def _answer(session: Session, block: list[Reading], top: int) -> list[ClassifiedImage | FmnistError]:
    pixels = [picture.pixels for _, picture in block if isinstance(picture, Picture)]
    if pixels:
        scores = session.scores(np.stack(pixels))
        ranked = iter(zip(scores, np.argsort(-scores, axis=1, kind="stable")[:, :top], strict=True))
    labels = session.info.labels
    answers: list[ClassifiedImage | FmnistError] = []
    for name, picture in block:
        if isinstance(picture, FmnistError):
            answers.append(picture)
            continue
        row, order = next(ranked)
        guesses = [Prediction(labels[index], int(index), float(row[index])) for index in order]
        answers.append(ClassifiedImage(name, picture, guesses))
    return answers
