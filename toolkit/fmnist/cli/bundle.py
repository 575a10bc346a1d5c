"""`fmnist bundle`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from fmnist.cli import options
from fmnist.cli.options import completing, either
from fmnist.devices.targets import BOARDS, PYTHONS, Platform

if TYPE_CHECKING:
    from fmnist.devices.targets import Target


class _TargetOptions(NamedTuple):
    """The machines that a bundle is for."""

    target: Annotated[
        str | None,
        typer.Option(
            metavar=either(BOARDS),
            autocompletion=completing(BOARDS),
            help="Board with a 64-bit Raspberry Pi OS.",
        ),
    ] = None
    platform: Annotated[
        Platform | None,
        typer.Option(help="System; any is every other board, with NumPy only. Default: linux-aarch64."),
    ] = None
    python: Annotated[
        str | None,
        typer.Option(
            metavar=either(PYTHONS),
            autocompletion=completing(PYTHONS),
            help="Its Python. Default: that of the present Raspberry Pi OS.",
        ),
    ] = None


@options.grouped
def bundle(
    run: options.NamedRun = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Folder, or file that ends in .tar.gz. Default: RUN-PLATFORM-PYTHON.tar.gz."
        ),
    ] = None,
    format: options.Format = "all",
    *,
    machine: _TargetOptions,
    program: Annotated[
        Literal["x86_64", "aarch64", "armv7", "armv6", "riscv64"] | None,
        typer.Option(
            help="With --format c: no bundle, but a static program for this processor, which reads raw "
            "pixels and prints class and probability."
        ),
    ] = None,
    no_data: Annotated[bool, typer.Option("--no-data", help="Leave out the test images.")] = False,
    wheels: Annotated[
        Literal["all", "none"],
        typer.Option(help="Packages to include; with none, the device downloads all except fmnist."),
    ] = "all",
    data_dir: options.DataDir = None,
    force: options.Force = False,
) -> None:
    """Pack everything that a device needs.

    The bundle is one folder or archive. Its install.sh needs no network.
    """
    from fmnist.bundle.contents import bundle_name, make_bundle
    from fmnist.bundle.program import write_program
    from fmnist.bundle.run_files import exported_as
    from fmnist.bundle.writing import bundle_text, require_free, write_bundle
    from fmnist.cli.output import say_run_and_stale, tell
    from fmnist.runs.run import select_run
    from fmnist.text.progress import say
    from fmnist_exporters.recipes import formats

    options.require_choice("--format", format, (*formats(), "all"))
    if str(out) == "-":
        raise typer.BadParameter("a bundle is a file or folder; give a name", param_hint="--out")
    selected = select_run(run)
    if program:
        if format != "c" or options.given(machine) or no_data or wheels != "all":
            raise typer.BadParameter("takes --format c, --out and --force alone", param_hint="--program")
        say_run_and_stale(selected)
        tell(write_program(exported_as(selected, ["c"]), program, out, force))
        return
    chosen = _target(*machine)
    say_run_and_stale(selected)
    assumed = not machine.python and machine.platform != "any"
    say(f"for {chosen}{', of the present Raspberry Pi OS' if assumed else ''}")
    place = out or Path(f"{bundle_name(selected, chosen)}.tar.gz")
    require_free(place, force)
    wanted = formats() if format == "all" else (format,)
    made = make_bundle(selected, chosen, wanted, not no_data, wheels == "all", data_dir)
    write_bundle(made, place, force)
    tell(bundle_text(made, place))


def _target(board: str | None, platform: Platform | None, python: str | None) -> "Target":
    """Return the target that the options describe; refuse options that contradict each other."""
    from fmnist.devices.targets import MIN_PYTHON, RASPBERRY_PI_OS, Target

    if board is not None:
        if platform is not None:
            raise typer.BadParameter(
                "cannot be combined with --target, which includes it", param_hint="--platform"
            )
        options.require_choice("--target", board, BOARDS)
        platform = BOARDS[board]
    if python is not None:
        options.require_choice("--python", python, PYTHONS)
    oldest = ".".join(map(str, MIN_PYTHON))
    platform = platform or "linux-aarch64"
    return Target(platform, python or (oldest if platform == "any" else RASPBERRY_PI_OS))
