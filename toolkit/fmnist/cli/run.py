"""`fmnist run`."""

from pathlib import Path
from typing import Annotated

import typer

from fmnist.cli import options

_TIMING = options.TimingOptions(duration=options.DEFAULT_SECONDS / 2)
"""Half the time of `fmnist bench`."""


@options.grouped
def run(
    *,
    training: options.TrainingOptions,
    timing: options.TimingOptions = _TIMING,
    threads: options.Threads = options.DEFAULT_THREADS,
    gate: options.GateOptions,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the run. Default: runs/DATASET.")
    ] = None,
    data_dir: options.DataDir = None,
    force: options.Force = False,
    json: options.Json = None,
) -> None:
    """Train, export, compare and time in one run.

    Every artifact is exported and measured, in one run directory. Finished steps are kept. Exit 3 if an
    artifact fails its gate, or if the original is not significantly better than always naming the largest
    class of the test images.
    """
    from fmnist.bench.configuration import Method
    from fmnist.cli.output import fail, show
    from fmnist.pipeline import Pipeline, summary_text
    from fmnist.results.summary import SummaryBody
    from fmnist.runs.run import RUNS, Run, run_name
    from fmnist.training.resume import train_or_keep
    from fmnist_exporters import isolation

    settings = training.settings()
    where = Run(out or RUNS / run_name(settings.dataset))
    if not where.model.exists():
        isolation.start()  # loads what exports need while this process trains
    train_or_keep(where, settings, data_dir, force)
    method = Method(seconds=timing.duration, processes=timing.processes)
    summary = Pipeline(where, data_dir, threads, method, force, gate.limits()).execute()
    body = SummaryBody(where.folder, summary.rows)
    places = [f"{where.folder}: everything above, and more, as JSON"]
    if summary.report:
        places.append(f"{summary.report}: all of it to look at; open it in a browser")
    show("\n".join(["", summary_text(summary.rows), *places]), "run", body, json)
    fail(summary.failures, gate_failed=any(row.failures for row in summary.rows))
