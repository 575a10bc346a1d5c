"""What the page shows of runs and devices beyond what was found of each: what it means, and side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fmnist.report.changed import Flipped
from fmnist.report.decision import Decision, decide
from fmnist.report.gallery import Gallery, open_gallery
from fmnist.runs.results import DeviceResults, ModelResults, RunResults
from fmnist.text.tables import microseconds, percent, points


@dataclass(frozen=True)
class DeviceRow:
    """An artifact on a device."""

    model: ModelResults
    """What was found of it there."""
    index: int | None
    """Number of the same file among the run's models; None where it is none of them."""
    slower: float | None
    """Its median there by its median here; None where one of them is missing."""


@dataclass(frozen=True)
class DeviceView:
    """A device as the page shows it."""

    results: DeviceResults
    """What it measured."""
    decision: Decision
    """What to ship there."""
    rows: tuple[DeviceRow, ...]
    """Its artifacts."""


@dataclass(frozen=True)
class RunView:
    """A run as the page shows it."""

    index: int
    """Its number on the page, from 0."""
    title: str
    """What it is called: the name of its folder, or all of its path where others have that name."""
    results: RunResults
    """What is known of it."""
    decision: Decision
    """What to ship."""
    devices: tuple[DeviceView, ...]
    """Where it was deployed to."""
    flipped: Flipped
    """The changed answers, with pictures."""
    gallery: Gallery | None
    """Those that the page opens with."""


@dataclass(frozen=True)
class Row:
    """A kind of model in several runs."""

    name: str
    """Format and scheme."""
    values: tuple[float | None, ...]
    """A figure for each run; None where it has none."""


@dataclass(frozen=True)
class Comparison:
    """One figure of all models in several runs."""

    title: str
    """What the figure is."""
    form: Callable[[float], str]
    """How it is written."""
    rows: tuple[Row, ...]
    """A row for each format and scheme."""


def view_runs(runs: Sequence[RunResults], flipped: Sequence[Flipped]) -> list[RunView]:
    """Each run with what it means.

    Args:
        runs: The runs.
        flipped: The changed answers of each.
    """
    names = Counter(run.name for run in runs)
    return [
        _view_run(index, run.name if names[run.name] == 1 else str(run.folder), run, changed)
        for index, (run, changed) in enumerate(zip(runs, flipped, strict=True))
    ]


def compare_runs(runs: Sequence[RunResults]) -> list[Comparison]:
    """What runs have in common, by format and scheme."""
    by_kind = [{(model.format, model.scheme): model for model in run.models} for run in runs]
    kinds = list(dict.fromkeys(kind for models in by_kind for kind in models))
    figures: dict[str, tuple[Callable[[float], str], Callable[[ModelResults], float | None]]] = {
        "Accuracy": (percent, _accuracy),
        "Points": (points, _difference),
        "Agreement": (percent, _agreement),
        "Median time for an image, µs": (microseconds, _p50),
    }
    return [
        Comparison(
            title,
            form,
            tuple(
                Row(
                    " ".join(kind),
                    tuple(read(models[kind]) if kind in models else None for models in by_kind),
                )
                for kind in kinds
            ),
        )
        for title, (form, read) in figures.items()
    ]


def different_settings(runs: Sequence[RunResults]) -> list[tuple[str, list[str]]]:
    """The settings in which trainings differ, with that of each."""
    names = dict.fromkeys(name for run in runs for name in run.settings)
    values = {name: [str(run.settings.get(name, "")) for run in runs] for name in names}
    return [(name, found) for name, found in values.items() if len(set(found)) > 1]


def _view_run(index: int, title: str, run: RunResults, flipped: Flipped) -> RunView:
    decision = decide(run.original, run.artifacts)
    return RunView(
        index=index,
        title=title,
        results=run,
        decision=decision,
        devices=tuple(_view_device(run, device) for device in run.devices),
        flipped=flipped,
        gallery=open_gallery(run, decision, flipped),
    )


def _view_device(run: RunResults, device: DeviceResults) -> DeviceView:
    places = {model.sha256: index for index, model in enumerate(run.models)}
    rows = []
    for model in device.models:
        index = places.get(model.sha256)
        here, there = (_p50(run.models[index]) if index is not None else None), _p50(model)
        rows.append(DeviceRow(model, index, there / here if here and there else None))
    return DeviceView(device, decide(run.original, device.models), tuple(rows))


def _accuracy(model: ModelResults) -> float | None:
    return model.evaluation.accuracy if model.evaluation else None


def _difference(model: ModelResults) -> float | None:
    return model.parity.answers.accuracy_difference if model.parity else None


def _agreement(model: ModelResults) -> float | None:
    return model.parity.answers.agreement if model.parity else None


def _p50(model: ModelResults) -> float | None:
    return model.timing.p50_us.value if model.timing and model.timing.p50_us else None
