"""`fmnist deploy`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmnist.cli import options

if TYPE_CHECKING:
    from fmnist.runs.run import Run


@options.grouped
def deploy(
    *,
    hosts: Annotated[
        list[str],
        typer.Option(
            "--host",
            metavar="HOST",
            help="Device as ssh takes it, such as pi@raspberrypi.local; repeat for more devices.",
        ),
    ],
    named: options.NamedRun = None,
    format: options.Format = "all",
    data_dir: options.DataDir = None,
    timing: options.TimingOptions,
    json: options.Json = None,
) -> None:
    """Deploy a run to devices over ssh.

    The new version is installed beside the version in use. The device measures it, and the results come back
    into devices/HOST of the run. Files that a device already has are not sent again. A device switches to the
    new version only if that passes verify and parity there. Exit 3 if an artifact fails its gate on a device.
    """
    from fmnist.cli.output import fail, say_run_and_stale, show
    from fmnist.deploy.deployment import Bundles, deploy, deployment_text
    from fmnist.deploy.outcome import DeploymentBody
    from fmnist.runs.run import select_run
    from fmnist.text.progress import say
    from fmnist_exporters.recipes import formats

    options.require_choice("--format", format, (*formats(), "all"))
    run = select_run(named)
    _require_hosts(run, hosts)
    say_run_and_stale(run)
    bundles = Bundles(run, formats() if format == "all" else (format,), data_dir)
    bench_options = ["--duration", f"{timing.duration:g}", "--processes", str(timing.processes)]
    outcomes = deploy(run, hosts, bundles.bundle_for, bench_options)
    body = DeploymentBody(run.folder, outcomes)
    try:
        show(f"\n{deployment_text(run, outcomes)}", "deploy", body, json)
    finally:
        for outcome in outcomes:
            for line in outcome.log.splitlines():
                say(f"{outcome.host} | {line}")
    fail([outcome.error for outcome in outcomes if outcome.error])


def _require_hosts(run: "Run", hosts: list[str]) -> None:
    """Check that each is a destination of ssh, and that no two are the same."""
    from fmnist.deploy.measuring import results_folder

    folders: dict[Path, str] = {}
    for host in hosts:
        if not host or host.startswith("-") or any(not letter.isprintable() for letter in host):
            raise typer.BadParameter(f"--host {host!r} is not a destination of ssh")
        folder = results_folder(run, host)
        other = folders.get(folder)
        if other is not None:
            pair = "is given twice" if other == host else f"and {other} would share a folder of results"
            raise typer.BadParameter(f"--host {host} {pair}; give each device once")
        folders[folder] = host
