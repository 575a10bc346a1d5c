"""The command `fmnist`: one verb a file, each of which parses, calls a function and renders its result.

The verbs import what they need when they are called, so that help opens at once. For the same reason
these modules do without postponed annotations, each of which Typer would have to compile.
"""

from typing import Annotated

import typer

from fmnist.cli import (
    adopt,
    bench,
    bundle,
    compare,
    data,
    deploy,
    doctor,
    evaluate,
    export,
    inspect,
    parity,
    plot,
    predict,
    report,
    run,
    train,
    verify,
)
from fmnist.cli.version import print_version

app = typer.Typer(
    name="fmnist",
    help="Train a small image classifier, export it for a device, and prove that it still answers the same.",
    no_args_is_help=True,
    rich_markup_mode=None,  # twice as fast to start, and help that any terminal can show
    pretty_exceptions_enable=False,
    context_settings={"color": False},  # of what Typer says itself; ours is in fmnist.text.colours
)


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version, and those of Python, NumPy and the engines, and exit.",
            callback=print_version,
            is_eager=True,
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help="Show tracebacks and the engines' own logging; works after a verb, too."
        ),
    ] = False,
) -> None:
    pass


app.command("run")(run.run)
app.command("train")(train.train)
app.command("export")(export.export)
app.command("adopt")(adopt.adopt)
app.command("eval")(evaluate.evaluate)
app.command("parity")(parity.parity)
app.command("bench")(bench.bench)
app.command("compare")(compare.compare)
app.command("verify")(verify.verify)
app.command("predict")(predict.predict)
app.command("inspect")(inspect.inspect)
app.command("report")(report.report)
app.command("bundle")(bundle.bundle)
app.command("deploy")(deploy.deploy)
app.add_typer(plot.app, name="plot")
app.add_typer(data.app, name="data")
app.command("doctor")(doctor.doctor)
