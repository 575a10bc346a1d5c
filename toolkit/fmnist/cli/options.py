"""Options that several verbs share, so that they are called and explained alike."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

DEFAULT_THREADS = 1
DEFAULT_SECONDS, DEFAULT_PROCESSES = 3.0, 6
_LONGEST_S = 86_400
"""A day."""


def _checked(path: Path | None) -> Path | None:
    """Found before anything is measured: that the result could not be written."""
    if path is not None and str(path) != "-":
        from fmnist.results import require_replaceable

        require_replaceable(path)
    return path


def _number(value: float | None) -> float | None:
    """Refuse NaN, which is outside of no range: no figure would ever be beyond it."""
    if value is not None and value != value:
        raise typer.BadParameter("nan is not a number.")
    return value


def _positive(value: float | None) -> float | None:
    """Refuse what no clock can wait for: nothing, less than nothing, and for ever."""
    if value is not None and not 0 < value <= _LONGEST_S:
        raise typer.BadParameter(f"{value:g} is not more than 0 and at most {_LONGEST_S:,}.")
    return value


def _engines(names: list[str]) -> list[str]:
    """Refuse what is no engine."""
    known = get_args(_EngineName)
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(known)}.")
    return names


def _checked_scores(path: Path | None) -> Path | None:
    """The same of a file of scores."""
    if path is not None:
        if str(path) == "-":
            raise typer.BadParameter("scores are binary and take a file, such as scores.npz")
        from fmnist.kept_scores import require_replaceable_scores

        require_replaceable_scores(path)
    return path


def require_choice(option: str, value: str, choices: Collection[str]) -> None:
    """Refuse what is no choice, where those are known only when the verb is called."""
    if value not in choices:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(choices)}", param_hint=option)


Format = Annotated[str, typer.Option(help="tflite, onnx, npz or all.")]
Dataset = Annotated[
    str | None,
    typer.Option(help="Data set: fashion-mnist, mnist, or a folder of IDX files. Default: the model's own."),
]
DataDir = Annotated[
    Path | None, typer.Option(help="Folder that holds the data set, instead of the usual places.")
]
Json = Annotated[
    Path | None,
    typer.Option("--json", help="Write the result as JSON to this file; - for stdout.", callback=_checked),
]
Junit = Annotated[
    Path | None,
    typer.Option(help="Write the verdicts as JUnit XML, for CI systems; - for stdout.", callback=_checked),
]
Markdown = Annotated[
    Path | None,
    typer.Option(help="Write the tables as Markdown, for a pull request; - for stdout.", callback=_checked),
]
Csv = Annotated[
    Path | None,
    typer.Option(
        help="Write the figures as CSV, a row for each that was timed; - for stdout.", callback=_checked
    ),
]
Plots = Annotated[Path | None, typer.Option(help="Draw what was found as pictures, into this folder.")]
_SCORES = "Exact scores of models, in an .npz: eval keeps them in one, parity compares those of two."
KeptScores = Annotated[
    Path | None, typer.Option("--scores", metavar="FILE", help=_SCORES, callback=_checked_scores)
]
ComparedScores = Annotated[
    tuple[Path, Path] | None, typer.Option("--scores", metavar="REFERENCE CANDIDATE", help=_SCORES)
]
_THREADS = typer.Option(min=1, max=256, help="Threads that one inference may use.")
Threads = Annotated[int, _THREADS]
ManyThreads = Annotated[list[int], _THREADS]
ONE_THREAD = [DEFAULT_THREADS]
_ENGINE = "What runs an artifact; null answers without inference, to show what that leaves."
_EngineName = Literal["auto", "tflite", "onnxruntime", "numpy", "null"]
Engine = Annotated[_EngineName, typer.Option(help=_ENGINE)]
ManyEngines = Annotated[
    list[str],  # Typer knows no list of choices
    typer.Option(help=_ENGINE, metavar=f"[{'|'.join(get_args(_EngineName))}]", callback=_engines),
]
ITS_OWN_ENGINE = ["auto"]
Labels = Annotated[
    Path | None,
    typer.Option(help="Text file of class names, one a line. Default: the model's or its data's."),
]
_INPUT_RANGE = typer.Option(
    help="Pixels that a Keras model takes itself: 0-255, or 0-1 if it was trained on x/255 from outside."
)
InputRange = Annotated[Literal["0-255", "0-1"], _INPUT_RANGE]
RecordedInputRange = Annotated[Literal["0-255", "0-1"] | None, _INPUT_RANGE]
"""The same for a verb that can learn it from an artifact."""
Duration = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", callback=_positive, help="How long each is timed, in all processes together."
    ),
]
Hz = Annotated[
    float | None,
    typer.Option(
        min=0.001, max=100_000, callback=_number, help="Calls a second, when periodic. Default: 30."
    ),
]
Processes = Annotated[
    int, typer.Option(min=1, max=1000, help="Fresh processes that each is timed in, one at a time.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that fmnist did not make.")]
MaxDrop = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=100,
        callback=_number,
        help="Loss of accuracy, in percentage points, that must be ruled out. Default: by scheme, 0.1 to 1.",
    ),
]
MinAgreement = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        callback=_number,
        help="Least share of equal answers, from 0 to 1. Default: by scheme, 0.9 to 0.99.",
    ),
]
MaxDifference = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        callback=_number,
        help="Largest difference of a probability. Default: 1e-5 for float32, 0.01 for float16.",
    ),
]
MaxConfidentFlips = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Answers that may change at a margin of 0.5 or more. Default: 0; of a foreign file any number.",
    ),
]

Preset = Annotated[
    str,
    typer.Option(help="Settings to start from: lecture, or best for the most out of the same network."),
]
Epochs = Annotated[
    int | None, typer.Option(min=1, help="Times every training image is seen, in all. Default: 10.")
]
BatchSize = Annotated[int | None, typer.Option(min=1, help="Images per step of the optimizer. Default: 32.")]
Hidden = Annotated[
    list[int] | None,
    typer.Option(min=1, max=16384, help="Units of a hidden layer; again for each further one. Default: 128."),
]
Dropout = Annotated[
    float | None,
    typer.Option(
        min=0, max=0.99, callback=_number, help="Share of hidden units left out in training. Default: 0.2."
    ),
]
ValidationSplit = Annotated[
    float | None,
    typer.Option(
        min=0, max=0.9, callback=_number, help="Share of training images kept for validation. Default: 0.1."
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, max=2**32 - 1, help="Seed of weights, shuffling and dropout. Default: 0."),
]
TrainDataset = Annotated[
    str | None,
    typer.Option("--dataset", help="fashion-mnist, mnist, or a folder of IDX files. Default: fashion-mnist."),
]
