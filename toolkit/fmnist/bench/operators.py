"""What `fmnist bench --operators` says."""

from __future__ import annotations

from collections.abc import Sequence

from fmnist.bench.naming import file_names
from fmnist.bench.record import OperatorsOfModel
from fmnist.bench.result import Result
from fmnist.text.tables import microseconds, percent, printable, table
from fmnist_runtime.errors import FmnistError
from fmnist_runtime.timing.operators import OperatorProfile

Profile = OperatorProfile | FmnistError | None
"""What operators take, why that cannot be told, or None: the engine does not tell."""


def operators_text(results: Sequence[Result], profiles: Sequence[Profile]) -> str:
    """A table for each model whose engine tells, and which engines do not."""
    parts = []
    silent: list[str] = []
    for name, result, profile in zip(file_names(results), results, profiles, strict=True):
        if isinstance(profile, FmnistError):
            continue  # said as an error, which it is
        if profile is None:
            silent.append(result.model.engine if result.model else result.name)
            continue
        rows = [
            [operator.name, operator.kind, microseconds(operator.mean_us), percent(operator.share, 1)]
            for operator in profile.operators
        ]
        parts.append(f"{printable(_title(name, result))}\n\n{table(_HEADER, rows, left=2)}\n{profile.note}")
    if silent:
        parts.append(f"{', '.join(dict.fromkeys(silent))}: does not tell the time of operators from Python")
    return "\n\n".join(parts)


def operators_body(results: Sequence[Result], profiles: Sequence[Profile]) -> list[OperatorsOfModel]:
    """The same for ``bench.json``."""
    return [
        OperatorsOfModel(
            name=result.name,
            runner=result.configuration.engine,
            threads=result.configuration.threads,
            batch=result.configuration.batch,
            profile=profile if isinstance(profile, OperatorProfile) else None,
            error=str(profile) if isinstance(profile, FmnistError) else None,
        )
        for result, profile in zip(results, profiles, strict=True)
    ]


_HEADER = ["operator", "kind", "µs", "share"]


def _title(name: str, result: Result) -> str:
    configuration = result.configuration
    images = "one image" if configuration.batch == 1 else f"{configuration.batch} images"
    return f"operators of {name}, {images}, threads: {configuration.threads}"
