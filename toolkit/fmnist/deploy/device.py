"""One device's deployment, step by step; whatever ends it, it is said what the device has then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fmnist.bundle.contents import Bundle
from fmnist.deploy import ssh, transfer
from fmnist.deploy.measuring import GATE_FAILED, Measurement, results_folder
from fmnist.deploy.outcome import DeviceOutcome
from fmnist.deploy.progress import Teller
from fmnist.deploy.ssh import Connection, Ssh
from fmnist.devices import remote_probe
from fmnist.devices.doctor.diagnosis import diagnose
from fmnist.devices.matching import target_of
from fmnist.devices.targets import Target
from fmnist.results.summary import SummaryRow
from fmnist.runs.run import DEVICE_RESULTS, Run
from fmnist.text.tables import size
from fmnist_runtime.errors import DeviceError, FmnistError, RejectedError
from fmnist_runtime.machine.probe import Probe

_MAX_PROBE = 1_000_000
_NO_PROGRAM = 127
"""Exit code of ``sh`` for a program that is not there."""


@dataclass(frozen=True)
class Plan:
    """What every device gets."""

    run: Run
    """The run whose artifacts go there, and into which the results come."""
    bundle_for: Callable[[Target], Bundle]
    """Makes a bundle, once for all devices that it fits."""
    bench_options: Sequence[str]
    """Options of ``fmnist bench`` there."""


class Deployment:
    """The way of one device, which knows how far it has come."""

    def __init__(self, host: str, ssh: Ssh, plan: Plan, teller: Teller) -> None:
        """Prepare the way to a device.

        Args:
            host: A destination as ``ssh`` takes it.
            ssh: Makes the connections.
            plan: What it gets.
            teller: Says how it goes.
        """
        self.host, self._ssh, self._plan, self._teller = host, ssh, plan, teller
        self._probe: Probe | None = None
        self._target: Target | None = None
        self._bundle: Bundle | None = None
        self._in_use = self._already = False
        self._sent = 0
        self._rows: list[SummaryRow] = []
        self._log = ""
        self._state = "nothing was sent"

    def execute(self) -> DeviceOutcome:
        """Go all the way, or as far as it goes."""
        try:
            self._probe = self._ask()
            self._target = target_of(self._probe)
            self._say_problems(self._probe)
            self._bundle = self._plan.bundle_for(self._target)
            with self._ssh.open(self.host, transfer.SCRIPT, self._pass_on) as connection:
                verified = self._install(connection, self._bundle)
                folder = results_folder(self._plan.run, self.host)
                measurement = Measurement(connection, folder, self._teller.say)
                self._require_proof(measurement, self._bundle.version, verified)
                self._switch(connection, self._bundle.version)
                measurement.take("bench", self._plan.bench_options)
                self._rows = measurement.rows()
        except FmnistError as error:
            self._teller.say("failed")
            if not isinstance(error, RejectedError):
                self._log = self._log or self._ssh.log(self.host)
            return self._outcome(error)
        self._teller.say("done")
        return self._outcome(None)

    def interrupted(self) -> DeviceOutcome:
        """What is there when the user has ended all."""
        return self._outcome(DeviceError("interrupted"))

    def _outcome(self, error: FmnistError | None) -> DeviceOutcome:
        drifted = isinstance(error, RejectedError)
        return DeviceOutcome(
            host=self.host,
            outcome="drifted" if drifted else "failed" if error else "done",
            failure=f"{self.host}: {error}; {self._state}" if error else None,
            log=self._log,
            target=str(self._target) if self._target else None,
            version=self._bundle.version if self._bundle else None,
            already_there=self._already,
            sent_bytes=self._sent,
            models=tuple(self._rows),
            probe=self._probe,
        )

    def _ask(self) -> Probe:
        self._teller.say("probe")
        script = remote_probe.program().encode()
        reply = self._ssh.run(self.host, "exec python3 -I -", _MAX_PROBE, script, ssh.PATIENCE_S)
        if reply.code == _NO_PROGRAM:
            raise DeviceError("there is no python3; sudo apt install python3")
        return remote_probe.read_reply(reply.output.decode(errors="replace"))

    def _say_problems(self, probe: Probe) -> None:
        """What keeps a device from working, or from its full speed, before minutes are spent on it."""
        for finding in diagnose(probe):
            if finding.verdict == "problem":
                self._teller.say(f"{finding.name}: {finding.found}; {finding.advice}")

    def _pass_on(self, line: str) -> None:
        """Say how far a verb has come there, such as ``bench 12 of 48``; the rest is for the log."""
        if line.startswith(tuple(f"{kind} " for kind in DEVICE_RESULTS)):
            self._teller.say(line)

    def _install(self, connection: Connection, bundle: Bundle) -> bool:
        """Have a version installed beside the one in use.

        Returns:
            Whether its artifacts answer there as where they were made.

        Raises:
            DeviceError: It could not be sent or installed.
        """
        stock = transfer.take_stock(connection, bundle)
        self._in_use = stock.current == bundle.version
        self._already = self._in_use and stock.works
        _require_space(bundle, stock)
        before = _as_before(bundle, stock)
        try:
            self._send(connection, bundle, stock, before)
            done = transfer.installed(connection)
        except transfer.RefusedThereError:
            self._state = before
            raise
        if done.code not in (0, GATE_FAILED):
            self._log, self._state = done.log, before
            raise _refused(done)
        self._log = done.log
        self._state = _without_results(bundle.version) if self._in_use else before
        return done.code == 0

    def _require_proof(self, measurement: Measurement, version: str, verified: bool) -> None:
        """See what the device finds of a version that is installed there.

        Raises:
            RejectedError: An artifact fails its gate there, or did not verify itself.
            DeviceError: It could not be found out.
            OutputError: A result cannot be written.
        """
        differs = f"version {version} answers otherwise there than where it was made"
        try:
            self._rows = measurement.prove()
        except FmnistError as error:
            if verified:
                raise
            raise self._rejected(f"{differs} ({error})") from error
        if not verified:
            raise self._rejected(differs)
        failing = sum(bool(row.failures) for row in self._rows)
        if failing:
            raise self._rejected(
                f"version {version} fails its gate there in {failing} of {len(self._rows)} models"
            )

    def _rejected(self, reason: str) -> RejectedError:
        if self._in_use:
            self._state = "it is in use there until another is deployed"
        return RejectedError(reason)

    def _switch(self, connection: Connection, version: str) -> None:
        if self._in_use:
            return
        self._teller.say("switch")
        self._state = f"whether version {version} is in use there is not known; try again"
        transfer.use(connection)
        self._state = _without_results(version)

    def _send(self, connection: Connection, bundle: Bundle, stock: transfer.Stock, before: str) -> None:
        """Send what is missing, and remember at each moment what is there.

        Args:
            connection: To a device that has told its stock.
            bundle: What it is to have.
            stock: What it told.
            before: What is in use there.
        """
        missing = stock.missing_bytes(bundle)
        total = sum(file.size for file in transfer.distinct(bundle))
        count = self._teller.sending(missing)

        def on_bytes(number: int) -> None:
            self._sent += number
            count(number)
            sent = f"{size(total - missing + self._sent)} of {size(total)} were sent"
            self._state = f"{sent}, and the same command sends the rest; {before}"

        transfer.send(connection, bundle, stock, on_bytes)
        if stock.works:
            self._teller.say(f"version {bundle.version} is there already")
        elif self._sent == missing:
            self._teller.say("install")
            self._state = before


def _as_before(bundle: Bundle, stock: transfer.Stock) -> str:
    if stock.current is None:
        return "none is in use there"
    if stock.current != bundle.version:
        return f"version {stock.current} stays in use there"
    return f"version {stock.current} is in use there{'' if stock.works else ', and damaged'}"


def _without_results(version: str) -> str:
    return f"version {version} is in use there, but its results are not all here"


def _require_space(bundle: Bundle, stock: transfer.Stock) -> None:
    needed = 0 if stock.works else transfer.installed_bytes(bundle)
    needed += stock.missing_bytes(bundle)
    if needed > stock.free_bytes:
        free = size(stock.free_bytes) if stock.free_bytes else "nothing"
        raise DeviceError(f"no space: needs {size(needed)}, {free} is free; delete what is not needed there")


def _refused(done: transfer.Installation) -> DeviceError:
    if done.code < 0:
        return DeviceError(
            f"could not be installed (ended by signal {-done.code}; has it too little memory?)"
        )
    said = done.log.strip().splitlines()[-1:] or [f"exit code {done.code}"]
    return DeviceError(f"could not be installed ({said[0]})")
