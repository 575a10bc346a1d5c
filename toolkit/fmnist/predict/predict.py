"""Classify a stream of images in constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist.predict.sources import Reading
from fmnist_runtime import Prediction, Session
from fmnist_runtime.data.images import Picture
from fmnist_runtime.errors import FmnistError

_BLOCK = 256
"""Largest number of images that are scored at once."""
_BLOCK_BYTES = 2**20
"""Largest number of pixel bytes in a block; a larger image is scored alone."""
_BLOCK_READ = 2**26
"""Pixels of pictures that are read before their answers are given: of 5 photographs, about a second."""


@dataclass(frozen=True)
class ImageAnswer:
    """The classes of an image; with ``--as jsonl`` a line."""

    file: str
    """File of the image, or where it came from."""
    predictions: list[Prediction]
    """The most probable classes, best first; of ties, the lowest index first."""
    inverted: bool
    """Whether dark on light was inverted for the model, as its preparation says."""
    unlike: tuple[str, ...] | None
    """In what it is unlike the training images, such as ``border 255 > 61``; empty if in nothing, None if the
    model carries no statistics of them."""


@dataclass(frozen=True)
class ClassifiedImage:
    """An image with its most probable classes."""

    answer: ImageAnswer
    """The classes."""
    picture: Picture
    """The image as the model sees it."""


def predict_images(
    session: Session, readings: Iterable[Reading], top: int, live: bool = False
) -> Iterator[ClassifiedImage | FmnistError]:
    """Name the most probable classes of images.

    Readings are images of the model's shape, or errors from reading them. If live, each image is classified
    before the next is read, instead of in blocks.

    Yields:
        For each reading the classified image, or its error.

    Raises:
        NonFiniteScoresError: The scores contain NaN or infinity.
    """
    size = 1 if live else max(1, min(_BLOCK, _BLOCK_BYTES // math.prod(session.info.input_shape)))
    block: list[Reading] = []
    read = 0
    for reading in readings:
        block.append(reading)
        read += reading[1].width * reading[1].height if isinstance(reading[1], Picture) else 0
        if len(block) == size or read >= _BLOCK_READ:
            yield from _answer(session, block, top)
            block.clear()
            read = 0
    yield from _answer(session, block, top)


def _answer(session: Session, block: list[Reading], top: int) -> list[ClassifiedImage | FmnistError]:
    pixels = [picture.pixels for _, picture in block if isinstance(picture, Picture)]
    if pixels:
        images = np.stack(pixels)
        scores = session.scores(images)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        ranked = iter(zip(scores, order, _unlike(session, images, scores), strict=True))
    labels = session.info.labels
    answers: list[ClassifiedImage | FmnistError] = []
    for name, picture in block:
        if isinstance(picture, FmnistError):
            answers.append(picture)
            continue
        row, best, unlike = next(ranked)
        guesses = [Prediction(labels[index], int(index), float(row[index])) for index in best]
        answers.append(ClassifiedImage(ImageAnswer(name, guesses, picture.inverted, unlike), picture))
    return answers


def _unlike(
    session: Session, images: NDArray[np.uint8], scores: NDArray[np.float32]
) -> Sequence[tuple[str, ...] | None]:
    metadata = session.info.metadata
    if metadata is None or metadata.statistics is None:
        return [None] * len(images)
    return metadata.statistics.unlike(images, scores)
