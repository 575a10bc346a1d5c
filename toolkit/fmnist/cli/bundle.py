"""`fmnist bundle`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fmnist.cli import options
from fmnist.cli.options import completing, either
from fmnist.devices.targets import BOARDS, PYTHONS, Platform

if TYPE_CHECKING:
    from fmnist.bundle.contents import Bundle
    from fmnist.devices.targets import Target

_HOST = "pi@raspberrypi.local"


def bundle(
    run: options.NamedRun = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Folder, or file that ends in .tar.gz. Default: RUN-PLATFORM-PYTHON.tar.gz.",
        ),
    ] = None,
    format: options.Format = "all",
    target: Annotated[
        str | None,
        typer.Option(
            metavar=either(BOARDS),
            autocompletion=completing(BOARDS),
            help="Board with a 64-bit Raspberry Pi OS.",
        ),
    ] = None,
    platform: Annotated[
        Platform | None,
        typer.Option(help="System; any is every other board, with NumPy alone. Default: linux-aarch64."),
    ] = None,
    python: Annotated[
        str | None,
        typer.Option(
            metavar=either(PYTHONS),
            autocompletion=completing(PYTHONS),
            help="Its Python. Default: that of the present Raspberry Pi OS.",
        ),
    ] = None,
    no_data: Annotated[bool, typer.Option("--no-data", help="Leave the test images out.")] = False,
    wheels: Annotated[
        Literal["all", "none"],
        typer.Option(help="Packages that go along; with none, the device fetches all but fmnist."),
    ] = "all",
    data_dir: options.DataDir = None,
    force: options.Force = False,
) -> None:
    """Pack all that a device needs.

    It is one folder or archive, with an install.sh in it that needs no network.
    """
    from fmnist.bundle.contents import bundle_name, make_bundle
    from fmnist.bundle.writing import require_free, write_bundle
    from fmnist.cli.output import say_run_and_stale, tell
    from fmnist.runs.run import select_run
    from fmnist.text.progress import say
    from fmnist_exporters.recipes import formats

    options.require_choice("--format", format, (*formats(), "all"))
    if str(out) == "-":
        raise typer.BadParameter("a bundle goes to a file or folder; name one", param_hint="--out")
    chosen = _target(target, platform, python)
    selected = select_run(run)
    say_run_and_stale(selected)
    say(f"for {chosen}{'' if python or platform == 'any' else ', of the present Raspberry Pi OS'}")
    place = out or Path(f"{bundle_name(selected, chosen)}.tar.gz")
    require_free(place, force)
    wanted = formats() if format == "all" else (format,)
    made = make_bundle(selected, chosen, wanted, not no_data, wheels == "all", data_dir)
    write_bundle(made, place, force)
    tell(_text(made, place))


def _target(board: str | None, platform: Platform | None, python: str | None) -> "Target":
    """What the options say, which must not say two things."""
    from fmnist.devices.targets import MIN_PYTHON, RASPBERRY_PI_OS, Target

    if board is not None:
        if platform is not None:
            raise typer.BadParameter("goes without --target, which says it, too", param_hint="--platform")
        options.require_choice("--target", board, BOARDS)
        platform = BOARDS[board]
    if python is not None:
        options.require_choice("--python", python, PYTHONS)
    oldest = ".".join(map(str, MIN_PYTHON))
    platform = platform or "linux-aarch64"
    return Target(platform, python or (oldest if platform == "any" else RASPBERRY_PI_OS))


def _text(bundle: "Bundle", place: Path) -> str:
    from fmnist.bundle.writing import is_archive
    from fmnist.text.tables import size, table

    parts: dict[str, list[int]] = {}
    for file in bundle.files:
        parts.setdefault(_part(file.name), []).append(file.size)
    rows = [[part, str(len(sizes)), size(sum(sizes))] for part, sizes in sorted(parts.items())]
    rows.append(["total", str(len(bundle.files)), size(sum(file.size for file in bundle.files))])
    written = f"{place}: {size(place.stat().st_size)}" if is_archive(place) else str(place)
    return "\n".join(
        [
            table(["what", "files", "size"], rows),
            f"{written}, version {bundle.version}; on the device, or from here:",
            *_next(bundle, place),
        ]
    )


def _part(name: str) -> str:
    """What a file of a bundle belongs to."""
    from fmnist_runtime.artifact.manifest import (
        MANIFEST,  # not before: it loads NumPy, which --help does without
    )

    match name.split("/"):
        case ["wheels", wheel]:
            return "fmnist" if wheel.startswith("fmnist-") else "packages"
        case ["runs", _, "export", file]:
            return "run" if file == MANIFEST else f"artifacts, {file.rpartition('.')[2]}"
        case ["runs", *_]:
            return "run"
        case ["data", dataset, _]:
            return f"test images of {dataset}"
    return "install.sh and what it reads"


def _next(bundle: "Bundle", place: Path) -> list[str]:
    """What to type to bring it to a device and install it there."""
    from fmnist.bundle.writing import is_archive

    def there(*words: str) -> str:
        return f"ssh {_HOST} {shlex.quote(shlex.join(words))}"

    path = shlex.quote(_as_file(str(place)))
    if not is_archive(place):
        return [f"scp -r {path} {_HOST}:", there("sh", _as_file(f"{place.resolve().name}/install.sh"))]
    return [
        f"scp {path} {_HOST}:",
        there("tar", "xzf", _as_file(place.name)),
        there("sh", _as_file(f"{bundle.name}/install.sh")),
    ]


def _as_file(path: str) -> str:
    """A path that no program takes for an option, and neither scp nor tar for one on another machine."""
    return f"./{path}" if path.startswith("-") or ":" in path.partition("/")[0] else path
