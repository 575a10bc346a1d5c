"""Write the report, and open it in a browser."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from pathlib import Path

from fmnist.models.select import Splits
from fmnist.results.write import RESULT
from fmnist.runs.reading import read_run
from fmnist.runs.run import Run
from fmnist.text.progress import say
from fmnist_runtime.errors import OutputError, needs_extra
from fmnist_runtime.files import require_writable, write_atomically

_PAGE = RESULT._replace(
    remedy="choose another file with --out, or --force",
    suffixes=(".html", ".htm"),  # so it is no result that the page is made of
    naming="a report is an HTML file",
)


def write_report(runs: Sequence[Run], splits: Splits, out: Path | None = None, force: bool = False) -> Path:
    """Write the page of a run, or of several; without the images of changed answers the page says so.

    If ``out`` is None, it goes to the folder of the run, or with several runs to the working directory.
    Returns its path.

    Raises:
        ResultError: A result in a run's folder is damaged or of another version.
        OutputError: The file cannot be written, is not ours, or has not the suffix of HTML.
        MissingExtraError: The template engine is not installed.
    """
    with needs_extra("report", "a report"):
        from fmnist.report.changed import find_changed_answers
        from fmnist.report.page import render_page
    path = out or (runs[0].report if len(runs) == 1 else Path(runs[0].report.name))
    require_writable(path, _PAGE, force)
    results = [read_run(run) for run in runs]
    changes = [
        find_changed_answers(found, run.recorded_scores(), splits, len(runs))
        for run, found in zip(runs, results, strict=True)
    ]
    for found, changed in zip(results, changes, strict=True):
        if changed.absent:
            say(f"{found.folder}: no images of changed answers: {changed.absent}")
    content = render_page(results, changes).encode()
    if not path.is_file() or path.read_bytes() != content:  # else keep its time of change
        write_atomically(path, content)
    return path


def open_page(path: Path) -> None:
    """Open a page in the browser of the user.

    Raises:
        OutputError: No browser was found.
    """
    if not webbrowser.open(path.resolve().as_uri()):
        raise OutputError(f"{path}: no browser was found here; open the file in one elsewhere")
