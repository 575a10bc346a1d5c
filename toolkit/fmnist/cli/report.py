"""`fmnist report`."""

from pathlib import Path
from typing import Annotated

import typer

from fmnist.cli import options


def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN]...", help="Runs, side by side. Default: the newest run.", show_default=False
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="HTML file. Default: report.html in the run; for several runs, in this folder.",
        ),
    ] = None,
    data_dir: options.DataDir = None,
    force: options.Force = False,
) -> None:
    """Write a page about runs, the decision first.

    Which artifact to ship, why, and what that costs; then every figure. The page is one HTML file, which
    needs no network and no other file.
    """
    from fmnist.cli.output import say_run
    from fmnist.models.select import Splits
    from fmnist.report.writing import open_page, write_report
    from fmnist.runs.run import select_run

    selected = [select_run(run) for run in runs] if runs else [select_run(None)]
    for number, run in enumerate(selected):
        if run.folder.resolve() in [other.folder.resolve() for other in selected[:number]]:
            raise typer.BadParameter(f"{run.folder} is named twice")
    if not runs:
        say_run(selected[0])
    path = write_report(selected, Splits(None, data_dir), out, force)
    print(path)
    if show:
        open_page(path)
