"""A model made ready to run: what an engine prepares, and what a session makes of it."""

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
"""Scores images of one shape: into the array that is given, or into one of the caller's own."""
_LINEAR = {
    "fullyconnected",
    "conv2d",
    "gemm",
    "fusedgemm",
    "matmul",
    "add",
    "conv",
    "qgemm",
    "qlinearadd",
    "linear",
}
_LINEAR |= {"qlinearmatmul", "qlinearconv"}
"""Operators, without regard to case, behind which values are logits, also where they happen to lie between 0
and 1."""
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


def _share_of_two(values: NDArray[np.float32]) -> None:
    """Make shares of what reaches from -1 to 1."""
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
"""What a person should know of what follows a model, as others might have meant something else."""


def are_logits(scores: NDArray[np.float32]) -> bool:
    """Whether scores, float32 ``[N, classes]``, are none that probabilities can be."""
    return bool(scores.min() < -_ROUNDING or scores.max() > 1 + _ROUNDING)


def find_head(producer: str, scores: NDArray[np.float32]) -> Head:
    """What has to follow a stranger's model, so that it gives a probability for each class.

    Args:
        producer: The operator that gives the output its values, as its format calls it; empty where not
            known.
        scores: float32 ``[N, outputs]``, raw outputs for images of every kind.
    """
    producer = producer.replace("_", "").lower()
    logits, linear = are_logits(scores), producer in _LINEAR
    if scores.shape[1] == 1:
        if producer == "tanh":
            return "tanh pair"
        return "logistic pair" if logits or linear else "pair"
    one = np.abs(scores.sum(axis=1, dtype=np.float64) - 1).max() < _ROUNDING  # as of a mean of two networks
    return "softmax" if logits or (linear and not one) else "none"


def with_head(plan: Plan, head: Head) -> Plan:
    """The plan of a model, with what follows it."""
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
    """The plan of a model with its scores in another order of classes.

    Args:
        plan: The plan.
        order: By its new place the class; empty where the order stays.
    """
    if not order:
        return plan
    scores, places = np.empty_like(plan.scores), np.array(order)

    def invoke() -> None:
        plan.invoke()
        plan.scores.take(places, 1, scores, "clip")  # clip, as the default copies the target first

    return Plan(plan.write, invoke, scores)


def in_turn(invoke: Callable[[], object], read: Callable[[], object] | None) -> Callable[[], object]:
    """What runs a model and reads its scores, if there is anything to read."""
    if read is None:
        return invoke

    def invoke_and_read() -> None:
        invoke()
        read()

    return invoke_and_read


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


LARGEST = 256
"""From 64 to 1,024 images of the 784-128-10 MLP it makes no difference that can be measured."""
_USUAL_CACHE = 512 * 1024
"""Second-level cache of a core of the Raspberry Pi 5, and of all four of the Pi 3."""
_SECOND_LEVEL = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")


@cache
def cache_bytes() -> int:
    """Size of the first core's second-level cache, as Linux tells; a usual one elsewhere."""
    try:
        kibibytes = int(_SECOND_LEVEL.read_text().strip().removesuffix("K"))
    except (OSError, ValueError):
        return _USUAL_CACHE
    return kibibytes * 1024 or _USUAL_CACHE


def block_size(image_bytes: int) -> int:
    """The largest power of two, up to `LARGEST`, of images whose activations fit the cache together.

    Args:
        image_bytes: What the widest operator reads and writes for one image.
    """
    fitting = cache_bytes() // max(image_bytes, 1)
    return min(LARGEST, 1 << max(fitting, 1).bit_length() - 1)
