"""Options that several verbs share, alone and in groups, and the words that options take.

The words of formats, schemes and data sets are repeated here, as their tables load NumPy, which help and
completion do without. Tests compare the two; the verbs themselves read the tables.
"""

from collections.abc import Callable, Collection
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_args

import typer

from fmnist.datasets import DEFAULT_DATASET
from fmnist.runs.settings import CNN, PRESETS

if TYPE_CHECKING:
    from fmnist.models.open import Execution
    from fmnist.models.select import Splits
    from fmnist.runs.settings import TrainSettings

FORMATS = ("tflite", "onnx", "npz", "c", "all")
SCHEMES = ("none", "float16", "dynamic", "int8", "int8-full", "all")
DATASETS = ("fashion-mnist", "mnist")
NETWORKS = ("mlp", "cnn")
AUGMENTS = ("shift", "flip", "rotate")
PREPARATIONS = ("stretch", "pad", "crop", "mnist", "fashion-mnist")
RANGES = ("0-255", "0-1", "-1-1", "mean=0.1307,std=0.3081", "mean=0.485,0.456,0.406,std=0.229,0.224,0.225")
DEFAULT_THREADS = 1
DEFAULT_SECONDS = 3.0
_MOST_UNITS = 16_384
_LONGEST_S = 86_400
"""A day."""


def grouped(verb: Callable[..., None]) -> Callable[..., None]:
    """Return the verb with the options of its groups as separate parameters, as Typer needs them.

    A parameter whose type is a named tuple of options is a group: the fields replace it. Their defaults come
    from the group that is the parameter's default, if there is one.
    """
    groups: dict[str, Any] = {}
    parameters: list[Parameter] = []
    for parameter in signature(verb).parameters.values():
        group = parameter.annotation
        if not hasattr(group, "_fields"):
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))
            continue
        groups[parameter.name] = group
        for name, annotation in group.__annotations__.items():
            default = getattr(parameter.default, name, group._field_defaults[name])
            parameters.append(Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation))

    @wraps(verb)
    def flat(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(*(given.pop(field) for field in group._fields))
        verb(**given)

    flat.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def given(group: Any) -> list[str]:
    """Return the names of a group's options that differ from their defaults, such as ``--data-dir``."""
    defaults = group._field_defaults
    return [
        f"--{name.replace('_', '-')}" for name, value in group._asdict().items() if value != defaults[name]
    ]


def either(words: Collection[str]) -> str:
    """Return the placeholder of an option that takes one of a few words."""
    return f"<{'|'.join(words)}>"


def completing(words: Collection[str]) -> Callable[[str], list[str]]:
    """Return the function with which Typer completes a word; of no words a shell completes file names."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def require_choice(option: str, value: str, choices: Collection[str]) -> None:
    """Check a choice whose values are known only when the verb is called."""
    if value not in choices:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(choices)}", param_hint=option)


def _replaceable(ctx: typer.Context, path: Path | None) -> Path | None:
    """Check, before anything is measured, that the result can be written."""
    if path is not None and str(path) != "-" and not ctx.resilient_parsing:  # not where a shell completes
        from fmnist.results.write import RESULT
        from fmnist_runtime.files import require_writable

        require_writable(path, RESULT)
    return path


def _replaceable_scores(ctx: typer.Context, path: Path | None) -> Path | None:
    """Check, before anything is run, that a file of scores can be written."""
    if path is not None and not ctx.resilient_parsing:
        if str(path) == "-":
            raise typer.BadParameter("scores are binary and take a file, such as scores.npz")
        from fmnist.scoring.keep import SCORES
        from fmnist_runtime.files import require_writable

        require_writable(path, SCORES)
    return path


def _size(text: str | None) -> tuple[int, int] | None:
    """Return a width and a height."""
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and 0 < int(width) <= 4096 and 0 < int(height) <= 4096):
        raise typer.BadParameter(f"{text!r} is not WxH of 1 to 4096 pixels, such as 64x48.")
    return int(width), int(height)


def _network(text: str | None) -> str | None:
    """Refuse what is neither a network nor a function."""
    if text is None or text in NETWORKS:
        return text
    file, _, function = text.rpartition(":")
    if not (file.endswith(".py") and function.isidentifier()):
        raise typer.BadParameter(f"{text!r} is not mlp, cnn or FILE.py:FUNCTION.")
    return f"{Path(file).absolute()}:{function}"


def _digest(path: str) -> str:
    """Return the SHA-256 of a file of the user's."""
    from fmnist_runtime.errors import ModelError
    from fmnist_runtime.files import require_file, sha256_file

    require_file(Path(path), "a Python file, as of --network FILE.py:FUNCTION", ModelError)
    return sha256_file(Path(path))


def _augment(given: list[str] | None) -> list[str] | None:
    """Return the kinds of changes, which may be given as one text or several."""
    kinds = [text.strip() for each in given or () for text in each.split(",")]
    for kind in kinds:
        if kind not in (*AUGMENTS, "none"):
            raise typer.BadParameter(f"{kind!r} is not one of {', '.join(AUGMENTS)}, none.")
    if "none" in kinds and len(kinds) > 1:
        raise typer.BadParameter("none stands alone.")
    return kinds or None


def _units(given: list[str] | None) -> list[str] | None:
    """Return the units of each layer, which may be given as one text or several."""
    units = [text.strip() for each in given or () for text in each.split(",")]
    for text in units:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_UNITS):
            raise typer.BadParameter(f"{text!r} is not a number of units from 1 to {_MOST_UNITS:,}.")
    return units or None


