"""Render the page: fill the templates with the results of runs."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from fmnist.figures import CHARTS
from fmnist.figures.confusion import confusion_data, most_confused
from fmnist.report.changed import KINDS, PAGE, ChangedAnswers, changes_data
from fmnist.report.views import RunView, compare_runs, different_settings, view_runs
from fmnist.runs.reading import export_command, pictures_command, result_command
from fmnist.runs.results import RunResults
from fmnist.text import tables as render
from fmnist_runtime.machine.environment import package_version
from fmnist_runtime.parity.intervals import Interval, wilson_interval
from fmnist_runtime.timing.samples import Percentile

MARK = "<!doctype html>\n<!-- fmnist.report/1 -->\n"
"""How every report begins, which tells our pages from others."""
_SCRIPTS = ("elements", "theme", "sorting", "picking", "confusion", "changed", "report")
"""Parts of the script, in their order: each uses only the parts before it."""


def render_page(runs: Sequence[RunResults], changes: Sequence[ChangedAnswers]) -> str:
    """Return the whole page as HTML.

    A Content-Security-Policy forbids all but the script and the style sheet, by their digests, and the images
    in the page itself. So nothing is fetched, and no script in a name would run even without escaping.
    """
    views = view_runs(runs, changes)
    style = _asset("figures.css", "fmnist.figures") + _asset("report.css")
    script = "".join(_asset(f"scripts/{name}.js") for name in _SCRIPTS)
    page = (
        _templates()
        .get_template("report.html")
        .render(
            most_confused=most_confused,
            views=views,
            beside=compare_runs(runs),
            settings=different_settings(runs),
            style=style,
            script=script,
            style_digest=_digest(style),
            script_digest=_digest(script),
            data={"page": PAGE, "kinds": KINDS, "runs": [_data(view) for view in views]},
            kinds=KINDS,
            version=package_version(),
            **CHARTS,
        )
    )
    return MARK + page


def _data(view: RunView) -> dict[str, Any]:
    """Return the data of a run for the script."""
    results = view.results
    return {
        "labels": [render.printable(label) for label in results.labels],
        "models": [render.printable(model.name) for model in results.models],
        "confusion": confusion_data(results.models),
        **changes_data(results, view.changed, view.gallery),
    }


def _cell(value: float | None, form: Callable[[float], str]) -> Markup:
    """Return a table cell with a number and its sort key; None is sorted last."""
    if value is None or math.isnan(value):
        return Markup('<td class="number" data-value="">–</td>')
    return Markup('<td class="number" data-value="{!r}">{}</td>').format(float(value), form(value))


def _range_cell(found: Interval | Percentile | None, form: Callable[[float], str]) -> Markup:
    """Return a table cell with an interval, which is sorted by its lower end."""
    if found is None:
        return _cell(None, form)
    return _cell(found.low, lambda low: f"{form(low)} to {form(found.high)}")


def _when(moment: str) -> str:
    """Format a time of ISO 8601 to the minute; return other text as it is."""
    try:
        return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):
        return render.printable(moment)


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fmnist.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    forms = {
        "percent": render.percent,
        "points": render.points,
        "size": render.size,
        "microseconds": render.microseconds,
        "count": lambda number: f"{number:,.0f}",
        "times": lambda ratio: f"{render.microseconds(ratio)} ×",  # with as many digits as a time
    }
    environment.filters |= {"printable": render.printable, "when": _when, **forms}
    environment.globals |= {
        "cell": _cell,
        "range_cell": _range_cell,
        "export_command": export_command,
        "pictures_command": pictures_command,
        "result_command": result_command,
        "accuracy_interval": lambda found: wilson_interval(found.correct, found.images),
        **forms,
    }
    return environment


def _asset(name: str, package: str = "fmnist.report") -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return a hash source (https://www.w3.org/TR/CSP3/#grammardef-hash-source) for a script or a style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
