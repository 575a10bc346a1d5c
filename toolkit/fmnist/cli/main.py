"""The process around the command: one error boundary, and silence from the engines."""

from __future__ import annotations

import faulthandler
import os
import sys

from fmnist.cli import app


def main() -> None:
    """Run the command; a user's mistake becomes one line and exit code 1, a bug keeps its traceback."""
    if "--debug" in sys.argv:
        sys.argv.remove("--debug")
        os.environ["FMNIST_DEBUG"] = "1"
    debug = os.environ.get("FMNIST_DEBUG") == "1"
    os.environ["KERAS_BACKEND"] = "tensorflow"  # the converters take nothing else
    if not debug and "--help" not in sys.argv:  # help loads no engine, and opens sooner without this
        _silence_engines()
    try:
        app()
    except Exception as error:
        if debug or not _is_users_mistake(error):
            raise
        print(f"fmnist: {error}", file=sys.stderr)
        raise SystemExit(1) from error


def _is_users_mistake(error: Exception) -> bool:
    from fmnist_runtime.errors import FmnistError  # not before: it loads NumPy, which --help does without

    return isinstance(error, FmnistError)


def _silence_engines() -> None:
    """Let TensorFlow, absl and the engines log into the void, and only them.

    Their native code writes to file descriptors 1 and 2, some of it before any log level can be set.
    So Python's own streams move to copies of the two, which then point nowhere.
    """
    import logging
    import warnings

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    void = os.open(os.devnull, os.O_WRONLY)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        stream.flush()
        copy = os.dup(descriptor)
        interactive = os.isatty(copy)
        moved = open(  # noqa: SIM115 - lives as long as the process
            copy,
            "w",
            buffering=1 if interactive or name == "stderr" else -1,
            encoding=stream.encoding,
            errors=stream.errors,
        )
        setattr(sys, name, moved)
        os.dup2(void, descriptor)
    os.close(void)
    faulthandler.enable(sys.stderr)  # a crash in native code still says where