def _number(value: float | None) -> float | None:
    """Refuse NaN: it passes a check of minimum and maximum, and no figure exceeds it."""
    if value is not None and value != value:
        raise typer.BadParameter("nan is not a number.")
    return value


def _positive(value: float | None) -> float | None:
    """Refuse a time that is not positive, or infinite."""
    if value is not None and not 0 < value <= _LONGEST_S:
        raise typer.BadParameter(f"{value:g} is not more than 0 and at most {_LONGEST_S:,}.")
    return value


def _engines(names: list[str]) -> list[str]:
    """Refuse an unknown engine."""
    known = get_args(EngineName)
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(known)}.")
    return names


def _preparation(text: str | None) -> str | None:
    """Return the preparation in its usual spelling; refuse an invalid one before anything is opened."""
    if text is None:
        return None
    from fmnist_runtime.data.preparation import parse_preparation

    try:
        return str(parse_preparation(text))
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from None


def _pixel_range(text: str | None) -> str | None:
    """Return the input range in its usual spelling; refuse an invalid one before anything is opened."""
    if text is not None:
        from fmnist_runtime.artifact.contract import parse_range

        try:
            return parse_range(text).text
        except ValueError as error:
            raise typer.BadParameter(f"{error}.") from None
    return None


NamedRun = Annotated[
    Path | None, typer.Argument(metavar="[RUN]", help="A run. Default: the newest run.", show_default=False)
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
_DATASET = (
    "Data set: fashion-mnist, mnist, a folder of classes or of IDX files, a ZIP or tar of classes, CSV, npz "
    "or Parquet."
)


def _dataset(help: str) -> Any:
    return typer.Option("--dataset", metavar="DATASET", autocompletion=completing(DATASETS), help=help)


Dataset = Annotated[str | None, _dataset(f"{_DATASET} Default: the model's own.")]
NewDataset = Annotated[str | None, _dataset(f"{_DATASET} Default: {DEFAULT_DATASET}.")]
OptionalDataset = Annotated[str | None, _dataset(_DATASET)]
KnownDataset = Annotated[str, _dataset(_DATASET)]
ImageSize = Annotated[
    str | None,
    typer.Option(
        metavar="WxH",
        callback=_size,
        help="Size of the images that a data set is read as. Default: the commonest; of CSV, a square.",
    ),
]
Color = Annotated[
    Literal["grey", "rgb"] | None,
    typer.Option(help="Colour of the images that a data set is read as. Default: that of its pictures."),
]
Preparation = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        callback=_preparation,
        autocompletion=completing(PREPARATIONS),
        help="How a picture becomes an image for the model: stretch, pad, crop, mnist or fashion-mnist, with "
        "options such as pad,filter=bilinear,polarity=inverted,background=remove. Default: the model's or "
        "data set's own; of other picture files, stretch.",
    ),
]
AllowDuplicates = Annotated[
    bool,
    typer.Option(
        "--allow-duplicates", help="Read a data set although training images are among its test images."
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder that holds the data set, instead of the usual places."),
]


def _result(name: str, help: str) -> Any:
    """Return an option that names the file of a result."""
    return typer.Option(
        f"--{name}", metavar="FILE", help=f"Write {help}; - for stdout.", callback=_replaceable
    )


Json = Annotated[Path | None, _result("json", "the result as JSON to this file")]
Junit = Annotated[Path | None, _result("junit", "the verdicts as JUnit XML, for CI systems")]
Markdown = Annotated[Path | None, _result("markdown", "the tables as Markdown, for a pull request")]
Csv = Annotated[Path | None, _result("csv", "the figures as CSV, with a row for each combination")]
Plots = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Draw the results as pictures, into this folder.")
]
_SCORES = "Exact scores of models, as an .npz file: eval writes one, parity compares two."
KeptScores = Annotated[
    Path | None, typer.Option("--scores", metavar="FILE", help=_SCORES, callback=_replaceable_scores)
]
ComparedScores = Annotated[
    tuple[Path, Path] | None, typer.Option("--scores", metavar="REFERENCE CANDIDATE", help=_SCORES)
]
_THREADS = typer.Option(metavar="N", min=1, max=256, help="Threads that one inference may use.")
Threads = Annotated[int, _THREADS]
ManyThreads = Annotated[list[int], _THREADS]
_ENGINE = "Engine that runs the artifacts; null skips inference, to show the time of everything else."
EngineName = Literal["auto", "tflite", "onnxruntime", "numpy", "tflm", "native", "null"]
ManyEngines = Annotated[
    list[str],  # Typer knows no list of choices
    typer.Option(
        help=_ENGINE,
        metavar=either(get_args(EngineName)),
        callback=_engines,
        autocompletion=completing(get_args(EngineName)),
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Class names, one per line, or JSON. Default: the model's or its data set's."
    ),
]
InputRange = Annotated[
    str | None,
    typer.Option(
        metavar="RANGE",
        callback=_pixel_range,
        autocompletion=completing(RANGES),
        help="Input range of a model that does not declare it: 0-255, 0-1, -1-1, 1-0 (white is 0), or "
        "mean=M,std=S of x/255, with three numbers each for colour; append :bgr if blue comes first. "
        "Default: from its seal or metadata, or found with labelled images.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Output that holds the scores, for a model with several outputs."),
]
# fmt: off
TargetName = Literal[
    "host", "aarch64", "armv7", "armv6", "riscv64",
    "cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "wasm",
]
# fmt: on
"""This machine, and the processors that `fmnist.devices.emulation.targets` emulates."""
On = Annotated[TargetName, typer.Option("--on", help="Processor that a C model runs on, emulated.")]
Hz = Annotated[
    float | None,
    typer.Option(
        metavar="HZ",
        min=0.001,
        max=100_000,
        callback=_number,
        help="Calls per second of --scenario periodic. Default: 30.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that fmnist did not make.")]


