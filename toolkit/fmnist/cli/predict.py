"""`fmnist predict`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fmnist.predict.output import Layout
    from fmnist.predict.predict import ClassifiedImage, ImageAnswer
    from fmnist.predict.sources import FoundImages
    from fmnist.predict.stream import Frame
    from fmnist.text.progress import Progress
    from fmnist_runtime.engines.session import ModelInfo
    from fmnist_runtime.errors import FmnistError

_HANDFUL = 20
"""Up to this number of images no progress is shown."""


class _Display(NamedTuple):
    """How images are read, and results shown."""

    top: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of classes to name for each image.")
    ] = 3
    preparation: options.Preparation = None
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit 3 if an image is unlike the training images of the model."),
    ] = False
    raw: Annotated[
        str | None,
        typer.Option(
            metavar="WxH[xB]",
            help="Read raw frames of this width and height from -, instead of a sequence of PNG and JPEG "
            "files; B is bytes per pixel: 1 grey (the default), 3 RGB, 1.5 YUV 4:2:0.",
            show_default=False,
        ),
    ] = None
    form: Annotated[
        Literal["table", "csv", "jsonl"],
        typer.Option("--as", help="table for people, csv, or jsonl: one JSON object per line."),
    ] = "table"
    show: Annotated[
        bool, typer.Option("--show", help="Draw each image as the model sees it, with its classes beside it.")
    ] = False


@options.grouped
def predict(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL]",
            help="A .tflite, .onnx, .npz, .c or Keras model, or a run. Default: the newest run.",
            show_default=False,
        ),
    ] = None,
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...",
            help="Image files of any size, folders of them, quoted patterns such as 'photos/**/*.jpg', IDX "
            "files, or - for images from standard input.",
            show_default=False,
        ),
    ] = None,
    *,
    display: _Display,
    execution: options.ExecutionOptions,
    json: options.Json = None,
) -> None:
    """Name the most probable classes of images.

    For a run, the first artifact whose engine is installed is used. Thousands of images need no more memory
    than a few, except with --json, which writes one document at the end. A file that is not an image is named
    on stderr; the others are classified, and the exit code is 1. An image unlike the model's training images
    is marked.
    """
    from fmnist.cli.output import fail
    from fmnist.models.open import describe, open_model
    from fmnist.predict.output import Layout, PredictionBody
    from fmnist.predict.predict import predict_images
    from fmnist.predict.sources import STDIN, find_images, read_images
    from fmnist.text.progress import say
    from fmnist_runtime.data.images import image_shape, require_image_shape

    images = images or []
    if model and not _is_model(model):
        images.insert(0, model)
        model = None
    if not images:
        raise typer.BadParameter("give one image or more", param_hint="PATH...")
    frame = _frame(display.raw, STDIN in images)
    if display.show and display.form != "table":
        raise typer.BadParameter("draws for people; leave out --as", param_hint="--show")
    found = find_images(images)
    if found.passed_over:
        say(f"files skipped, as they are not named like images: {found.passed_over:,}")
    path = _model_file(model, execution.engine)
    live = STDIN in found.paths
    with open_model(path, execution.execution()) as session:
        session.info.contract.require_range(path)
        shape = image_shape(session.info.input_shape)
        require_image_shape(shape, str(path))
        layout = _layout(display, session.info.labels, found)
        if str(json) == "-":  # only JSON goes to stdout then
            layout = Layout("", lambda result: "")
        preparation = _preparation(session.info, display)
        readings = read_images(found.paths, shape, preparation, frame)
        results = _print(predict_images(session, readings, display.top, live), layout, _progress(found), live)
        records, counts = _follow(results, json is not None, preparation)
        if records and json:
            from fmnist.results.write import to_json, write_result

            body = PredictionBody(describe(session), preparation, records)
            write_result(json, to_json("predict", body))
    if counts.failed:
        raise typer.Exit(1)
    fail([], gate_failed=display.strict and counts.unlike > 0)


class _Counts(NamedTuple):
    """Numbers of images."""

    classified: int = 0
    inverted: int = 0
    unlike: int = 0
    """Images unlike the training images."""
    failed: int = 0
    """Files that are no image."""


def _preparation(info: "ModelInfo", display: _Display) -> str:
    """Return how pictures become the model's input; say what is not known.

    Raises:
        ModelError: The user wants images to be checked, and the model does not carry what is needed.
    """
    from fmnist.models.open import known_preparation
    from fmnist.text.progress import say
    from fmnist_runtime.errors import ModelError

    path, has_statistics = info.path, info.metadata is not None and info.metadata.statistics is not None
    if display.strict and not has_statistics:
        raise ModelError(
            f"{path}: carries no statistics of its training images, which --strict needs; export it again, "
            f"or make a run of it with: fmnist import {path} --dataset DATASET"
        )
    preparation = display.preparation or known_preparation(info)
    if not preparation:
        say(
            f"{path}: does not say how pictures are prepared: they are scaled to its size, and not inverted; "
            "--preparation mnist is for drawn digits, fashion-mnist for garments"
        )
    return preparation or "stretch"


def _model_file(model: Path | None, engine: str) -> Path:
    """Return the model that the user named; of a run, by default the newest, an artifact."""
    from fmnist.models.open import is_model_file

    if model is not None and is_model_file(model):
        return model
    from fmnist.models.select import select_artifact  # takes a tenth of the time of a whole prediction
    from fmnist.text.progress import say

    path, _ = select_artifact(model, engine)
    say(f"model: {path}")
    return path


def _follow(
    results: "Iterator[ClassifiedImage | None]", keep: bool, preparation: str
) -> "tuple[list[ImageAnswer], _Counts]":
    """Take all results; return them as records, if they are to be kept, and their numbers.

    At the end, also after Ctrl-C, lines say how many images were inverted, and how many are unlike the
    training images.
    """
    from fmnist.text.progress import say

    records: list[ImageAnswer] = []
    failed = inverted = classified = unlike = 0
    try:
        for result in results:
            if result is None:
                failed += 1
                continue
            classified += 1
            inverted += result.answer.inverted
            unlike += bool(result.answer.unlike)
            if keep:
                records.append(result.answer)
    finally:
        if inverted:
            counts = f"{inverted:,} of {classified:,} images"
            say(f"inverted {counts} to light on dark, as the preparation {preparation} says")
        if unlike:
            say(
                f"{unlike:,} of {classified:,} images are unlike the training images, so that their answers "
                "mean little"
            )
    return records, _Counts(classified, inverted, unlike, failed)


def _is_model(path: Path) -> bool:
    """Whether a path is a model file or a run, and not images."""
    from fmnist.models.open import is_model_file

    if is_model_file(path):
        return True
    from fmnist.runs.run import Run

    return Run(path).record().exists()


def _print(
    results: "Iterator[ClassifiedImage | FmnistError]", layout: "Layout", progress: "Progress", live: bool
) -> "Iterator[ClassifiedImage | None]":
    """Print each result at once, and errors on stderr; yield the result, or None for an error."""
    import sys

    from fmnist.predict.predict import ClassifiedImage
    from fmnist.text.colours import error_line

    header = layout.header
    for result in results:
        if not isinstance(result, ClassifiedImage):
            progress.step(error_line(result, sys.stderr))
            yield None
            continue
        progress.step()
        yield result  # first, so that it is counted even if printing it ends the program
        print(header + layout.text(result), end="", flush=live)
        header = ""
    print(end="", flush=True)  # before the messages at the end, also if both go to one file


def _frame(raw: str | None, streamed: bool) -> "Frame | None":
    if raw is None:
        return None
    from fmnist.predict.stream import parse_frame

    if not streamed:
        raise typer.BadParameter(
            "is the size of frames from standard input; give - as a PATH", param_hint="--raw"
        )
    try:
        return parse_frame(raw)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--raw") from error


def _layout(display: _Display, labels: tuple[str, ...], found: "FoundImages") -> "Layout":
    import shutil
    import sys

    from fmnist.predict.output import cards, comma_separated, json_lines, table
    from fmnist.text.image_grid import takes_half_blocks

    top = min(display.top, len(labels))
    if display.form == "jsonl":
        return json_lines()
    if display.form == "csv":
        return comma_separated(top, for_terminal=_on_terminal())
    if display.show:
        return cards(shutil.get_terminal_size().columns, takes_half_blocks(sys.stdout))
    return table(labels, top, found.name_width)


def _progress(found: "FoundImages") -> "Progress":
    """Return the progress to show: none if the results show it themselves, or their number is unknown."""
    from fmnist.text.progress import Progress

    silent = _on_terminal() or not found.countable or len(found.paths) <= _HANDFUL
    return Progress("images", 0 if silent else len(found.paths))


def _on_terminal() -> bool:
    import sys

    return sys.stdout is not None and sys.stdout.isatty()
