"""Which pixels a model from elsewhere was trained on, found out before a training goes on with it.

Trained further on raw pixels, a model that knows x/255 unlearns what it knew, and nothing says so.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.samples import HELD_OUT_IMAGES
from fmnist_runtime.artifact.contract import RAW, parse_range
from fmnist_runtime.artifact.range_search import FoundRange, candidates, find_contradiction, find_other_range
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.errors import ModelError, UnknownInputError

if TYPE_CHECKING:
    from fmnist_exporters.original.session import KerasSession


def require_raw_pixels(session: KerasSession, training: Dataset) -> None:
    """Check on labelled images that a model was trained on pixels of 0-255, or not trained yet.

    Args:
        session: The model, of probabilities.
        training: Images of its shape and classes.

    Raises:
        ModelError: It was trained on another range; says what to type.
    """
    other = _find_other(session, training)
    if other is not None:
        path = session.info.path
        raise ModelError(
            f"{path}: takes pixels of {other.best.range}, {other}; training takes {RAW}, so put the scaling "
            f"into the model and --resume the file that this writes: {_command(path, other.best.range)}"
        )


def _find_other(session: KerasSession, training: Dataset) -> FoundRange | None:
    """A range other than 0-255 that labelled images speak for; None where they speak for none."""
    chosen = slice(None, None, max(1, len(training.images) // HELD_OUT_IMAGES))  # own data may be sorted
    images, targets = session.fit(training.images[chosen]), training.targets[chosen]

    def score(range: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.nan_to_num(session.classifier.with_range(parse_range(range)).scores(images))

    ranges = candidates(3 if images.ndim == 4 and images.shape[-1] == 3 else 1)
    try:
        found, _ = find_other_range(score, RAW, ranges, images, targets, session.info.path)
    except UnknownInputError:  # several may be right
        return find_contradiction(score, RAW, [range for range in ranges if range != RAW], images, targets)
    return found if found.best.range != RAW else None


def _command(path: Path, range: str) -> str:
    """What writes the model with a range's scaling in front of it, as a shell takes it.

    It is short, and writes into the working directory, as all of it has to fit into an error's one line.
    """
    pixels = parse_range(range)
    scale, offset = (each[0] if len(each) == 1 else list(each) for each in (pixels.scale, pixels.offset))
    source, target = (json.dumps(file, ensure_ascii=False) for file in (str(path), f"{path.stem}-raw.keras"))
    image = "k.ops.flip(i,-1)" if pixels.bgr else "i"
    code = f"import keras as k; m=k.models.load_model({source}); i=k.Input(m.input_shape[1:]); "
    code += f"k.Model(i, m(k.layers.Rescaling({scale}, {offset})({image}))).save({target})"
    return shlex.join(["python", "-c", code])
