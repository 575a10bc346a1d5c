"""Output of the verbs: results on standard output or in files, reasons for failure, and exit codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CONVERSION = re.compile(r" cannot be converted to \w+ ([\w-]+) \(")
"""How an export names one scheme of a format."""
GATE_FAILED = 3
"""Exit code if a model failed its gate."""


def tell(text: str) -> None:
    """Print the text of a result, with its verdicts in colour if standard output shows colours."""
    import sys

    from fmnist.text.colours import paint_tables, takes_colours

    print(paint_tables(text) if takes_colours(sys.stdout) else text)


def show(text: str, kind: str, body: Any, json: Path | None) -> None:
    """Print the text, if any, and write the JSON, if wanted; JSON on stdout replaces the text."""
    from fmnist.results.write import to_json, write_result

    try:
        if json is not None:
            write_result(json, to_json(kind, body))
    finally:  # a full disk loses the file, not minutes of work
        if text and str(json) != "-":
            tell(text)


@contextmanager
def reporting_failure(verb: str, markdown: Path | None, junit: Path | None = None) -> Iterator[None]:
    """If the block fails, write why into its reports, as CI systems show only those."""
    from fmnist_runtime.errors import FmnistError

    try:
        yield
    except FmnistError as error:
        report_failure(verb, [error], markdown, junit)
        raise


def report_failure(
    verb: str, failures: Sequence[Exception], markdown: Path | None, junit: Path | None = None
) -> None:
    """Write why a verb has no result into the reports that were asked for."""
    from xml.etree import ElementTree

    from fmnist.results.write import write_result
    from fmnist.text.tables import markdown_text

    reasons = _grouped(map(str, failures))
    if markdown:
        lines = "".join(f"- {markdown_text(reason)}\n" for reason in reasons)
        write_result(markdown, f"### {verb.title()}: not done\n\n{lines}")
    if junit:
        counts = {"tests": "1", "failures": "0", "errors": "1"}
        root = ElementTree.Element("testsuites", {"name": f"fmnist {verb}", **counts})
        suite = ElementTree.SubElement(root, "testsuite", {"name": verb, **counts})
        case = ElementTree.SubElement(suite, "testcase", classname=verb, name="done")
        for reason in reasons:
            ElementTree.SubElement(case, "error", message=reason)
        ElementTree.indent(root)
        content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
        write_result(junit, content.decode() + "\n")


def require_apart(*files: Path | None) -> None:
    """Check that no two results go to the same file, or both to standard output."""
    import typer

    named = [file for file in files if file]
    places = [file.resolve() for file in named]
    for file, place in zip(named, places, strict=True):
        if places.count(place) > 1:
            shown = "standard output" if str(file) == "-" else file
            raise typer.BadParameter(f"only one result can go to {shown}")


def require_kept(inputs: Sequence[Path], *results: Path | None) -> None:
    """Check that no result replaces a file that is read."""
    import typer

    places = [file.resolve() for file in inputs]
    for result in filter(None, results):
        if result.resolve() in places:
            raise typer.BadParameter(
                f"{result} is read, and would be replaced; give another file for the result"
            )


def fail(failures: Sequence[Exception], gate_failed: bool = False) -> None:
    """Print each reason once; exit with 3 if a gate failed, else with 1 if there are reasons.

    ``gate_failed`` says that a gate failed that the result already shows.
    """
    import os
    import sys
    import traceback

    import typer

    from fmnist.text.colours import error_line
    from fmnist_runtime.errors import RejectedError

    for reason in _grouped(str(failure) for failure in failures):
        print(error_line(reason, sys.stderr), file=sys.stderr)
    if os.environ.get("FMNIST_DEBUG") == "1":
        for failure in {str(failure): failure for failure in failures}.values():
            traceback.print_exception(failure)
    if gate_failed or any(isinstance(failure, RejectedError) for failure in failures):
        raise typer.Exit(GATE_FAILED)
    if failures:
        raise typer.Exit(1)


def _grouped(reasons: Iterable[str]) -> list[str]:
    """Return each reason once, with all schemes of a format that it applies to."""
    schemes: dict[tuple[str, str], list[str]] = {}
    for reason in reasons:
        before, scheme, after = "", "", reason
        if found := _CONVERSION.search(reason):
            before, scheme, after = reason[: found.start(1)], found[1], reason[found.end(1) :]
        named = schemes.setdefault((before, after), [])
        if scheme not in named:
            named.append(scheme)
    return [before + ", ".join(named) + after for (before, after), named in schemes.items()]


def say_run(run: Any) -> None:
    """Print which run a verb uses, if the user named no file."""
    from fmnist.text.progress import say

    if run is not None:
        say(f"run: {run.folder}")


def say_run_and_stale(run: Any) -> None:
    """Print the run, and the files in it that are not artifacts of its present model."""
    from fmnist.text.progress import say

    say_run(run)
    stale = run.stale_artifacts() if run is not None else []
    if stale:
        names = ", ".join(path.name for path in stale)
        say(f"left out, as they were made from an earlier {run.model.name}: {names}")


def read_names(labels: Path | None) -> tuple[str, ...] | None:
    """Read class names from the file that the user named, if any; print notes on it."""
    if labels is None:
        return None
    from fmnist.text.progress import say_notes
    from fmnist_runtime.data.labels import read_labels

    read = read_labels(labels)
    say_notes(read.notes)
    return read.names
