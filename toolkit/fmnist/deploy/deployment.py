"""All devices at once, each on its own way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from fmnist.bundle.contents import Bundle, make_bundle
from fmnist.deploy.device import Deployment, Plan
from fmnist.deploy.measuring import require_results_replaceable
from fmnist.deploy.outcome import DeviceOutcome
from fmnist.deploy.progress import Teller
from fmnist.deploy.ssh import Ssh
from fmnist.devices.targets import Target
from fmnist.runs.run import Run
from fmnist_runtime.errors import FmnistError

_MOST_AT_ONCE = 8


class Bundles:
    """The bundles of a run, each made when the first device needs it, and then shared."""

    def __init__(self, run: Run, formats: Sequence[str], data_dir: Path | None) -> None:
        """Make bundles of a run.

        Args:
            run: The run.
            formats: Formats of the artifacts that are wanted.
            data_dir: Where the data set lies, if not in one of the usual places.
        """
        self._run, self._formats, self._data_dir = run, formats, data_dir
        self._made: dict[Target, Bundle | FmnistError] = {}
        self._lock = threading.Lock()

    def bundle_for(self, target: Target) -> Bundle:
        """The bundle for a target.

        Raises:
            FmnistError: It cannot be made.
        """
        with self._lock:
            if target not in self._made:
                try:
                    made = make_bundle(self._run, target, self._formats, data_dir=self._data_dir)
                except FmnistError as error:
                    self._made[target] = error
                else:
                    self._made[target] = made
            found = self._made[target]
        if isinstance(found, FmnistError):
            raise found
        return found


def deploy(
    run: Run,
    hosts: Sequence[str],
    bundle_for: Callable[[Target], Bundle],
    bench_options: Sequence[str],
) -> list[DeviceOutcome]:
    """Bring a run to devices, measure it there, and bring the results into the run.

    Args:
        run: The run.
        hosts: Destinations as ``ssh`` takes them, each once.
        bundle_for: Makes the bundle for a target.
        bench_options: Options of ``fmnist bench`` on the devices.

    Returns:
        What became of each device, in their order; where the user interrupts it, as far as it came.

    Raises:
        OutputError: Results could not be written into the run.
    """
    for host in hosts:
        require_results_replaceable(run, host)
    ssh = Ssh()
    plan = Plan(run, bundle_for, bench_options)
    ways = [Deployment(host, ssh, plan, Teller(host, alone=len(hosts) == 1)) for host in hosts]
    with ThreadPoolExecutor(_MOST_AT_ONCE) as pool:
        pending = [pool.submit(way.execute) for way in ways]
        try:
            wait(pending)
        except KeyboardInterrupt:
            finished = [future.done() for future in pending]
            ssh.stop()
            pool.shutdown(cancel_futures=True)
            return [
                future.result() if done else way.interrupted()
                for future, done, way in zip(pending, finished, ways, strict=True)
            ]
    return [future.result() for future in pending]
