"""`fmnist export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options
from fmnist.cli.options import SCHEMES, completing, either

if TYPE_CHECKING:
    from fmnist_exporters.recipes import Recipe


@options.grouped
def export(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL]",
            help="A Keras model, a run, or for --format c a .tflite model. Default: the newest run.",
            show_default=False,
        ),
    ] = None,
    format: options.Format = "tflite",
    quantize: Annotated[
        str,
        typer.Option(
            metavar=either(SCHEMES),
            autocompletion=completing(SCHEMES),
            help="Quantisation scheme; none is float32.",
        ),
    ] = "none",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="File, or folder for several. Default: export/ beside the model; for a .tflite, beside it.",
        ),
    ] = None,
    *,
    data: options.DataOptions,
    labels: options.Labels = None,
    input_range: options.InputRange = None,
    gate: options.GateOptions,
    allow_chance: Annotated[
        bool,
        typer.Option(
            "--allow-chance",
            help="Export even if the model is no better than always naming the largest class.",
        ),
    ] = False,
    force: options.Force = False,
) -> None:
    """Convert a trained model for a device.

    Each file is run and compared with the original before it gets its name. Exit 3 if one fails its gate; it
    is kept as NAME.rejected.
    """
    from fmnist.cli.output import fail, say_run, tell
    from fmnist.export import Origin, export_model, export_text, plan_targets
    from fmnist.runs.run import Run, is_run, newest_run
    from fmnist.text.progress import Progress, say
    from fmnist_exporters.proof import size_notes
    from fmnist_runtime.errors import UnsupportedError

    recipes = _recipes(format, quantize)
    if model is None:
        model = newest_run().folder
    if is_run(model):
        say_run(Run(model))
        Run(model).require_original()
        model = Run(model).model
    if model.suffix.lower() == ".tflite" and format == "c" and quantize != "none":
        raise typer.BadParameter(
            "a .tflite model keeps its own scheme; leave it out", param_hint="--quantize"
        )
    targets = plan_targets(model, recipes, out)
    progress = Progress("export", len(targets))
    origin = Origin(model, *data, labels, input_range, gate.limits(), allow_chance)
    exported = export_model(origin, targets, force, lambda artifact: progress.step(), progress.note)
    progress.remove()
    if text := export_text(exported):
        tell(text)
    for doubt, names in exported.doubts.items():
        say(f"{', '.join(names)}: not shown on held-out images: {doubt}; fmnist parity asks the test images")
    for note in size_notes({artifact.path: artifact.recipe for artifact in exported.artifacts}):
        say(note)
    failures = list(exported.failures)
    # "all" does not ask a format or a scheme for what it cannot hold.
    if "all" in (format, quantize) and exported.artifacts:
        for failure in exported.failures:
            if isinstance(failure, UnsupportedError):
                failures.remove(failure)
                say(str(failure))
    fail(failures)


def _recipes(format: str, quantize: str) -> "list[Recipe]":
    """Return the recipes that the user asks for; refuse a combination that does not exist."""
    from fmnist_exporters.recipes import formats, schemes, select_recipes

    scheme = "float32" if quantize == "none" else quantize
    options.require_choice("--format", format, (*formats(), "all"))
    options.require_choice("--quantize", scheme, (*schemes(), "none", "all"))
    recipes = select_recipes(format, scheme)
    if not recipes:
        possible = ", ".join(recipe.scheme for recipe in select_recipes(format, "all"))
        raise typer.BadParameter(
            f"{format} has no scheme {quantize}; it has {possible}", param_hint="--quantize"
        )
    return recipes
