"""`fmnist run`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options
from fmnist.cli.train import given_settings, settings_of

if TYPE_CHECKING:
    from fmnist.pipeline import SummaryRow


def run(
    dataset: options.TrainDataset = None,
    preset: options.Preset = "lecture",
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    hidden: options.Hidden = None,
    dropout: options.Dropout = None,
    validation_split: options.ValidationSplit = None,
    seed: options.Seed = None,
    duration: options.Duration = options.DEFAULT_SECONDS / 2,
    processes: options.Processes = options.DEFAULT_PROCESSES,
    threads: options.Threads = options.DEFAULT_THREADS,
    max_drop: options.MaxDrop = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run. Default: runs/DATASET.")] = None,
    data_dir: options.DataDir = None,
    force: options.Force = False,
    json: options.Json = None,
) -> None:
    """Train, export everything, evaluate, compare and time it, in one run directory.

    Steps that are finished are kept. Exit 3 when an artifact drifts beyond its gate.
    """
    from dataclasses import asdict

    from fmnist.bench.configuration import Method
    from fmnist.cli.output import fail, show
    from fmnist.pipeline import Pipeline
    from fmnist.runs import RUNS, Run, run_name
    from fmnist.training_step import train_or_keep

    given = given_settings(dataset, epochs, batch_size, hidden, dropout, validation_split, seed)
    settings = settings_of(preset, given)
    where = Run(out or RUNS / run_name(settings.dataset))
    train_or_keep(where, settings, data_dir, force)
    limits = {} if max_drop is None else {"max_drop": max_drop / 100}
    method = Method(seconds=duration, processes=processes)
    summary = Pipeline(where, data_dir, threads, method, force, limits).execute()
    body = {"run": where.folder, "models": [asdict(row) for row in summary.rows]}
    show(f"\n{_text(summary.rows)}\n{where.folder}: everything above, and more, as JSON", "run", body, json)
    fail(summary.failures, gate_failed=any(row.failures for row in summary.rows))


def _text(rows: "Sequence[SummaryRow]") -> str:
    from fmnist.render import ABSENT, microseconds, percent, points, size, table
    from fmnist_runtime.trust import STABLE

    def optional(value: float | None, form: Callable[[float], str]) -> str:
        return ABSENT if value is None else form(value)

    cells = [
        [
            row.format,
            row.scheme,
            ABSENT if row.difference is None else "FAIL" if row.failures else "pass",
            size(row.size_bytes),
            percent(row.accuracy),
            optional(row.difference, points),
            optional(row.agreement, percent),
            optional(row.p50_us, microseconds),
            optional(row.p99_us, microseconds),
        ]
        for row in rows
    ]
    header = ["format", "scheme", "verdict", "size", "accuracy", "points", "agreement", "p50 µs", "p99 µs"]
    failures = [f"{row.format} {row.scheme}: {failure}" for row in rows for failure in row.failures]
    lines = [table(header, cells, left=3)]
    doubtful = sum(row.trust not in (None, STABLE) for row in rows)
    if doubtful:
        lines.append(f"times of {doubtful} of {len(rows)} are not STABLE: bench.json says why")
    return "\n".join([*lines, *failures])
