"""The time of each operator of a model, where the engine reports it.

from fmnist_runtime.timing.operators import profile_operators

profile = profile_operators(Path("model-float32.onnx"), images[:1])
print([(operator.kind, operator.share) for operator in profile.operators])

ONNX Runtime has a profiler. It writes the format of Chrome's trace viewer:
https://onnxruntime.ai/docs/performance/tune-performance/profiling-tools.html. On NumPy, the clock is read
before and after each layer. The TFLite packages for Python report nothing: the profilers of `Interpreter` and
`CompiledModel` are for C and C++ only (up to ai-edge-litert 2.3).
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.container import format_suffix
from fmnist_runtime.engines import KERAS_SUFFIXES, load
from fmnist_runtime.engines.dense import Floats
from fmnist_runtime.engines.session import ModelInfo, Session
from fmnist_runtime.engines.session_options import options_of
from fmnist_runtime.errors import ModelError, OutputError
from fmnist_runtime.timing import time_block

__all__ = ["OperatorProfile", "OperatorRun", "OperatorTime", "profile_operators"]

_WARM_UP = 50
"""Inferences that are left out. The first ones are slower, as they fill tables and caches."""
_BLOCKS = 10
"""The inferences are divided into this many blocks, and the figure is the median of the blocks' means. It is
as fine as a mean if the engine's clock counts whole µs, but a single outlier does not move it. See Lugosi and
Mendelson 2019, "Mean estimation and regression under heavy-tailed distributions"."""
_CLOCK = time.perf_counter_ns
_TIME = "_kernel_time"
"""Suffix of a node's name in the event that has its time. Old versions write other events, too."""
_MAX_BYTES = 2**28
"""256 MB of profile, some 300,000 runs of operators. The engine stops writing after a million."""


class OperatorRun(NamedTuple):
    """One run of one operator."""

    name: str
    kind: str
    """Both as in `OperatorTime`."""
    microseconds: float
    """Duration."""


@dataclass(frozen=True)
class OperatorTime:
    """The time of one operator."""

    name: str
    """Its name in the file, as far as the engine keeps it. ``fused …`` is an operator with its activation,
    and ``Gemm_1`` a node in place 1 that has no name."""
    kind: str
    """The engine's name of the operator: ``FusedGemm``, ``dense relu``, …"""
    mean_us: float
    """µs in an inference of the whole batch: the median of the means of ten blocks of inferences."""
    share: float
    """Share of the sum over all operators, 0 to 1."""


@dataclass(frozen=True)
class OperatorProfile:
    """The times of all operators of a model."""

    operators: tuple[OperatorTime, ...]
    """In the order in which they run."""
    inferences: int
    """Number of profiled inferences, without the warm-up."""
    note: str
    """How profiling affects these figures."""


