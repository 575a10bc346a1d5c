"""Finding out whether an original takes pixels of 0–255 or of 0–1.

A model trained on x/255 that is exported as if it took raw pixels agrees with itself perfectly, and is
wrong on every device. Labelled images tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.errors import ModelError

InputRange = Literal["0-255", "0-1"]
INPUT_RANGES: dict[InputRange, float] = {"0-255": 1.0, "0-1": 1 / 255}
"""What pixels are multiplied by in front of a model that was trained on values of such a range."""

_PROBED_IMAGES = 2000
_CERTAIN = 3.0
"""Standard errors of a paired difference (McNemar) beyond which it is not taken for chance."""
_MATERIAL = 1.5
"""How much greater the loss must be to speak for the other range. Of logits that are 255 times too large it
is many times as great; a network that normalises what it is given has nearly the same under both."""
_BETTER_THAN_GUESSING = 0.1
"""Share of the way from always naming the commonest class to being always right. A model that gets less
far, such as an untrained one, tells nothing of its range."""


@dataclass(frozen=True)
class Trial:
    """An original's answers to labelled images under one range."""

    name: str
    """The range, such as ``0-255`` or ``0-1``."""
    scores: NDArray[np.float32]
    """float32 ``[N, classes]``, probabilities."""

    def losses(self, targets: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Cross-entropy of each image, which tells where two ranges give the same classes."""
        likelihood = self.scores[np.arange(len(targets)), targets].astype(np.float64)
        return np.asarray(-np.log(np.maximum(likelihood, np.finfo(np.float32).tiny)))


def probe(count: int) -> slice:
    """About 2,000 of so many images, from all over: own data may be sorted by class."""
    return slice(None, None, max(1, count // _PROBED_IMAGES))


def require_better(declared: Trial, other: Trial, targets: NDArray[np.uint8], path: Path) -> None:
    """Check that the range which was declared is the one the original was trained on.

    Args:
        declared: Answers under the declared range.
        other: Answers under the other one.
        targets: uint8 ``[N]``, the true classes.
        path: The original, for the message.

    Raises:
        ModelError: The images speak for the other range.
    """
    found = evidence(declared, other, targets)
    if found:
        raise ModelError(f"{path}: {found}; say so with --input-range {other.name}")


def evidence(declared: Trial, other: Trial, targets: NDArray[np.uint8]) -> str | None:
    """What speaks for the other range, for the message; None where nothing does.

    Args:
        declared: Answers under the declared range.
        other: Answers under the other one.
        targets: uint8 ``[N]``, the true classes.
    """
    right, other_right = (trial.scores.argmax(axis=1) == targets for trial in (declared, other))
    commonest = np.bincount(targets).max() / len(targets)
    if other_right.mean() <= commonest + _BETTER_THAN_GUESSING * (1 - commonest):
        return None
    gained, lost = int((other_right & ~right).sum()), int((right & ~other_right).sum())
    certain = abs(gained - lost) > _CERTAIN * np.sqrt(gained + lost)
    loss, other_loss = (trial.losses(targets).mean() for trial in (declared, other))
    if not (gained > lost if certain else loss > _MATERIAL * other_loss):
        return None
    return (
        f"gets {100 * other_right.mean():.1f} % of {len(targets):,} training images right with "
        f"pixels of {other.name}, at a mean loss of {other_loss:.2f}, and "
        f"{100 * right.mean():.1f} % with pixels of {declared.name}, at {loss:.2f}, so it was "
        f"trained on {other.name}"
    )
