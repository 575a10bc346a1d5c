"""`fmnist data`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fmnist.cli import options
from fmnist.cli.options import DATASETS, completing
from fmnist.datasets import DEFAULT_DATASET

if TYPE_CHECKING:
    from fmnist_runtime.data.datasets import Dataset

app = typer.Typer(help="List, fetch, check and show data sets.", no_args_is_help=True)

_COLUMNS = 5


@app.command("list")
def list_datasets(data_dir: options.DataDir = None, json: options.Json = None) -> None:
    """List data sets and their folders.

    The known ones, and those that were read from pictures or tables.
    """
    from fmnist.cli.output import show
    from fmnist.datasets.inventory import inventory_text, list_all

    inventory = list_all(data_dir)
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
    from fmnist.datasets.read import as_idx
    from fmnist_runtime.errors import FmnistError

    files, failures = [], []
    for name in names or verifiable(data_dir):
        try:
            files += verify_dataset(as_idx(name), data_dir)
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
    split: Annotated[Literal["train", "test"], typer.Option(help="Split to show images of.")] = "train",
    label: Annotated[
        str | None, typer.Option("--class", metavar="NAME", help="Show only this class.")
    ] = None,
    count: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Number of images.")] = 25,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="SVG file. Default: a picture in the terminal.")
    ] = None,
    force: options.Force = False,
) -> None:
    """Show images of a data set.

    The first ones of a split, each with its class.
    """
    import shutil
    import sys

    from fmnist.datasets.read import Wanted, as_idx
    from fmnist.results.write import PICTURE
    from fmnist.text.image_grid import draw_grid, takes_half_blocks
    from fmnist_runtime.data.datasets import load_dataset
    from fmnist_runtime.errors import needs_extra
    from fmnist_runtime.files import require_writable

    if out is not None:
        with needs_extra("report", "plotting"):
            from fmnist.figures.grids import sample_picture
            from fmnist.figures.standalone import write_picture
        require_writable(out, PICTURE, force)
    images = load_dataset(as_idx(dataset, Wanted(allow_duplicates=True)), split, data_dir)
    if label is not None:
        images = _of_class(images, label)
    if out is not None:
        write_picture(out, sample_picture(images, count))
        print(out)
        return
    labels = [images.labels[target] for target in images.targets[:count]]
    width, _ = shutil.get_terminal_size()
    print(draw_grid(images.images[:count], labels, _COLUMNS, width, takes_half_blocks(sys.stdout)))


def _of_class(images: "Dataset", label: str) -> "Dataset":
    """Return the images of one class."""
    from dataclasses import replace

    options.require_choice("--class", label, images.labels)
    chosen = images.targets == images.labels.index(label)
    return replace(images, images=images.images[chosen], targets=images.targets[chosen])
