"""Which operators of a model its time goes to, where the engine tells.

from fmnist_runtime.timing.operators import profile_operators

profile = profile_operators(Path("model-float32.onnx"), images[:1])
print([(operator.kind, operator.share) for operator in profile.operators])
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from importlib import import_module
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.container import format_suffix
from fmnist_runtime.engines import KERAS_SUFFIXES, load
from fmnist_runtime.engines.session import Session
from fmnist_runtime.timing import time_block

__all__ = ["OperatorProfile", "OperatorRun", "OperatorTime", "profile_operators"]

_RECORDERS = {
    "onnxruntime": "fmnist_runtime.timing.operators_onnx",
    "numpy": "fmnist_runtime.timing.operators_numpy",
}
"""By an engine's name the module whose ``record(info, run)`` runs a model once more, by a session that keeps
time, and gives each `OperatorRun`; ``CAVEAT`` says what to mind. The TFLite packages for Python tell nothing:
the profilers of `Interpreter` and `CompiledModel` are for C and C++ alone (up to ai-edge-litert 2.3)."""
_WARM_UP = 50
"""Inferences whose times are left out: the first are slower, by tables and caches that they fill."""
_BLOCKS = 10
"""Of this many blocks of inferences the means are taken, and of these the median: as fine as a mean, where
the engine's clock counts whole µs, but not moved by one time that the machine did something else. See
Lugosi and Mendelson 2019, "Mean estimation and regression under heavy-tailed distributions"."""


class OperatorRun(NamedTuple):
    """One operator, run once."""

    name: str
    """As of `OperatorTime`."""
    kind: str
    """As of `OperatorTime`."""
    microseconds: float
    """How long it took."""


@dataclass(frozen=True)
class OperatorTime:
    """What one operator takes."""

    name: str
    """Its name in the file, as far as the engine keeps it: ``fused …`` is one with its activation, and
    ``Gemm_1`` a node in place 1 that has no name."""
    kind: str
    """The operator, as the engine names what it ran: ``FusedGemm``, ``dense relu``, …"""
    mean_us: float
    """µs in an inference of the whole batch: the median of the means of ten blocks of inferences."""
    share: float
    """Of the sum over all operators, 0 to 1."""


@dataclass(frozen=True)
class OperatorProfile:
    """What all operators of a model take."""

    operators: tuple[OperatorTime, ...]
    """In the order in which they run."""
    inferences: int
    """How many were profiled; the warm-up is none of them."""
    note: str
    """What keeping time does to these figures."""


def profile_operators(
    path: Path,
    images: NDArray[np.uint8],
    threads: int = 1,
    engine: str = "auto",
    inferences: int = 200,
    input_range: str | None = None,
) -> OperatorProfile | None:
    """Time a model's operators, one by one.

    Keeping time has a price, which for a small model is higher than what is measured. Of the 784-128-10 MLP
    in float32, ONNX Runtime's profiler makes 28 µs of 8; most of them pass between the operators, but 1 to
    4 µs are in the figure of each, even of a softmax of ten numbers. So the operators' sum is above what an
    inference takes without a profile, and the shares of small ones are too high; the largest stay the
    largest. The note says by how much this model was slowed down.

    Args:
        path: A model file that `load` takes.
        images: uint8 ``[N, H, W]``: real images, one batch, which every inference takes.
        threads: Threads one inference may use.
        engine: As of `load`.
        inferences: How many to profile.
        input_range: As of `load`.

    Returns:
        The profile; None where the engine tells nothing, or nothing took as long as the engine's clock
        can tell.

    Raises:
        ModelError: The session cannot be loaded or run, or its profile cannot be read.
        MissingExtraError: The engine is not installed.
        OutputError: There is no room for temporary files.
    """
    if inferences < 1 or not len(images):
        raise ValueError(f"{inferences} inferences of {len(images)} images; take 1 or more of both")
    if format_suffix(path) in KERAS_SUFFIXES:
        return None
    with load(path, threads=threads, engine=engine, input_range=input_range) as session:
        module = _RECORDERS.get(session.info.engine.split()[0])
        if module is None:
            return None
        recorder = import_module(module)
        medians = [_run(session, images, inferences)]
        runs = recorder.record(session.info, lambda timed: medians.append(_run(timed, images, inferences)))
    bare, slowed = medians
    note = f"keeping time makes an inference take {slowed:.1f} µs instead of {bare:.1f}; {recorder.CAVEAT}"
    operators = _summed(runs, inferences)
    return OperatorProfile(operators, inferences, note) if operators else None


def _run(session: Session, images: NDArray[np.uint8], inferences: int) -> float:
    """Warm up and run a session, and tell the median µs of an inference."""
    for _ in range(_WARM_UP):
        session.scores(images)
    return statistics.median(time_block(session.scores, repeat(images, inferences))) / 1000


def _summed(runs: list[OperatorRun], inferences: int) -> tuple[OperatorTime, ...]:
    """The operators, from all that ran in the warm-up and after it; none where they took no time."""
    # Each inference has run the same operators; those of a batch that went in blocks, several times.
    times = np.array([run.microseconds for run in runs], np.float64).reshape(_WARM_UP + inferences, -1)
    blocks = np.array_split(times[_WARM_UP:], min(_BLOCKS, inferences))
    middle = np.median([block.mean(axis=0) for block in blocks], axis=0)
    sums: dict[tuple[str, str], float] = {}
    for (name, kind, _), microseconds in zip(runs, middle.tolist(), strict=False):
        sums[name, kind] = sums.get((name, kind), 0) + microseconds
    total = sum(sums.values())
    if not total:
        return ()
    return tuple(OperatorTime(*key, spent, spent / total) for key, spent in sums.items())
