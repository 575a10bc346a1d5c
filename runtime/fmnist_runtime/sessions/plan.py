"""A model made ready to run: what an engine prepares, and what a session makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.dense.network import ACTIVATIONS
from fmnist_runtime.errors import NonFiniteScoresError

Run = Callable[[NDArray[np.uint8], NDArray[np.float32] | None], NDArray[np.float32]]
"""Scores images of one shape: into the array that is given, or into one of the caller's own."""
_ROUNDING = 1e-3
"""How far a probability may be from 0 to 1: float16 ones are rounded by up to 2⁻¹² of themselves."""


class Plan(NamedTuple):
    """A model made ready for images of one shape, with all the memory that takes."""

    write: Callable[[NDArray[np.uint8]], object]
    """Puts uint8 images of that shape where the engine reads them."""
    invoke: Callable[[], object]
    """Runs the model on them."""
    scores: NDArray[np.float32]
    """float32 ``[N, classes]``: where the answer is until the next one."""


def are_logits(scores: NDArray[np.float32]) -> bool:
    """Whether scores, float32 ``[N, classes]``, are none that probabilities can be."""
    return bool(scores.min() < -_ROUNDING or scores.max() > 1 + _ROUNDING)


def with_softmax(plan: Plan) -> Plan:
    """The plan of a model that ends in logits, with what makes probabilities of them."""
    scores = np.empty_like(plan.scores)

    def invoke() -> None:
        plan.invoke()
        scores[...] = plan.scores
        ACTIVATIONS["softmax"](scores)

    return Plan(plan.write, invoke, scores)


def as_run(plan: Plan, path: Path) -> Run:
    """The plan as one call, whose answer is the caller's own and holds nothing but numbers."""
    write, invoke, scores = plan
    copy, isfinite = scores.copy, np.isfinite
    finite = np.empty(scores.shape, np.bool_)
    as_bytes, all_finite = finite.tobytes, bytes([True]) * scores.size

    def run(images: NDArray[np.uint8], out: NDArray[np.float32] | None) -> NDArray[np.float32]:
        write(images)
        invoke()
        isfinite(scores, finite)
        if as_bytes() != all_finite:  # for a few classes a fifth of the time that all() takes
            raise NonFiniteScoresError(
                f"{path}: answers NaN or infinity instead of probabilities; export it again"
            )
        if out is None:
            return copy()
        out[...] = scores
        return out

    return run
