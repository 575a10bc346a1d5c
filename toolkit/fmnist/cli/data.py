"""`fmnist data`."""

from pathlib import Path
from typing import Annotated

import typer

from fmnist.cli import options
from fmnist.cli.options import DATASETS, completing
from fmnist.datasets import DEFAULT_DATASET

app = typer.Typer(help="List, fetch, check and show data sets.", no_args_is_help=True)

_SIDE = 5


@app.command("list")
def list_datasets(data_dir: options.DataDir = None, json: options.Json = None) -> None:
    """List the known data sets and their folders."""
    from fmnist.cli.output import show
    from fmnist.datasets.inventory import inventory_text, list_known

    inventory = list_known(data_dir)
    show(inventory_text(inventory), "data", inventory, json)


@app.command("verify")
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Data sets. Default: all known ones that are found.",
            show_default=False,
            autocompletion=completing(DATASETS),
        ),
    ] = None,
    data_dir: options.DataDir = None,
    json: options.Json = None,
) -> None:
    """Check every file of data sets.

    Its format and counts, and for known data sets the published SHA-256.
    """
    from fmnist.cli.output import fail, show
    from fmnist.datasets.inventory import DatasetVerification, verifiable, verification_text, verify_dataset
    from fmnist_runtime.errors import FmnistError

    files, failures = [], []
    for name in names or verifiable(data_dir):
        try:
            files += verify_dataset(name, data_dir)
        except FmnistError as error:
            failures.append(error)
    if files:
        verification = DatasetVerification(files)
        show(verification_text(verification), "data-verify", verification, json)
    fail(failures)


@app.command("fetch")
def fetch(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Data set: fashion-mnist or mnist.", autocompletion=completing(DATASETS)
        ),
    ],
    mirror: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Address to download from, instead of the built-in ones; repeat for more addresses.",
            show_default=False,
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not use the network; only name the missing files.")
    ] = False,
    data_dir: options.DataDir = None,
) -> None:
    """Download a data set.

    It goes into the user's cache, or with --data-dir DIR into DIR/NAME. Existing files are kept. The
    published SHA-256 of each file is checked.
    """
    from fmnist.cli.output import tell
    from fmnist.datasets.fetch import fetch_dataset, fetched_text

    for url in mirror or []:
        if not url.startswith(("http://", "https://")):
            raise typer.BadParameter(
                f"{url!r} does not begin with http:// or https://", param_hint="--mirror"
            )
    tell(fetched_text(fetch_dataset(name, data_dir, mirror or (), offline)))


@app.command("show")
def show_images(
    dataset: options.KnownDataset = DEFAULT_DATASET,
    data_dir: options.DataDir = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="SVG file. Default: a picture in the terminal.")
    ] = None,
    force: options.Force = False,
) -> None:
    """Show 25 training images with their classes."""
    import shutil
    import sys

    from fmnist.results.write import PICTURE
    from fmnist.text.image_grid import draw_grid, takes_half_blocks
    from fmnist_runtime.data.datasets import load_dataset
    from fmnist_runtime.errors import needs_extra
    from fmnist_runtime.files import require_writable

    if out is None:
        training = load_dataset(dataset, "train", data_dir)
        labels = [training.labels[target] for target in training.targets[: _SIDE**2]]
        width, _ = shutil.get_terminal_size()
        print(draw_grid(training.images[: _SIDE**2], labels, _SIDE, width, takes_half_blocks(sys.stdout)))
        return
    with needs_extra("report", "plotting"):
        from fmnist.figures.grids import sample_picture
        from fmnist.figures.standalone import write_picture
    require_writable(out, PICTURE, force)
    write_picture(out, sample_picture(load_dataset(dataset, "train", data_dir), _SIDE))
    print(out)
