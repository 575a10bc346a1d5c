"""Where a verb's result goes: a table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def show(text: str, kind: str, body: dict[str, Any], json: Path | None) -> None:
    """Print the text, and write the JSON where it is wanted; JSON on stdout stands alone there."""
    from fmnist.results import to_json, write_result

    if json is not None:
        write_result(json, to_json(kind, body))
    if json is None or str(json) != "-":
        print(text)


def fail(failures: Sequence[Exception]) -> None:
    """Exit with 1 when something could not be done, saying each reason once."""
    import sys

    import typer

    for reason in dict.fromkeys(str(failure) for failure in failures):
        print(f"fmnist: {reason}", file=sys.stderr)
    if failures:
        raise typer.Exit(1)


def say_run(run: Any) -> None:
    """Say which run a verb works on when the user named no file."""
    from fmnist.progress import say

    if run is not None:
        say(f"run: {run.folder}")
