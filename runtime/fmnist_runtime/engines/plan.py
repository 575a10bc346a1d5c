"""Plans: a model prepared to run images of one shape, and the steps after it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.metadata import Head
from fmnist_runtime.engines.dense import ACTIVATIONS
from fmnist_runtime.errors import NonFiniteScoresError

Run = Callable[[NDArray[np.uint8], NDArray[np.float32] | None], NDArray[np.float32]]
"""Scores images of one shape, into a given array or a new one."""
_LINEAR = {"linear", "fullyconnected", "conv2d", "gemm", "fusedgemm", "matmul", "add", "conv", "qgemm"}
_LINEAR |= {"qlinearadd", "qlinearmatmul", "qlinearconv"}
"""Operators, without regard to case, whose outputs are logits, even if these happen to lie between 0 and
1."""
_ROUNDING = 1e-3
"""How far a probability may be outside of 0 to 1: float16 rounds by up to 2⁻¹² of its value."""


class Plan(NamedTuple):
    """A model prepared for images of one shape, with all memory allocated."""

    write: Callable[[NDArray[np.uint8]], object]
    """Writes uint8 images of that shape to where the engine reads them."""
    invoke: Callable[[], object]
    """Runs the model on them."""
    scores: NDArray[np.float32]
    """float32 ``[N, classes]``: holds the scores until the next run."""


def _share_of_two(values: NDArray[np.float32]) -> None:
    """Map -1 to 1 to probabilities."""
    values += 1
    values *= 0.5


_ACTIVATIONS: dict[Head, Callable[[NDArray[np.float32]], object]] = {
    "softmax": ACTIVATIONS["softmax"],
    "pair": ACTIVATIONS["linear"],
    "logistic pair": ACTIVATIONS["sigmoid"],
    "tanh pair": _share_of_two,
}


HEAD_NOTES: dict[Head, tuple[str, ...]] = {
    "logistic pair": (
        "has one output and no sigmoid behind it; it is taken for a logit, above 0 for the second class",
    ),
    "tanh pair": ("has one output of -1 to 1; it is taken to be 1 for the second class",),
}
"""Remarks on what is added after a model, as its author may have meant something else."""


def are_logits(scores: NDArray[np.float32]) -> bool:
    """Return whether scores, float32 ``[N, classes]``, cannot be probabilities."""
    return bool(scores.min() < -_ROUNDING or scores.max() > 1 + _ROUNDING)


def find_head(producer: str, scores: NDArray[np.float32]) -> Head:
    """Find what must be added after somebody else's model so that it gives a probability for each class.

    Args:
        producer: The format's name of the operator that computes the output; empty if unknown.
        scores: float32 ``[N, outputs]``, raw outputs for images of all kinds.
    """
    producer = producer.replace("_", "").lower()
    logits, linear = are_logits(scores), producer in _LINEAR
    if scores.shape[1] == 1:
        if producer == "tanh":
            return "tanh pair"
        return "logistic pair" if logits or linear else "pair"
    one = np.abs(scores.sum(axis=1, dtype=np.float64) - 1).max() < _ROUNDING  # as for a mean of two networks
    return "softmax" if logits or (linear and not one) else "none"


def with_head(plan: Plan, head: Head) -> Plan:
    """Add a head to a plan."""
    if head == "none":
        return plan
    count, outputs = plan.scores.shape
    scores = np.empty((count, outputs if head == "softmax" else 2), np.float32)
    values = scores if head == "softmax" else scores[:, 1:]
    activation = _ACTIVATIONS[head]

    def invoke() -> None:
        plan.invoke()
        values[...] = plan.scores
        activation(values)
        if head != "softmax":
            np.subtract(1, scores[:, 1], scores[:, 0])

    return Plan(plan.write, invoke, scores)


def with_order(plan: Plan, order: tuple[int, ...]) -> Plan:
    """Change the order of a plan's classes to these; empty to keep it."""
    if not order:
        return plan
    scores, places = np.empty_like(plan.scores), np.array(order)

    def invoke() -> None:
        plan.invoke()
        plan.scores.take(places, 1, scores, "clip")  # clip, as the default copies the target first

    return Plan(plan.write, invoke, scores)


def in_turn(invoke: Callable[[], object], read: Callable[[], object] | None) -> Callable[[], object]:
    """Return a function that runs a model and then reads its scores, if necessary."""
    if read is None:
        return invoke

    def invoke_and_read() -> None:
        invoke()
        read()

    return invoke_and_read


def non_finite(path: Path) -> NonFiniteScoresError:
    """Return the error for scores that are NaN or infinite."""
    return NonFiniteScoresError(f"{path}: answers NaN or infinity instead of probabilities; export it again")


def as_run(plan: Plan, path: Path) -> Run:
    """Return a plan as one call, which checks the scores and returns a copy."""
    write, invoke, scores = plan
    copy, isfinite = scores.copy, np.isfinite
    finite = np.empty(scores.shape, np.bool_)
    as_bytes, all_finite = finite.tobytes, bytes([True]) * scores.size

    def run(images: NDArray[np.uint8], out: NDArray[np.float32] | None) -> NDArray[np.float32]:
        write(images)
        invoke()
        isfinite(scores, finite)
        if as_bytes() != all_finite:  # for a few classes, it takes a fifth of the time of all()
            raise non_finite(path)
        if out is None:
            return copy()
        out[...] = scores
        return out

    return run


LARGEST = 256
"""From 64 to 1,024 images of the 784-128-10 MLP there is no measurable difference."""
_USUAL_CACHE = 512 * 1024
"""Second-level cache of a core of the Raspberry Pi 5, and of all four cores of the Pi 3."""
_SECOND_LEVEL = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")


@cache
def cache_bytes() -> int:
    """Return the size of the first core's second-level cache, as Linux reports it; else a usual size."""
    try:
        kibibytes = int(_SECOND_LEVEL.read_text().strip().removesuffix("K"))
    except (OSError, ValueError):
        return _USUAL_CACHE
    return kibibytes * 1024 or _USUAL_CACHE


def block_size(image_bytes: int) -> int:
    """Return the largest power of two, up to `LARGEST`, of images whose activations fit into the cache.

    Args:
        image_bytes: Bytes that the widest operator reads and writes for one image.
    """
    fitting = cache_bytes() // max(image_bytes, 1)
    return min(LARGEST, 1 << max(fitting, 1).bit_length() - 1)
