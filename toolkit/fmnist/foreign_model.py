"""Which pixels a model from elsewhere was trained on, found out before a training goes on with it.

Trained further on raw pixels, a model that knows x/255 unlearns what it knew, and nothing says so.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.input_range import Trial, evidence, probe
from fmnist_runtime.datasets import Dataset
from fmnist_runtime.errors import ModelError

if TYPE_CHECKING:
    from fmnist_exporters.original import KerasSession

_SCALINGS = {"0-1": (255, 0), "-1 to 1": (127.5, -1)}
"""By the range that they lead to, what pixels 0-255 are divided by and what is added then."""


def require_raw_pixels(session: KerasSession, training: Dataset) -> None:
    """Check on labelled images that a model was trained on pixels of 0-255, or not trained yet.

    Args:
        session: The model, of probabilities.
        training: Images of its shape and classes.

    Raises:
        ModelError: It was trained on another range; says what to type.
    """
    probed = probe(len(training.images))
    images, targets = session.fit(training.images[probed]), training.targets[probed]
    others = [
        Trial(name, _scores(session, images / divisor + offset))
        for name, (divisor, offset) in _SCALINGS.items()
    ]
    best = min(others, key=lambda trial: trial.losses(targets).mean())
    found = evidence(Trial("0-255", session.scores(images)), best, targets)
    if found:
        path = session.info.path
        raise ModelError(
            f"{path}: {found}; training takes 0-255, so put the scaling into the model and --resume the file "
            f"that this writes: {_command(path, best.name)}"
        )


def _scores(session: KerasSession, pixels: NDArray[np.float64]) -> NDArray[np.float32]:
    """The model's own answers, float32 ``[N, classes]``, to pixels ``[N, *input_shape]`` of any range."""
    answers: Any = session.classifier.model(pixels.astype(np.float32), training=False)
    return np.asarray(answers, np.float32)


def _command(path: Path, name: str) -> str:
    """What writes the model with a range's scaling in front of it, as a shell takes it.

    It is short, and writes into the working directory, as all of it has to fit into an error's one line.
    """
    divisor, offset = _SCALINGS[name]
    source, target = (json.dumps(file, ensure_ascii=False) for file in (str(path), f"{path.stem}-raw.keras"))
    layers = f"k.Input(m.input_shape[1:]), k.layers.Rescaling(1/{divisor}, {offset}), m"
    code = f"import keras as k; m=k.models.load_model({source}); k.Sequential([{layers}]).save({target})"
    return shlex.join(["python", "-c", code])