class DataOptions(NamedTuple):
    """Where the test images come from."""

    dataset: Dataset = None
    data_dir: DataDir = None

    def splits(self) -> "Splits":
        """Return the test splits that models are run on."""
        from fmnist.models.select import Splits

        return Splits(self.dataset, self.data_dir)


class ExecutionOptions(NamedTuple):
    """How a model is opened and run."""

    threads: Threads = DEFAULT_THREADS
    engine: Annotated[EngineName, typer.Option(help=_ENGINE)] = "auto"
    labels: Labels = None
    input_range: InputRange = None
    output: Output = None
    on: On = "host"

    def execution(self) -> "Execution":
        """Return the settings to open models with; reads the file of class names."""
        from fmnist.cli.output import read_names
        from fmnist.models.open import Execution

        labels = read_names(self.labels)
        return Execution(
            self.threads,
            self.engine,
            self.input_range,
            labels=labels,
            output=self.output,
            target=self.on,
        )


class TimingOptions(NamedTuple):
    """How long models are timed."""

    duration: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            callback=_positive,
            help="Time for each combination, in all processes together.",
        ),
    ] = DEFAULT_SECONDS
    processes: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=1000, help="Fresh processes for each combination, one at a time."
        ),
    ] = 6


def _bounded(metavar: str, most: float, help: str) -> Any:
    """Return an option that takes a number from 0 to a largest one."""
    return typer.Option(metavar=metavar, min=0, max=most, callback=_number, help=help)


class GateOptions(NamedTuple):
    """Limits that replace those of each scheme's own gate."""

    max_drop: Annotated[
        float | None,
        _bounded(
            "POINTS", 100, "Loss of accuracy to rule out, in percentage points. Default: by scheme, 0.1 to 1."
        ),
    ] = None
    min_accuracy: Annotated[
        float | None,
        _bounded("SHARE", 1, "Smallest accuracy, from 0 to 1, whatever the original's. Default: none."),
    ] = None
    min_agreement: Annotated[
        float | None,
        _bounded(
            "SHARE", 1, "Smallest share of equal answers, from 0 to 1. Default: by scheme, 0.9 to 0.99."
        ),
    ] = None
    max_difference: Annotated[
        float | None,
        _bounded(
            "DIFFERENCE",
            1,
            "Largest difference of a probability. Default: 1e-5 for float32, 0.01 for float16.",
        ),
    ] = None
    max_confident_flips: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="Answers that may change at a margin of 0.5 or more. Default: a number that is consistent "
            "with a share of 0.01 to 0.1%, by scheme; any number for a foreign file.",
        ),
    ] = None

    def limits(self) -> dict[str, Any]:
        """Return the limits that were given, as fields of a gate."""
        given = self._replace(max_drop=None if self.max_drop is None else self.max_drop / 100)
        return {field: limit for field, limit in given._asdict().items() if limit is not None}


