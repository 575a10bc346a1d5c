"""`fmnist deploy`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fmnist.deploy.outcome import DeviceOutcome
    from fmnist.runs.run import Run


def deploy(
    hosts: Annotated[
        list[str],
        typer.Option(
            "--host",
            metavar="HOST",
            help="Device as ssh names it, such as pi@raspberrypi.local; again for each further one.",
        ),
    ],
    named: options.NamedRun = None,
    format: options.Format = "all",
    data_dir: options.DataDir = None,
    duration: options.Duration = options.DEFAULT_SECONDS,
    processes: options.Processes = options.DEFAULT_PROCESSES,
    json: options.Json = None,
) -> None:
    """Bring a run to devices over ssh.

    It is installed beside the version in use, and what the device measures is brought back, to devices/HOST
    in the run. What a device has already is not sent again. Only a version that passes verify and parity
    there is switched to; else the one before stays in use. Exit 3 when an artifact drifts on a device.
    """
    from fmnist.cli.output import fail, say_run_and_stale, show
    from fmnist.deploy.deployment import Bundles, deploy
    from fmnist.deploy.outcome import DeploymentBody
    from fmnist.runs.run import select_run
    from fmnist_exporters.recipes import formats

    options.require_choice("--format", format, (*formats(), "all"))
    run = select_run(named)
    _require_hosts(run, hosts)
    say_run_and_stale(run)
    bundles = Bundles(run, formats() if format == "all" else (format,), data_dir)
    bench_options = ["--duration", f"{duration:g}", "--processes", str(processes)]
    outcomes = deploy(run, hosts, bundles.bundle_for, bench_options)
    body = DeploymentBody(run.folder, outcomes)
    try:
        show(f"\n{_text(run, outcomes)}", "deploy", body, json)
    finally:
        for outcome in outcomes:
            _say_log(outcome)
    fail([outcome.error for outcome in outcomes if outcome.error])


def _require_hosts(run: "Run", hosts: list[str]) -> None:
    """Check that each is one that ssh can take, and none stands there twice."""
    from fmnist.deploy.measuring import results_folder

    folders: dict[Path, str] = {}
    for host in hosts:
        if not host or host.startswith("-") or any(not letter.isprintable() for letter in host):
            raise typer.BadParameter(f"--host {host!r} is no destination of ssh")
        folder = results_folder(run, host)
        other = folders.get(folder)
        if other is not None:
            pair = "is there twice" if other == host else f"and {other} would share a folder of results"
            raise typer.BadParameter(f"--host {host} {pair}; name each device once")
        folders[folder] = host


def _text(run: "Run", outcomes: "Sequence[DeviceOutcome]") -> str:
    import shlex

    from fmnist.cli.figures import FIGURES, doubt, figures, verdict
    from fmnist.text.tables import ABSENT, printable, table

    cells = []
    for outcome in outcomes:
        device = [outcome.host, outcome.machine or ABSENT]
        cells += [
            [*device, f"{row.format} {row.scheme}", verdict(row), *figures(row)] for row in outcome.models
        ]
        if not outcome.models:
            cells.append([*device, ABSENT, "failed", *(ABSENT for _ in FIGURES)])
    rows = [row for outcome in outcomes for row in outcome.models]
    breaches = [
        printable(f"{outcome.host}: {row.format} {row.scheme}: {failure}")
        for outcome in outcomes
        for row in outcome.models
        for failure in row.failures
    ]
    header = ["device", "machine", "model", "verdict", *FIGURES]
    lines = [table(header, cells, left=4), *doubt(rows), *breaches]
    if rows:
        lines.append(f"{run.folder / 'devices'}: everything above, and more, as JSON")
        if not run.is_adopted():
            lines.append(f"to look at it: {shlex.join(['fmnist', 'report', str(run.folder)])}")
    return "\n".join(lines)


def _say_log(outcome: "DeviceOutcome") -> None:
    from fmnist.text.progress import say

    for line in outcome.log.splitlines():
        say(f"{outcome.host} | {line}")
