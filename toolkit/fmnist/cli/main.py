"""The command `fmnist`: its verbs, one error boundary, and silenced engines.

The verbs import what they need when they are called, so that help opens at once. For the same reason this
package does not postpone annotations: Typer would have to compile each of them.
"""

import errno
import faulthandler
import gc
import os
import platform
import sys
from typing import Annotated, TextIO

import typer

from fmnist.cli import (
    bench,
    bundle,
    compare,
    data,
    deploy,
    doctor,
    evaluate,
    export,
    importing,
    inspect,
    parity,
    plot,
    predict,
    report,
    run,
    train,
    verify,
)
from fmnist.text.colours import error_line

PACKAGES = ("numpy", "ai-edge-litert", "tflite-runtime", "onnxruntime", "tensorflow", "keras")
"""Distributions that results depend on, by their names in pip."""
_OLDER = "tflite-runtime"
"""The older name of ai-edge-litert; only one of the two is shown."""
_COMPLETE = "_FMNIST_COMPLETE"
"""A shell sets this variable to complete a command line."""
_QUICK = {"--help", "--version", "--install-completion", "--show-completion"}
"""Options that load no engine, and start faster without silencing one."""
_BARRED = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)
"""Errors of file access that are the user's everywhere in the code; any other may be a bug."""


def print_version(ctx: typer.Context, wanted: bool) -> None:
    """Print the version, and below it the versions that results depend on; then exit."""
    if not wanted or ctx.resilient_parsing:  # then a shell completes
        return
    versions = {name: _version(name) for name in ("fmnist", *PACKAGES)}
    if versions[_OLDER] is None:
        del versions[_OLDER]
    elif versions["ai-edge-litert"] is None:
        del versions["ai-edge-litert"]
    print(f"fmnist {versions.pop('fmnist') or 'unknown'}")
    print(f"python {platform.python_version()}")
    for name, version in versions.items():
        print(f"{name} {version or 'not installed'}")
    raise typer.Exit


def _version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


app = typer.Typer(
    name="fmnist",
    help="Train a small image classifier, export it for a device, and prove that it still answers the same.",
    no_args_is_help=True,
    rich_markup_mode=None,  # starts twice as fast, and any terminal can show the help
    pretty_exceptions_enable=False,
    context_settings={"color": False},  # of Typer's own messages; ours are coloured by fmnist.text.colours
)


@app.callback()
def _options(
    version: Annotated[  # noqa: ARG001 - its callback prints it
        bool,
        typer.Option(
            "--version",
            help="Print the versions of fmnist, Python, NumPy and the engines, and exit.",
            callback=print_version,
            is_eager=True,
        ),
    ] = False,
    debug: Annotated[  # noqa: ARG001 - `main` takes it off the command line
        bool,
        typer.Option("--debug", help="Show tracebacks and the engines' logging; may also follow the verb."),
    ] = False,
) -> None:
    gc.enable()


app.command("run")(run.run)
app.command("train")(train.train)
app.command("export")(export.export)
app.command("import")(importing.import_)
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


def main() -> None:
    """Run the command. A user's mistake becomes one line and exit code 1; a bug keeps its traceback."""
    if "--debug" in sys.argv:
        sys.argv.remove("--debug")
        os.environ["FMNIST_DEBUG"] = "1"
    debug = os.environ.get("FMNIST_DEBUG") == "1"
    os.environ["KERAS_BACKEND"] = "tensorflow"  # the converters take no other
    if _COMPLETE in os.environ:
        # Let Typer complete without Rich: loading it takes 50% longer, only to strip markup.
        sys.modules["rich"] = None  # type: ignore[assignment]  # Python's way to mark a missing module
    elif not debug and _QUICK.isdisjoint(sys.argv):
        _silence_engines()
    # What was loaded stays, and Typer makes thousands of objects that stay, too: collecting finds nothing.
    gc.freeze()
    gc.disable()  # until a verb begins
    try:
        try:
            app(prog_name="fmnist")  # also for python -m fmnist, which shells cannot complete
        finally:
            gc.enable()
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has ended
        _discard_output()
        raise SystemExit(1) from None
    except OSError as error:
        is_file = error.filename is not None  # else it is an error of standard output
        if debug or (is_file and error.errno not in _BARRED):
            raise
        if not is_file:
            _discard_output()
        from fmnist_runtime.errors import FmnistError  # imported late, as it loads NumPy

        what = f"{error.filename}: cannot be opened" if is_file else "standard output cannot be written"
        _complain(FmnistError(f"{what} ({error.strerror})"))  # which is one line
        raise SystemExit(1) from error
    except Exception as error:
        from fmnist_runtime.errors import FmnistError  # imported late, as it loads NumPy

        if debug or not isinstance(error, FmnistError):
            raise
        # There may be a progress bar.
        erase = "\r\x1b[K" if sys.stderr is not None and sys.stderr.isatty() else ""
        _complain(error, erase)
        raise SystemExit(1) from error


def _complain(reason: object, erase: str = "") -> None:
    if sys.stderr is not None:  # else print would use standard output
        print(erase + error_line(reason, sys.stderr), file=sys.stderr)


def _discard_output() -> None:
    """Discard buffered output, which would raise an error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _silence_engines() -> None:
    """Discard the logging of TensorFlow, absl and the engines.

    Their native code writes to file descriptors 1 and 2, partly before a log level can be set. So Python's
    streams move to copies of the two, and the descriptors point to the null device.
    """
    import logging
    import warnings

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    void = os.open(os.devnull, os.O_WRONLY)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is not None:  # None if the caller closed the descriptor
            setattr(sys, name, _moved(getattr(sys, name), descriptor))
        os.dup2(void, descriptor)  # also of a closed one, or the next file would get its number
    if void > 2:
        os.close(void)
    if sys.stderr is not None:
        faulthandler.enable(sys.stderr)  # a crash in native code still shows where


def _moved(stream: TextIO, descriptor: int) -> TextIO:
    """Return the stream on a copy of its descriptor."""
    stream.flush()
    copy = os.dup(descriptor)
    line_buffered = os.isatty(copy) or descriptor == 2
    # A terminal without µ shows a question mark and the figure.
    return open(copy, "w", buffering=1 if line_buffered else -1, encoding=stream.encoding, errors="replace")
