"""Deployment of a run to all devices at once."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from fmnist.bundle.contents import Bundle, make_bundle
from fmnist.deploy.device import Deployment, DeploymentPlan, DeviceProgress
from fmnist.deploy.measuring import require_results_replaceable
from fmnist.deploy.outcome import DeviceOutcome
from fmnist.deploy.ssh import Ssh
from fmnist.devices.targets import Target
from fmnist.results.summary import FIGURES, figure_cells, trust_notes, verdict_cell
from fmnist.runs.run import Run
from fmnist.text.tables import ABSENT, printable, table
from fmnist_runtime.errors import FmnistError

_MOST_AT_ONCE = 8


class Bundles:
    """The bundles of a run. Each is made when the first device needs it, and then shared."""

    def __init__(self, run: Run, formats: Sequence[str], data_dir: Path | None) -> None:
        """Make bundles of a run, with the artifacts of these formats."""
        self._run, self._formats, self._data_dir = run, formats, data_dir
        self._made: dict[Target, Bundle | FmnistError] = {}
        self._lock = threading.Lock()

    def bundle_for(self, target: Target) -> Bundle:
        """Return the bundle for a target.

        Raises:
            FmnistError: It cannot be made.
        """
        with self._lock:
            if target not in self._made:
                try:
                    self._made[target] = make_bundle(
                        self._run, target, self._formats, data_dir=self._data_dir
                    )
                except FmnistError as error:
                    self._made[target] = error
            found = self._made[target]
        if isinstance(found, FmnistError):
            raise found
        return found


def deploy(
    run: Run, hosts: Sequence[str], bundle_for: Callable[[Target], Bundle], bench_options: Sequence[str]
) -> list[DeviceOutcome]:
    """Deploy a run to devices, measure it there, and copy the results into the run.

    Hosts are destinations as ``ssh`` takes them, each once. The options are those of ``fmnist bench`` there.

    Returns:
        The outcome of each device, in their order; after Ctrl-C, as far as each came.

    Raises:
        OutputError: Results could not be written into the run.
    """
    for host in hosts:
        require_results_replaceable(run, host)
    ssh = Ssh()
    plan = DeploymentPlan(run, bundle_for, bench_options)
    deployments = [Deployment(host, ssh, plan, DeviceProgress(host, alone=len(hosts) == 1)) for host in hosts]
    with ThreadPoolExecutor(_MOST_AT_ONCE) as pool:
        pending = [pool.submit(deployment.execute) for deployment in deployments]
        try:
            wait(pending)
        except KeyboardInterrupt:
            finished = [future.done() for future in pending]
            ssh.stop()
            pool.shutdown(cancel_futures=True)
            return [
                future.result() if done else deployment.interrupted()
                for future, done, deployment in zip(pending, finished, deployments, strict=True)
            ]
    return [future.result() for future in pending]


def deployment_text(run: Run, outcomes: Sequence[DeviceOutcome]) -> str:
    """Return a table of all models on all devices, and below it the gates they broke."""
    cells = []
    for outcome in outcomes:
        device = [outcome.host, outcome.machine or ABSENT]
        cells += [
            [*device, f"{row.format} {row.scheme}", verdict_cell(row), *figure_cells(row)]
            for row in outcome.models
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
    lines = [table(header, cells, left=4), *trust_notes(rows), *breaches]
    if rows:
        lines.append(f"{run.folder / 'devices'}: everything above, and more, as JSON")
        lines.append(f"to look at it: {shlex.join(['fmnist', 'report', str(run.folder)])}")
    return "\n".join(lines)
