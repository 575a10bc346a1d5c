"""Options that several verbs share, and the words that options take.

The words of formats, schemes and data sets are repeated here, as their tables load NumPy, which help and
completion do without. Tests compare the two; the verbs themselves read the tables.
"""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from fmnist.runs.settings import DEFAULT_DATASET, PRESETS

FORMATS = ("tflite", "onnx", "npz", "all")
SCHEMES = ("none", "float16", "dynamic", "int8", "int8-full", "all")
DATASETS = ("fashion-mnist", "mnist")
RANGES = ("0-255", "0-1", "-1-1", "mean=0.1307,std=0.3081", "mean=0.485,0.456,0.406,std=0.229,0.224,0.225")


def either(words: Collection[str]) -> str:
    """How help shows that one of a few words is to be given."""
    return f"<{'|'.join(words)}>"


def completing(words: Collection[str]) -> Callable[[str], list[str]]:
    """What Typer calls for the words that begin like an incomplete one; without any, files are completed."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


DEFAULT_THREADS = 1
DEFAULT_SECONDS, DEFAULT_PROCESSES = 3.0, 6
_LONGEST_S = 86_400
"""A day."""


def _checked(ctx: typer.Context, path: Path | None) -> Path | None:
    """Found before anything is measured: that the result could not be written."""
    if path is not None and str(path) != "-" and not ctx.resilient_parsing:  # not where a shell completes
        from fmnist.results.write import require_replaceable

        require_replaceable(path)
    return path


def number(value: float | None) -> float | None:
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


def _checked_range(text: str | None) -> str | None:
    """Refuse what is no range, before anything is opened."""
    if text is not None:
        from fmnist_runtime.artifact.contract import parse_range

        try:
            return parse_range(text).text
        except ValueError as error:
            raise typer.BadParameter(f"{error}.") from None
    return None


def _checked_scores(ctx: typer.Context, path: Path | None) -> Path | None:
    """The same of a file of scores."""
    if path is not None and not ctx.resilient_parsing:
        if str(path) == "-":
            raise typer.BadParameter("scores are binary and take a file, such as scores.npz")
        from fmnist.scoring.keep import require_replaceable_scores

        require_replaceable_scores(path)
    return path


def require_choice(option: str, value: str, choices: Collection[str]) -> None:
    """Refuse what is no choice, where those are known only when the verb is called."""
    if value not in choices:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(choices)}", param_hint=option)


NamedRun = Annotated[
    Path | None,
    typer.Argument(metavar="[RUN]", help="A run. Default: the newest run.", show_default=False),
]
Models = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[MODEL]...", help="Models, or a run. Default: the newest run.", show_default=False
    ),
]
Format = Annotated[
    str,
    typer.Option(
        metavar=either(FORMATS), autocompletion=completing(FORMATS), help="File format of the artifacts."
    ),
]
DATASET_HELP = "Data set: fashion-mnist, mnist, or a folder of IDX files."
Dataset = Annotated[
    str | None,
    typer.Option(
        metavar="DATASET",
        autocompletion=completing(DATASETS),
        help=f"{DATASET_HELP} Default: the model's own.",
    ),
]
KnownDataset = Annotated[
    str, typer.Option("--dataset", metavar="DATASET", autocompletion=completing(DATASETS), help=DATASET_HELP)
]
"""The same for a verb that has a default of its own."""
DataDir = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder that holds the data set, instead of the usual places."),
]


def _result(name: str, help: str) -> Any:
    """An option that names the file of a result."""
    return typer.Option(f"--{name}", metavar="FILE", help=f"Write {help}; - for stdout.", callback=_checked)


Json = Annotated[Path | None, _result("json", "the result as JSON to this file")]
Junit = Annotated[Path | None, _result("junit", "the verdicts as JUnit XML, for CI systems")]
Markdown = Annotated[Path | None, _result("markdown", "the tables as Markdown, for a pull request")]
Csv = Annotated[Path | None, _result("csv", "the figures as CSV, a row for each that was timed")]
Plots = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Draw what was found as pictures, into this folder.")
]
_SCORES = "Exact scores of models, in an .npz: eval keeps them in one, parity compares those of two."
KeptScores = Annotated[
    Path | None, typer.Option("--scores", metavar="FILE", help=_SCORES, callback=_checked_scores)
]
ComparedScores = Annotated[
    tuple[Path, Path] | None, typer.Option("--scores", metavar="REFERENCE CANDIDATE", help=_SCORES)
]
_THREADS = typer.Option(metavar="N", min=1, max=256, help="Threads that one inference may use.")
Threads = Annotated[int, _THREADS]
ManyThreads = Annotated[list[int], _THREADS]
ONE_THREAD = [DEFAULT_THREADS]
_ENGINE = "What runs an artifact; null answers without inference, to show what that leaves."
_EngineName = Literal["auto", "tflite", "onnxruntime", "numpy", "null"]
Engine = Annotated[_EngineName, typer.Option(help=_ENGINE)]
ManyEngines = Annotated[
    list[str],  # Typer knows no list of choices
    typer.Option(
        help=_ENGINE,
        metavar=either(get_args(_EngineName)),
        callback=_engines,
        autocompletion=completing(get_args(_EngineName)),
    ),
]
ITS_OWN_ENGINE = ["auto"]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Class names, one a line, or as JSON. Default: the model's or its data's."
    ),
]


InputRange = Annotated[
    str | None,
    typer.Option(
        metavar="RANGE",
        callback=_checked_range,
        autocompletion=completing(RANGES),
        help="What pixels become for a model that does not say it: 0-255, 0-1, -1-1, 1-0 (white is 0), or "
        "mean=M,std=S of x/255, with three numbers each for colour; :bgr behind it where blue is the first "
        "channel. Default: as its seal or metadata says, or labelled images.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Output that holds the scores, of a model that has several."),
]
Duration = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", callback=_positive, help="How long each is timed, in all processes together."
    ),
]
Hz = Annotated[
    float | None,
    typer.Option(
        metavar="HZ",
        min=0.001,
        max=100_000,
        callback=number,
        help="Calls a second, when periodic. Default: 30.",
    ),
]
Processes = Annotated[
    int,
    typer.Option(metavar="N", min=1, max=1000, help="Fresh processes that each is timed in, one at a time."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that fmnist did not make.")]
MaxDrop = Annotated[
    float | None,
    typer.Option(
        metavar="POINTS",
        min=0,
        max=100,
        callback=number,
        help="Loss of accuracy, in percentage points, that must be ruled out. Default: by scheme, 0.1 to 1.",
    ),
]
MinAgreement = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        min=0,
        max=1,
        callback=number,
        help="Least share of equal answers, from 0 to 1. Default: by scheme, 0.9 to 0.99.",
    ),
]
MaxDifference = Annotated[
    float | None,
    typer.Option(
        metavar="DIFFERENCE",
        min=0,
        max=1,
        callback=number,
        help="Largest difference of a probability. Default: 1e-5 for float32, 0.01 for float16.",
    ),
]
MaxConfidentFlips = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="Answers that may change at a margin of 0.5 or more. Default: what is by chance no more than a "
        "share of all, by scheme 0.01 to 0.1%; of a foreign file any number.",
    ),
]


def gate_limits(
    max_drop: float | None,
    min_agreement: float | None,
    max_difference: float | None,
    max_confident_flips: int | None,
) -> dict[str, Any]:
    """The limits that the user named, as fields of a gate."""
    named = {
        "max_drop": None if max_drop is None else max_drop / 100,
        "min_agreement": min_agreement,
        "max_difference": max_difference,
        "max_confident_flips": max_confident_flips,
    }
    return {field: limit for field, limit in named.items() if limit is not None}


Preset = Annotated[
    str,
    typer.Option(
        metavar=either(PRESETS),
        autocompletion=completing(PRESETS),
        help="Settings to start from; best gets the most out of the same network.",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Times every training image is seen, in all. Default: 10."),
]
BatchSize = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Images per step of the optimizer. Default: 32.")
]
Hidden = Annotated[
    list[int] | None,
    typer.Option(
        metavar="UNITS",
        min=1,
        max=16384,
        help="Units of a hidden layer; again for each further one. Default: 128.",
    ),
]
Dropout = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        min=0,
        max=0.99,
        callback=number,
        help="Share of hidden units left out in training. Default: 0.2.",
    ),
]
ValidationSplit = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        min=0,
        max=0.9,
        callback=number,
        help="Share of training images kept for validation. Default: 0.1.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=0, max=2**32 - 1, help="Seed of weights, shuffling and dropout. Default: 0."
    ),
]
TrainDataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        metavar="DATASET",
        autocompletion=completing(DATASETS),
        help=f"{DATASET_HELP} Default: {DEFAULT_DATASET}.",
    ),
]
