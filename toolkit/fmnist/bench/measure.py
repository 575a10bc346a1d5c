"""Timing in rounds of fresh processes: each round runs every configuration once, in a new random order."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fmnist.bench.configuration import Configuration, Method
from fmnist.bench.processes import Process, run_profiler, run_worker
from fmnist.bench.record import Benchmark, NotTimed, OperatorsOfModel
from fmnist.bench.result import timed_record
from fmnist.models.select import distinct_names
from fmnist.results.timed import TimedModel
from fmnist_runtime.errors import FmnistError, ModelError, OutputError, UnsupportedError

HARNESS = "(harness)"
"""Name of the empty call."""
IMAGES = 1000
"""How many test images are used, in turn. They fit into the cache, where a camera's images are, too."""


def measure(
    configurations: Sequence[Configuration],
    images: NDArray[np.uint8],
    method: Method,
    on_process: Callable[[], None] = lambda: None,
    seed: int = 0,
    named: Collection[Path] | None = None,
    unknown: Mapping[Path, FmnistError] = MappingProxyType({}),
) -> Benchmark:
    """Time configurations side by side.

    One process runs at a time, so that a slow phase of the machine slows all configurations of a round alike.
    A configuration that fails is not tried again; the others go on. Ctrl-C ends it, and what was done by then
    is returned.

    Args:
        configurations: What to time.
        images: uint8 ``[N, H, W]``, real images, of which the first `IMAGES` are used.
        method: How.
        on_process: Called after each process.
        seed: Seed of the order.
        named: The models that the user named, by default all: once all of them have failed, timing stops.
        unknown: Models that are not timed because their input range is unknown, each with the reason.
    """
    shuffle = random.Random(seed).shuffle
    needed = {item.path for item in configurations if item.path} if named is None else set(named)
    done: dict[Configuration, list[Process]] = {item: [] for item in configurations}
    failures = {item: unknown[item.path] for item in configurations if item.path and item.path in unknown}
    interrupted = None
    with _written(images) as file:
        try:
            for _ in range(method.processes):
                order = [item for item in configurations if item not in failures]
                if needed.isdisjoint(item.path for item in order):
                    break
                shuffle(order)
                for item in order:
                    try:
                        done[item].append(_same(run_worker(item, method, file), done[item], item))
                    except FmnistError as error:
                        failures[item] = error
                    on_process()
        except KeyboardInterrupt:
            interrupted = True  # whoever shows the result says so
    names = _names(configurations)
    records = [
        timed_record(item, processes, names[item])
        for item, processes in done.items()
        if processes and item not in failures
    ]
    left_out = {item for item, error in failures.items() if _has_another(item, error, configurations)}
    return Benchmark(
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
        method=method,
        rounds=min((len(processes) for item, processes in done.items() if item not in failures), default=0),
        models=tuple(record for record in records if isinstance(record, TimedModel)),
        harness=next((record for record in records if not isinstance(record, TimedModel)), None),
        failures=tuple(_not_timed(item, error) for item, error in failures.items() if item not in left_out),
        left_out=tuple(_not_timed(item, error) for item, error in failures.items() if item in left_out),
        interrupted=interrupted,
    )


def _not_timed(item: Configuration, error: FmnistError) -> NotTimed:
    return NotTimed(**vars(item), error=str(error))


def _same(process: Process, earlier: Sequence[Process], item: Configuration) -> Process:
    """Return the process; refuse it if the file was replaced since the processes before it."""
    if earlier and process.model != earlier[0].model:
        raise ModelError(f"{item.path}: was replaced while it was timed; run fmnist bench again")
    return process


def _has_another(failed: Configuration, error: FmnistError, configurations: Sequence[Configuration]) -> bool:
    """Return whether an engine cannot run a model by its nature, and another engine is to run it."""
    return isinstance(error, UnsupportedError) and any(
        item.path == failed.path and item.engine != failed.engine for item in configurations
    )


def _names(configurations: Sequence[Configuration]) -> dict[Configuration, str]:
    """Return the names of configurations: those of their files, or `HARNESS`."""
    names = distinct_names(item.path for item in configurations if item.path)
    return {item: names[item.path] if item.path else HARNESS for item in configurations}


def profile(
    models: Sequence[TimedModel],
    images: NDArray[np.uint8],
    method: Method,
    on_process: Callable[[], None] = lambda: None,
) -> list[OperatorsOfModel]:
    """Time the operators of models, in a process for each."""
    profiles = []
    with _written(images) as file:
        for model in models:
            configuration = Configuration(model.path, model.runner, model.threads, model.batch)
            found, failure = None, None
            try:
                found = run_profiler(configuration, method, file)
            except FmnistError as error:
                failure = str(error)
            profiles.append(OperatorsOfModel(**vars(model.key), profile=found, error=failure))
            on_process()
    return profiles


@contextmanager
def _written(images: NDArray[np.uint8]) -> Iterator[Path]:
    """Write the images to a temporary file for the workers."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fmnist-"))
            file = Path(folder) / "images.npy"
            np.save(file, images[:IMAGES])
        except OSError as error:
            raise OutputError(
                f"bench: the images have no room among temporary files ({error}); "
                "name another folder for those in TMPDIR"
            ) from error
        yield file
