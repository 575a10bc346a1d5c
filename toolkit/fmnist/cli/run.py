"""`fmnist run`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options, training_options
from fmnist.cli.train import given_settings, settings_of

if TYPE_CHECKING:
    from fmnist.results.summary import SummaryRow


def run(
    dataset: training_options.TrainDataset = None,
    preset: training_options.Preset = "lecture",
    epochs: training_options.Epochs = None,
    batch_size: training_options.BatchSize = None,
    hidden: training_options.Hidden = None,
    dropout: training_options.Dropout = None,
    validation_split: training_options.ValidationSplit = None,
    seed: training_options.Seed = None,
    duration: options.Duration = options.DEFAULT_SECONDS / 2,
    processes: options.Processes = options.DEFAULT_PROCESSES,
    threads: options.Threads = options.DEFAULT_THREADS,
    max_drop: options.MaxDrop = None,
    min_agreement: options.MinAgreement = None,
    max_difference: options.MaxDifference = None,
    max_confident_flips: options.MaxConfidentFlips = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the run. Default: runs/DATASET.")
    ] = None,
    data_dir: options.DataDir = None,
    force: options.Force = False,
    json: options.Json = None,
) -> None:
    """Train, export, compare and time in one go.

    Everything is exported and measured, in one run directory. Steps that are finished are kept. Exit 3 when
    an artifact drifts beyond its gate, or the original is not surely better than guessing: than naming the
    largest class of the test images always.
    """
    from fmnist.bench.configuration import Method
    from fmnist.cli.output import fail, show
    from fmnist.pipeline import Pipeline
    from fmnist.results.summary import SummaryBody
    from fmnist.runs.run import RUNS, Run, run_name
    from fmnist.training.resume import train_or_keep
    from fmnist_exporters import isolation

    given = given_settings(dataset, epochs, batch_size, hidden, dropout, validation_split, seed)
    settings = settings_of(preset, given)
    where = Run(out or RUNS / run_name(settings.dataset))
    if not where.model.exists():
        isolation.start()  # what exports need is loaded while this process trains
    train_or_keep(where, settings, data_dir, force)
    limits = options.gate_limits(max_drop, min_agreement, max_difference, max_confident_flips)
    method = Method(seconds=duration, processes=processes)
    summary = Pipeline(where, data_dir, threads, method, force, limits).execute()
    body = SummaryBody(where.folder, summary.rows)
    places = [f"{where.folder}: everything above, and more, as JSON"]
    if summary.report:
        places.append(f"{summary.report}: all of it to look at; open it in a browser")
    show("\n".join(["", _text(summary.rows), *places]), "run", body, json)
    fail(summary.failures, gate_failed=any(row.failures for row in summary.rows))


def _text(rows: "Sequence[SummaryRow]") -> str:
    from fmnist.cli.figures import FIGURES, doubt, figures, verdict
    from fmnist.text.tables import size, table

    cells = [[row.format, row.scheme, verdict(row), size(row.size_bytes), *figures(row)] for row in rows]
    failures = [f"{row.format} {row.scheme}: {failure}" for row in rows for failure in row.failures]
    lines = [table(["format", "scheme", "verdict", "size", *FIGURES], cells, left=3)]
    return "\n".join([*lines, *doubt(rows), *failures])
