"""What configurations are called where there is little room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fmnist.bench.result import Result


def short_names(results: Sequence[Result]) -> list[str]:
    """A name for each configuration: its model's format and scheme, and what else tells it from the others.

    Args:
        results: Those of models; none is of the empty call.
    """
    models = _models(results)
    return [
        ", ".join([models[result.configuration.path], *marks])
        for result, marks in zip(results, _marks(results), strict=True)
    ]


def file_names(results: Sequence[Result]) -> list[str]:
    """The same with the names of files."""
    return [" ".join([result.name, *marks]) for result, marks in zip(results, _marks(results), strict=True)]


def _marks(results: Sequence[Result]) -> list[list[str]]:
    """Engine, threads and batch of each configuration, where there are several."""
    items = [result.configuration for result in results]
    several_engines = len({(item.path, item.engine) for item in items}) > len({item.path for item in items})
    several_threads = len({item.threads for item in items}) > 1
    several_batches = len({item.batch for item in items}) > 1
    return [
        [
            *([item.engine] if several_engines else []),
            *([f"{item.threads} thread{'s'[: item.threads > 1]}"] if several_threads else []),
            *([f"batch {item.batch}"] if several_batches else []),
        ]
        for item in items
    ]


def _models(results: Sequence[Result]) -> dict[Path | None, str]:
    """Format and scheme by path; the files' names where they do not tell all models apart."""
    kinds = {
        result.configuration.path: f"{result.model.format} {result.model.scheme}"
        for result in results
        if result.model
    }
    schemes = {result.model.scheme for result in results if result.model}
    if len(set(kinds.values())) == len(kinds) and "unknown" not in schemes:
        return kinds
    return {result.configuration.path: result.name for result in results}
