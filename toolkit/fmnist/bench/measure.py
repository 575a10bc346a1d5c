"""Rounds of fresh processes: in each, every configuration once, in an order shuffled anew."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fmnist.bench.configuration import Configuration, Method
from fmnist.bench.operators import Profile
from fmnist.bench.processes import Process, run_profiler, run_worker
from fmnist.bench.result import Benchmark, Failure, Result
from fmnist.models.select import distinct_names
from fmnist_runtime.errors import FmnistError, ModelError, OutputError, UnsupportedError

HARNESS = "(harness)"
"""What the empty call is called, in the place of a model's file."""
IMAGES = 1000
"""So many test images are used, in turn. A camera's are in the processor's cache when they come, too."""


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

    One process runs at a time, and whatever slows the machine for a while slows the processes of a round
    alike, whichever comes first in it. A configuration that fails is not tried again; the others go on.
    Ctrl-C ends it, with what is done so far.

    Args:
        configurations: What to time.
        images: uint8 ``[N, H, W]``, real images, of which the first `IMAGES` are used.
        method: How.
        on_process: Called after each process.
        seed: Seed of the order.
        named: What must be left to go on, as an original beside artifacts that all failed is of no use; all
            models unless given.
        unknown: Models that are not timed, as nobody says what they take, each with the reason.
    """
    shuffle = random.Random(seed).shuffle
    names = _names(configurations)
    needed = {item.path for item in configurations if item.path} if named is None else set(named)
    done: dict[Configuration, list[Process]] = {item: [] for item in configurations}
    failures = {
        item: Failure(item, unknown[item.path], names[item])
        for item in configurations
        if item.path in unknown and item.path
    }
    interrupted = False
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
                        failures[item] = Failure(item, error, names[item])
                    on_process()
        except KeyboardInterrupt:
            interrupted = True  # whoever shows the result says so
    results = [
        Result(item, tuple(processes), names[item])
        for item, processes in done.items()
        if processes and item not in failures
    ]
    rounds = min((len(processes) for item, processes in done.items() if item not in failures), default=0)
    left_out = [failure for failure in failures.values() if _has_another(failure, configurations)]
    failed = [failure for failure in failures.values() if failure not in left_out]
    return Benchmark(method, tuple(results), tuple(failed), tuple(left_out), rounds, interrupted)


def _same(process: Process, earlier: Sequence[Process], item: Configuration) -> Process:
    """The process, if it ran the file that those before it did; it may have been exported again meanwhile."""
    if earlier and process.model != earlier[0].model:
        raise ModelError(f"{item.path}: was replaced while it was timed; run fmnist bench again")
    return process


def _has_another(failure: Failure, configurations: Sequence[Configuration]) -> bool:
    """Whether an engine cannot run a model by its nature, and another one is to."""
    mine = failure.configuration
    return isinstance(failure.error, UnsupportedError) and any(
        item.path == mine.path and item.engine != mine.engine for item in configurations
    )


def _names(configurations: Sequence[Configuration]) -> dict[Configuration, str]:
    """What configurations are called: as their files are, or `HARNESS`."""
    names = distinct_names(item.path for item in configurations if item.path)
    return {item: names[item.path] if item.path else HARNESS for item in configurations}


def profile(
    results: Sequence[Result],
    images: NDArray[np.uint8],
    method: Method,
    on_process: Callable[[], None] = lambda: None,
) -> list[Profile]:
    """The time of each operator of models that were timed, by a process for each.

    Returns:
        For each the profile, None where its engine does not tell, or why there is none.
    """
    profiles: list[Profile] = []
    with _written(images) as file:
        for result in results:
            try:
                profiles.append(run_profiler(result.configuration, method, file))
            except FmnistError as error:
                profiles.append(error)
            on_process()
    return profiles


@contextmanager
def _written(images: NDArray[np.uint8]) -> Iterator[Path]:
    """A file of the images that the workers take."""
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
