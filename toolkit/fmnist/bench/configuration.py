"""What to time, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

from fmnist.models.open import is_keras
from fmnist.results.read import Amount, Bounds, Count
from fmnist_runtime.artifact.container import format_suffix
from fmnist_runtime.engines import ENGINES
from fmnist_runtime.errors import ModelError

Scenario = Literal["latency", "throughput", "periodic", "cold-start"]


@dataclass(frozen=True)
class Configuration:
    """One combination of model, engine, threads and batch."""

    path: Path | None
    """The model; None for an empty call, which shows what the harness adds to every figure."""
    engine: str
    """What runs it: as of ``--engine``, ``keras``, or ``none`` for the empty call."""
    threads: Count
    """Threads one inference may use."""
    batch: Annotated[int, Bounds(1)]
    """Images in a call."""


@dataclass(frozen=True)
class Method:
    """How to time configurations."""

    scenario: Scenario = "latency"
    """Back to back, as many images as possible, at a steady pace, or from the start of a process."""
    seconds: Amount = 3.0
    """How long each is timed, in all processes together."""
    processes: Annotated[int, Bounds(1, 1000)] = 6
    """Fresh processes for each. Of six medians the least and the greatest are an interval of 97%."""
    hz: Amount = 30.0
    """Calls a second, when they are periodic."""
    input_range: str | None = None
    """What pixels become in front of models that do not state it, if the user named it."""
    found_ranges: dict[str, str] = field(default_factory=dict)
    """The same, by the path of a model, as found with labelled images."""


def harness(batch: int) -> Configuration:
    """Return the empty call."""
    return Configuration(None, "none", 1, batch)


def combine(
    paths: Sequence[Path], engines: Sequence[str], threads: Sequence[int], batches: Sequence[int]
) -> list[Configuration]:
    """Return every combination once; a model is not combined with engines of other formats.

    Raises:
        ModelError: None of the engines runs a model.
    """
    found: dict[Configuration, None] = {}
    for path in paths:
        runners = _runners(path, engines)
        found |= dict.fromkeys(Configuration(path, *rest) for rest in product(runners, threads, batches))
    return list(found)


def _runners(path: Path, engines: Sequence[str]) -> list[str]:
    if is_keras(path):
        if "auto" not in engines:
            named = f"--engine {engines[0]}"
            raise ModelError(f"{path}: is a Keras model, which Keras runs; leave out {named}")
        return ["keras"]
    suffix = format_suffix(path)
    able = [name for name, (suffixes, _) in ENGINES.items() if suffix in suffixes]
    # Where nothing runs it, loading it raises an error about its name.
    runners = [able[0] if name == "auto" and able else name for name in engines if name in ("auto", *able)]
    if not runners:
        raise ModelError(f"{path}: engine {engines[0]!r} does not run it; {' or '.join(able)} does")
    return runners
