"""Runs and devices as the page shows them: with a decision, and side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fmnist.report.changed import ChangedAnswers, Gallery, open_gallery
from fmnist.report.decision import Decision, decide
from fmnist.runs.results import DeviceResults, ModelResults, RunResults
from fmnist.text.tables import microseconds, percent, points


@dataclass(frozen=True)
class DeviceRow:
    """One artifact on a device."""

    model: ModelResults
    """Its results on the device."""
    index: int | None
    """Index of the same file among the models of the run; None if it is not one of them."""
    slower: float | None
    """Ratio of its median time on the device to that of the run; None where one is missing."""


@dataclass(frozen=True)
class DeviceView:
    """A device as the page shows it."""

    results: DeviceResults
    """Its results."""
    decision: Decision
    """The artifact to ship to it."""
    rows: tuple[DeviceRow, ...]
    """Its artifacts."""


@dataclass(frozen=True)
class RunView:
    """A run as the page shows it."""

    index: int
    """Index on the page, from 0."""
    title: str
    """Name of its folder, or the whole path where other runs have that name."""
    results: RunResults
    """Its results."""
    decision: Decision
    """The artifact to ship."""
    devices: tuple[DeviceView, ...]
    """Devices that it was deployed to."""
    changed: ChangedAnswers
    """The changed answers, with images."""
    gallery: Gallery | None
    """Those that the page shows at first."""


@dataclass(frozen=True)
class FigureByRun:
    """One figure of all kinds of models in several runs."""

    title: str
    """Name of the figure."""
    form: Callable[[float], str]
    """Formats a value."""
    rows: tuple[tuple[str, list[float | None]], ...]
    """Each format and scheme, with its figure for each run; None where that is not known."""


def view_runs(runs: Sequence[RunResults], changes: Sequence[ChangedAnswers]) -> list[RunView]:
    """Return each run with its decision and its changed answers."""
    names = Counter(run.name for run in runs)
    return [
        _view_run(index, run.name if names[run.name] == 1 else str(run.folder), run, changed)
        for index, (run, changed) in enumerate(zip(runs, changes, strict=True))
    ]


def compare_runs(runs: Sequence[RunResults]) -> list[FigureByRun]:
    """Return the figures of several runs by format and scheme."""
    by_kind = [{(model.format, model.scheme): model for model in run.models} for run in runs]
    kinds = list(dict.fromkeys(kind for models in by_kind for kind in models))
    figures: dict[str, tuple[Callable[[float], str], Callable[[ModelResults], float | None]]] = {
        "Accuracy": (percent, lambda model: model.evaluation.accuracy if model.evaluation else None),
        "Points": (points, lambda model: model.parity.answers.accuracy_difference if model.parity else None),
        "Agreement": (percent, lambda model: model.parity.answers.agreement if model.parity else None),
        "Median time for an image, µs": (microseconds, _p50),
    }
    return [
        FigureByRun(
            title,
            form,
            tuple(
                (" ".join(kind), [read(models[kind]) if kind in models else None for models in by_kind])
                for kind in kinds
            ),
        )
        for title, (form, read) in figures.items()
    ]


def different_settings(runs: Sequence[RunResults]) -> list[tuple[str, list[str]]]:
    """Return the settings that differ between trainings, with the value of each."""
    names = dict.fromkeys(name for run in runs for name in run.settings)
    values = {name: [str(run.settings.get(name, "")) for run in runs] for name in names}
    return [(name, found) for name, found in values.items() if len(set(found)) > 1]


def _view_run(index: int, title: str, run: RunResults, changed: ChangedAnswers) -> RunView:
    decision = decide(run.original, run.artifacts)
    return RunView(
        index=index,
        title=title,
        results=run,
        decision=decision,
        devices=tuple(_view_device(run, device) for device in run.devices),
        changed=changed,
        gallery=open_gallery(run, decision, changed),
    )


def _view_device(run: RunResults, device: DeviceResults) -> DeviceView:
    places = {model.sha256: index for index, model in enumerate(run.models)}
    rows = []
    for model in device.models:
        index = places.get(model.sha256)
        here, there = (_p50(run.models[index]) if index is not None else None), _p50(model)
        rows.append(DeviceRow(model, index, there / here if here and there else None))
    return DeviceView(device, decide(run.original, device.models), tuple(rows))


def _p50(model: ModelResults) -> float | None:
    return model.timing.p50_us.value if model.timing and model.timing.p50_us else None
