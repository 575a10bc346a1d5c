"""One device's deployment, step by step; whatever ends it, it is said what the device has then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fmnist.bundle.contents import Bundle
from fmnist.deploy import ssh, transfer
from fmnist.deploy.measuring import Device, results_folder
from fmnist.deploy.outcome import Outcome
from fmnist.deploy.ssh import Connection, Ssh
from fmnist.deploy.telling import Teller
from fmnist.devices import remote_probe
from fmnist.devices.matching import target_of
from fmnist.devices.targets import Target
from fmnist.doctor.diagnosis import diagnose
from fmnist.render import size
from fmnist.runs import Run
from fmnist.summary import SummaryRow
from fmnist_runtime.errors import DeviceError, FmnistError, RejectedError
from fmnist_runtime.probe import Probe

_MAX_PROBE = 1_000_000
_NO_PROGRAM = 127
"""Exit code of ``sh`` for a program that is not there."""
_GATE_FAILED = 3


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
        self._already = False
        self._sent = 0
        self._rows: list[SummaryRow] = []
        self._log = ""
        self._state = "nothing was sent"

    def execute(self) -> Outcome:
        """Go all the way, or as far as it goes."""
        try:
            self._probe = self._ask()
            self._target = target_of(self._probe)
            self._say_problems(self._probe)
            self._bundle = self._plan.bundle_for(self._target)
            self._install(self._bundle)
            device = Device(self._ssh, self.host, self._bundle.version, self._teller.say)
            folder = results_folder(self._plan.run, self.host)
            self._rows = device.measure(folder, self._plan.bench_options)
        except FmnistError as error:
            self._teller.say("failed")
            self._log = self._log or self._ssh.log(self.host)
            return self._outcome(error)
        self._teller.say("done")
        return self._outcome(None)

    def interrupted(self) -> Outcome:
        """What is there when the user has ended all."""
        return self._outcome(DeviceError("interrupted"))

    def _outcome(self, error: FmnistError | None) -> Outcome:
        kind = RejectedError if isinstance(error, RejectedError) else DeviceError
        return Outcome(
            host=self.host,
            probe=self._probe,
            target=str(self._target or ""),
            version=self._bundle.version if self._bundle else "",
            already=self._already,
            sent_bytes=self._sent,
            rows=tuple(self._rows),
            failure=kind(f"{self.host}: {error}; {self._state}") if error else None,
            log=self._log,
        )

    def _ask(self) -> Probe:
        self._teller.say("probe")
        script = remote_probe.program().encode()
        reply = self._ssh.run(self.host, "exec python3 -I -", _MAX_PROBE, script, patience_s=ssh.PATIENCE_S)
        if reply.code == _NO_PROGRAM:
            raise DeviceError("there is no python3; sudo apt install python3")
        return remote_probe.read_reply(reply.output.decode(errors="replace"))

    def _say_problems(self, probe: Probe) -> None:
        """What keeps a device from working, or from its full speed, before minutes are spent on it."""
        for finding in diagnose(probe):
            if finding.verdict == "problem":
                self._teller.say(f"{finding.name}: {finding.found}; {finding.advice}")

    def _install(self, bundle: Bundle) -> None:
        with self._ssh.open(self.host, transfer.SCRIPT) as connection:
            stock = transfer.take_stock(connection, bundle)
            self._already = stock.works and stock.current == bundle.version
            if not self._already:
                _require_space(bundle, stock)
            before = _in_use(bundle, stock)
            try:
                self._send(connection, bundle, stock, before)
                done = transfer.installed(connection)
            except transfer.RefusedThereError:
                self._state = before
                raise
            if done.code:
                self._log, self._state = done.log, before
                raise _refused(done)
        self._state = f"version {bundle.version} is in use there, but its results are not all here"

    def _send(self, connection: Connection, bundle: Bundle, stock: transfer.Stock, before: str) -> None:
        """Send what is missing, and remember at each moment what is there."""
        missing = stock.missing_bytes(bundle)
        total = sum(file.size for file in transfer.distinct(bundle))
        count = self._teller.sending(missing)

        def on_bytes(number: int) -> None:
            self._sent += number
            count(number)
            sent = f"{size(total - missing + self._sent)} of {size(total)} were sent"
            self._state = f"{sent}, and the same command sends the rest; {before}"

        transfer.send(connection, bundle, stock, on_bytes)
        if self._already:
            self._teller.say(f"version {bundle.version} is there already")
        elif self._sent == missing:
            self._teller.say("install")
            self._state = f"whether version {bundle.version} is installed there is not known; try again"


def _in_use(bundle: Bundle, stock: transfer.Stock) -> str:
    if stock.current is None:
        return "none is in use there"
    damaged = stock.current == bundle.version and not stock.works
    return f"version {stock.current} is in use there{', and damaged' if damaged else ''}"


def _require_space(bundle: Bundle, stock: transfer.Stock) -> None:
    needed = 0 if stock.works else transfer.installed_bytes(bundle)
    needed += stock.missing_bytes(bundle)
    if needed > stock.free_bytes:
        free = size(stock.free_bytes) if stock.free_bytes else "nothing"
        raise DeviceError(f"no space: needs {size(needed)}, {free} is free; delete what is not needed there")


def _refused(done: transfer.Installation) -> FmnistError:
    if done.code == _GATE_FAILED:
        return RejectedError("an artifact answers otherwise there than where it was made")
    if done.code < 0:
        return DeviceError(
            f"could not be installed (ended by signal {-done.code}; has it too little memory?)"
        )
    said = done.log.strip().splitlines()[-1:] or [f"exit code {done.code}"]
    return DeviceError(f"could not be installed ({said[0]})")
