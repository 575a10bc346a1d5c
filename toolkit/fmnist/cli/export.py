"""`fmnist export`."""

from pathlib import Path
from typing import Annotated

import typer

from fmnist.cli import options


def export(
    model: Annotated[
        Path | None,
        typer.Argument(help="A .keras model, or a run. Default: the newest run.", show_default=False),
    ] = None,
    format: Annotated[str, typer.Option(help="tflite, onnx or all.")] = "tflite",
    quantize: Annotated[
        str, typer.Option(help="none (float32), float16, dynamic, int8, int8-full or all.")
    ] = "none",
    out: Annotated[
        Path | None, typer.Option(help="File, or folder for several. Default: export/ beside the model.")
    ] = None,
    dataset: options.Dataset = None,
    data_dir: options.DataDir = None,
    force: options.Force = False,
) -> None:
    """Convert a trained model to files for a device."""
    from fmnist.cli.output import fail, say_run
    from fmnist.exporting import export_model, plan_targets
    from fmnist.progress import Progress
    from fmnist.render import size, table
    from fmnist.runs import Run, is_run, newest_run
    from fmnist_exporters.recipes import FORMATS, SCHEMES, select_recipes

    scheme = "float32" if quantize == "none" else quantize
    _require_choice("--format", format, (*FORMATS, "all"))
    _require_choice("--quantize", scheme, (*SCHEMES, "none", "all"))
    recipes = select_recipes(format, scheme)
    if not recipes:
        possible = ", ".join(recipe.scheme for recipe in select_recipes(format, "all"))
        raise typer.BadParameter(
            f"{format} has no scheme {quantize}; it has {possible}", param_hint="--quantize"
        )
    if model is None:
        model = newest_run().folder
    if is_run(model):
        say_run(Run(model))
        model = Run(model).model
    targets = plan_targets(model, recipes, out)
    progress = Progress("export", len(targets))
    exported = export_model(model, targets, dataset, data_dir, force, lambda artifact: progress.step())
    rows = [
        [str(a.path), a.recipe.description, "kept" if a.kept else "written", size(a.size_bytes)]
        for a in exported.artifacts
    ]
    if rows:
        print(table(["artifact", "contents", "state", "size"], rows, left=3))
    fail(exported.failures)


def _require_choice(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(choices)}", param_hint=option)
