"""The page: templates filled with what is known of the runs."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from fmnist import render
from fmnist.report.charts import CHARTS
from fmnist.report.confusion import confusion_data, most_confused
from fmnist.report.decision import Decision, decide
from fmnist.report.flipped import Flipped
from fmnist.report.gallery import Gallery, changes_data, open_gallery
from fmnist.report.results import DeviceResults, RunResults
from fmnist_runtime.environment import package_version
from fmnist_runtime.parity.intervals import wilson_interval

MARK = "<!doctype html>\n<!-- fmnist.report/1 -->\n"
"""How every report begins, which tells ours from others' pages."""
_SCRIPTS = ("elements", "theme", "sorting", "picking", "confusion", "changed", "report")
"""Files of the one script, in their order: each uses only what stands before it."""


@dataclass(frozen=True)
class RunView:
    """A run as the page shows it."""

    index: int
    """Its number on the page, from 0."""
    results: RunResults
    """What is known of it."""
    decision: Decision
    """What to ship."""
    devices: tuple[tuple[DeviceResults, Decision], ...]
    """What each device found, and what to ship there."""
    flipped: Flipped
    """The changed answers, with pictures."""
    gallery: Gallery | None
    """Those that the page opens with."""


def render_page(runs: Sequence[RunResults], flipped: Sequence[Flipped]) -> str:
    """The whole page as HTML.

    Nothing in it is fetched, and the browser is told so: only this very script and style sheet, by their
    digests, and images in the page itself are allowed. A name that got past the escaping would not run.

    Args:
        runs: One or more.
        flipped: The changed answers of each.
    """
    views = [_view(index, *pair) for index, pair in enumerate(zip(runs, flipped, strict=True))]
    style = _asset("report.css") + _asset("charts.css")
    script = "".join(_asset(f"scripts/{name}.js") for name in _SCRIPTS)
    page = (
        _templates()
        .get_template("report.html")
        .render(
            cell=_cell,
            accuracy_interval=lambda found: wilson_interval(found.correct, found.images),
            most_confused=most_confused,
            views=views,
            style=style,
            script=script,
            style_digest=_digest(style),
            script_digest=_digest(script),
            data={"runs": [_data(view) for view in views]},
            version=package_version(),
            **CHARTS,
        )
    )
    return MARK + page


def _view(index: int, results: RunResults, flipped: Flipped) -> RunView:
    decision = decide(results.original, results.artifacts)
    return RunView(
        index,
        results,
        decision,
        tuple((device, decide(results.original, device.models)) for device in results.devices),
        flipped,
        open_gallery(results, decision, flipped),
    )


def _data(view: RunView) -> dict[str, Any]:
    """What the script needs of a run."""
    results = view.results
    return {
        "labels": [render.printable(label) for label in results.labels],
        "models": [render.printable(model.name) for model in results.models],
        "confusion": confusion_data(results.models),
        **changes_data(results, view.flipped, view.gallery),
    }


def _cell(value: float | None, shown: str) -> Markup:
    """A number in a table, with what it is sorted by; None stands last."""
    order = "" if value is None or math.isnan(value) else repr(float(value))
    return Markup('<td class="number" data-value="{}">{}</td>').format(order, shown)


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fmnist.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": render.percent,
        "points": render.points,
        "size": render.size,
        "microseconds": render.microseconds,
        "milliseconds": render.milliseconds,
        "printable": render.printable,
    }
    return environment


def _asset(name: str) -> str:
    return files("fmnist.report").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """A source expression of a Content-Security-Policy (https://www.w3.org/TR/CSP3/#grammardef-hash-source)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