def profile_operators(
    path: Path,
    images: NDArray[np.uint8],
    threads: int = 1,
    engine: str = "auto",
    inferences: int = 200,
    input_range: str | None = None,
) -> OperatorProfile | None:
    """Time each operator of a model.

    Profiling has a cost, which is higher than the measured time for a small model. ONNX Runtime's profiler
    turns the 8 µs of the 784-128-10 MLP in float32 into 28. Most of that passes between the operators, but
    each figure contains 1 to 4 µs of it, even a softmax of ten numbers. So the sum of the operators is larger
    than an inference without profiling, and the shares of small operators are too high; the largest operators
    stay the largest. The note says how much the profiling slowed down this model.

    Args:
        path: A model file that `load` accepts.
        images: uint8 ``[N, H, W]``: real images, one batch for every inference.
        threads: Threads of one inference.
        engine: As in `load`.
        inferences: Number of inferences to profile.
        input_range: As in `load`.

    Returns:
        The profile; None if the engine reports nothing, or if the engine's clock measured no time.

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
        record, caveat = _RECORDERS.get(session.info.engine.split()[0], (None, ""))
        if record is None:
            return None
        medians = [_run(session, images, inferences)]
        runs = record(session.info, lambda timed: medians.append(_run(timed, images, inferences)))
    bare, slowed = medians
    note = f"profiling makes an inference take {slowed:.1f} µs instead of {bare:.1f}; {caveat}"
    operators = _summed(runs, inferences)
    return OperatorProfile(operators, inferences, note) if operators else None


def _run(session: Session, images: NDArray[np.uint8], inferences: int) -> float:
    """Warm up and run a session. Return the median µs of an inference."""
    for _ in range(_WARM_UP):
        session.scores(images)
    return statistics.median(time_block(session.scores, repeat(images, inferences))) / 1000


def _summed(runs: list[OperatorRun], inferences: int) -> tuple[OperatorTime, ...]:
    """Combine all runs of the warm-up and the inferences into operators; none if they took no time."""
    # Each inference runs the same operators, and runs them several times if the batch is run in blocks.
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


def _record_numpy(info: ModelInfo, run: Callable[[Session], object]) -> list[OperatorRun]:
    """Load a model again and time each layer while it runs; see `_RECORDERS`."""
    from fmnist_runtime.engines.numpy import NumpySession

    runs: list[OperatorRun] = []

    def timed(step: Callable[[], object], name: str, kind: str) -> Callable[[], object]:
        def run_step() -> None:
            start = _CLOCK()
            step()
            runs.append(OperatorRun(name, kind, (_CLOCK() - start) / 1000))

        return run_step

    class TimedSession(NumpySession):
        def _steps(self, pixels: Floats, outputs: list[Floats]) -> list[Callable[[], object]]:
            steps = zip(super()._steps(pixels, outputs), self.layers, strict=True)
            return [timed(step, layer.name, f"dense {layer.activation}") for step, layer in steps]

    with TimedSession(options_of(info)) as session:
        runs.clear()
        run(session)
    return runs


def _record_onnx(info: ModelInfo, run: Callable[[Session], object]) -> list[OperatorRun]:
    """Load a model again with the engine's profiler and run it; see `_RECORDERS`.

    Raises:
        ModelError: It cannot be loaded or run, or its profile cannot be read.
        OutputError: There is no room for temporary files.
    """
    from fmnist_runtime.engines.onnx import OnnxSession

    class ProfiledSession(OnnxSession):
        def _options(self, threads: int) -> Any:
            options = super()._options(threads)
            options.enable_profiling, options.profile_file_prefix = True, f"{folder.name}/operators"
            return options

    try:
        folder = TemporaryDirectory(prefix="fmnist-")
    except OSError as error:
        raise OutputError(
            f"{info.path}: its profile has no folder for temporary files ({error}); name one in TMPDIR"
        ) from error
    with folder:
        # Checked again, as the file may have changed.
        with ProfiledSession(options_of(info)) as session:
            run(session)
            profile = Path(session.inference_session.end_profiling())
        try:
            return _read_profile(profile)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{info.path}: the profile that {info.engine} made cannot be read ({error})"
            ) from error


def _read_profile(profile: Path) -> list[OperatorRun]:
    size = profile.stat().st_size
    if size > _MAX_BYTES:
        raise ValueError(f"it has {size:,} bytes, at most {_MAX_BYTES:,} are read; profile fewer inferences")
    text = profile.read_text(encoding="utf-8", errors="replace")
    # Not strict: older versions do not escape the line breaks of a name.
    events = json.loads(text, strict=False)
    return [
        OperatorRun(event["name"].removesuffix(_TIME), event["args"]["op_name"], event["dur"])
        for event in events
        if event["cat"] == "Node"
        and event["name"].endswith(_TIME)
        and event["args"]["op_name"] != "If"  # its time is that of its nodes, which have events of their own
    ]


_Recorder = Callable[[ModelInfo, Callable[[Session], object]], list[OperatorRun]]
_RECORDERS: dict[str, tuple[_Recorder, str]] = {
    "onnxruntime": (
        _record_onnx,
        "a part of that is in these figures, about as much for each operator, so small operators take less "
        "time than shown; the profiler counts whole µs",
    ),
    "numpy": (_record_numpy, "each layer's figure includes the cost of reading the clock"),
}
"""By engine: a function that loads a model again, lets ``run`` run it, and returns every run of an operator
in order; and a caveat for the user."""