class TrainingOptions(NamedTuple):
    """Settings of a training."""

    dataset: NewDataset = None
    image_size: ImageSize = None
    color: Color = None
    preparation: Preparation = None
    allow_duplicates: AllowDuplicates = False
    preset: Annotated[
        str,
        typer.Option(
            metavar=either(PRESETS),
            autocompletion=completing(PRESETS),
            help="Settings to start from; best gives the highest accuracy with the same network.",
        ),
    ] = "lecture"
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Passes over the training images, in all. Default: 10."),
    ] = None
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Images per optimizer step. Default: 32.")
    ] = None
    network: Annotated[
        str | None,
        typer.Option(
            metavar="NETWORK",
            callback=_network,
            autocompletion=completing(NETWORKS),
            help="mlp, the network of the lectures; cnn, a small convolutional one with settings of its own; "
            "or FILE.py:FUNCTION, a function of an image's shape and the number of classes that returns a "
            "Keras model from raw pixels to probabilities. Default: mlp.",
        ),
    ] = None
    augment: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KINDS",
            callback=_augment,
            help="Changes of training images in each epoch, such as shift,flip: shift by up to a 14th, flip "
            "left and right, rotate by up to 10 degrees; or none. Default: none; of cnn, shift.",
        ),
    ] = None
    hidden: Annotated[
        list[str] | None,
        typer.Option(
            metavar="UNITS",
            callback=_units,
            help="Units of each hidden layer, such as 256,128. Default: 128.",
        ),
    ] = None
    activation: Annotated[
        Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"] | None,
        typer.Option(help="Activation of the hidden layers. Default: relu."),
    ] = None
    optimizer: Annotated[
        Literal["adam", "adamw", "nadam", "rmsprop", "sgd"] | None,
        typer.Option(help="Optimizer, with Keras's defaults. Default: adam."),
    ] = None
    learning_rate: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            min=1e-8,
            max=10,
            callback=_number,
            help="Step size of the optimizer. Default: 0.001.",
        ),
    ] = None
    dropout: Annotated[
        float | None, _bounded("SHARE", 0.99, "Share of hidden units dropped in training. Default: 0.2.")
    ] = None
    validation_split: Annotated[
        float | None, _bounded("SHARE", 0.9, "Share of training images kept for validation. Default: 0.1.")
    ] = None
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, max=2**32 - 1, help="Seed of weights, shuffling and dropout. Default: 0."
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        """Return the settings that were given, without the preset."""
        from fmnist.datasets.read import Wanted, as_idx, is_known
        from fmnist_runtime.data.datasets import dataset_reference

        named = self._asdict()
        del named["preset"]
        wanted = Wanted(
            named.pop("image_size"), named.pop("color"), named.pop("allow_duplicates"), self.preparation or ""
        )
        dataset = self.dataset or DEFAULT_DATASET
        if is_known(dataset) and (self.image_size or self.color):
            raise typer.BadParameter(
                f"is for pictures and tables; {dataset} is read as it is",
                param_hint="--image-size" if self.image_size else "--color",
            )
        if self.dataset is not None:
            named["dataset"] = dataset_reference(as_idx(dataset, wanted))
        named["hidden"] = tuple(map(int, self.hidden or ())) or None
        if self.network and self.network not in NETWORKS:
            named["network_sha256"] = _digest(self.network.rpartition(":")[0])
        if self.augment is not None:
            named["augment"] = tuple(kind for kind in AUGMENTS if kind in self.augment)
        return {name: value for name, value in named.items() if value is not None}

    def settings(self) -> "TrainSettings":
        """Return the preset with the settings that were given."""
        from dataclasses import replace

        require_choice("--preset", self.preset, PRESETS)
        if self.network == "cnn" and self.preset != "lecture":
            raise typer.BadParameter("is for mlp; cnn has settings of its own", param_hint="--preset")
        if self.network not in (None, "mlp") and self.hidden:
            raise typer.BadParameter("is for --network mlp", param_hint="--hidden")
        if self.network not in (None, *NETWORKS):
            for option, value in (("--activation", self.activation), ("--dropout", self.dropout)):
                if value is not None:
                    raise typer.BadParameter("is for --network mlp and cnn", param_hint=option)
        start = CNN if self.network == "cnn" else PRESETS[self.preset]
        return replace(start, **self.given())
