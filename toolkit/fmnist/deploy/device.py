"""The deployment to one device, step by step. Its outcome always says which version the device uses."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fmnist.bundle.contents import Bundle
from fmnist.deploy import ssh, transfer
from fmnist.deploy.measuring import GATE_FAILED, Measurement, results_folder
from fmnist.deploy.outcome import DeviceOutcome
from fmnist.deploy.ssh import Connection, Ssh
from fmnist.devices import remote_probe
from fmnist.devices.doctor.diagnosis import diagnose
from fmnist.devices.matching import target_of
from fmnist.devices.targets import Target
from fmnist.results.summary import SummaryRow
from fmnist.runs.run import DEVICE_RESULTS, Run
from fmnist.text.progress import Progress, say
from fmnist.text.tables import size
from fmnist_runtime.errors import DeviceError, FmnistError, RejectedError
from fmnist_runtime.machine.probe import Probe

_ONE_AT_A_TIME = threading.Lock()
_STEPS = 100


class DeviceProgress:
    """Progress lines of one device, each with the name of the device."""

    def __init__(self, host: str, alone: bool) -> None:
        """Report on a device; if it is alone, a bar can use the last line of the terminal."""
        self._host, self._alone = host, alone
        self._bar: Progress | None = None

    def say(self, line: str) -> None:
        """Print a line, and remove the bar."""
        if self._bar:
            self._bar.remove()
            self._bar = None
        with _ONE_AT_A_TIME:
            say(f"{self._host}: {line}")

    def sending(self, total: int) -> Callable[[int], None]:
        """Show the progress of sending bytes; call the returned function with each number of bytes sent."""
        stream = None if self._alone else _Lines()
        progress = self._bar = Progress(f"{self._host}: per cent of {size(total)} sent:", _STEPS, stream)
        sent = steps = 0

        def count(number: int) -> None:
            nonlocal sent, steps
            sent += number
            while steps < _STEPS * sent // total:
                steps += 1
                progress.step()

        return count


class _Lines(io.StringIO):
    """Standard error as a stream that is not a terminal, for one of several bars."""

    def write(self, text: str) -> int:
        with _ONE_AT_A_TIME:
            return sys.stderr.write(text) if sys.stderr else 0


_MAX_PROBE = 1_000_000
_NO_PROGRAM = 127
"""Exit code of ``sh`` for a program that is not there."""


@dataclass(frozen=True)
class DeploymentPlan:
    """What every device gets."""

    run: Run
    """The run whose artifacts are deployed, and which receives the results."""
    bundle_for: Callable[[Target], Bundle]
    """Returns the bundle for a target, made once."""
    bench_options: Sequence[str]
    """Options of ``fmnist bench`` on the device."""


class Deployment:
    """The deployment to one device, with its state."""

    def __init__(self, host: str, ssh: Ssh, plan: DeploymentPlan, progress: DeviceProgress) -> None:
        """Prepare a deployment to a destination as ``ssh`` takes it."""
        self.host, self._ssh, self._plan, self._progress = host, ssh, plan, progress
        self._probe: Probe | None = None
        self._target: Target | None = None
        self._bundle: Bundle | None = None
        self._in_use = self._already = False
        self._sent = 0
        self._rows: list[SummaryRow] = []
        self._log = ""
        self._state = "nothing was sent"

    def execute(self) -> DeviceOutcome:
        """Deploy; after an error, return the outcome so far with the reason."""
        try:
            self._probe = self._ask()
            self._target = target_of(self._probe)
            self._say_problems(self._probe)
            self._bundle = self._plan.bundle_for(self._target)
            with self._ssh.open(self.host, transfer.SCRIPT, self._pass_on) as connection:
                verified = self._install(connection, self._bundle)
                folder = results_folder(self._plan.run, self.host)
                measurement = Measurement(connection, folder, self._progress.say)
                self._require_proof(measurement, self._bundle.version, verified)
                self._switch(connection, self._bundle.version)
                measurement.take("bench", self._plan.bench_options)
                self._rows = measurement.rows()
        except FmnistError as error:
            self._progress.say("failed")
            if not isinstance(error, RejectedError):
                self._log = self._log or self._ssh.log(self.host)
            return self._outcome(error)
        self._progress.say("done")
        return self._outcome(None)

    def interrupted(self) -> DeviceOutcome:
        """Return the outcome after Ctrl-C."""
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
        self._progress.say("probe")
        script = remote_probe.program().encode()
        reply = self._ssh.run(self.host, "exec python3 -I -", _MAX_PROBE, script, ssh.TIMEOUT_S)
        if reply.code == _NO_PROGRAM:
            raise DeviceError("there is no python3; sudo apt install python3")
        return remote_probe.read_reply(reply.output.decode(errors="replace"))

    def _say_problems(self, probe: Probe) -> None:
        """Report problems of a device before minutes are spent on it."""
        for finding in diagnose(probe):
            if finding.verdict == "problem":
                self._progress.say(f"{finding.name}: {finding.found}; {finding.advice}")

    def _pass_on(self, line: str) -> None:
        """Report the progress of a verb there, such as ``bench 12 of 48``; other lines go to the log."""
        if line.startswith(tuple(f"{kind} " for kind in DEVICE_RESULTS)):
            self._progress.say(line)

    def _install(self, connection: Connection, bundle: Bundle) -> bool:
        """Install a version beside the one in use.

        Returns:
            Whether `fmnist verify` passed on the device.

        Raises:
            DeviceError: It could not be sent or installed.
        """
        contents = transfer.query(connection, bundle)
        self._in_use = contents.current == bundle.version
        self._already = self._in_use and contents.works
        _require_space(bundle, contents)
        before = _as_before(bundle, contents)
        try:
            self._send(connection, bundle, contents, before)
            done = transfer.installed(connection)
        except transfer.DeviceRefusedError:
            self._state = before
            raise
        if done.code not in (0, GATE_FAILED):
            self._log, self._state = done.log, before
            raise _refused(done)
        self._log = done.log
        self._state = _without_results(bundle.version) if self._in_use else before
        return done.code == 0

    def _require_proof(self, measurement: Measurement, version: str, verified: bool) -> None:
        """Check on the device that an installed version keeps its gates.

        Raises:
            RejectedError: An artifact fails its gate or its verification there.
            DeviceError: It could not be checked.
            OutputError: A result cannot be written.
        """
        differs = f"version {version} gives other answers there than where it was made"
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
        self._progress.say("switch")
        self._state = f"whether version {version} is in use there is not known; try again"
        transfer.use(connection)
        self._state = _without_results(version)

    def _send(
        self, connection: Connection, bundle: Bundle, contents: transfer.DeviceContents, before: str
    ) -> None:
        """Send the missing files, and keep the state up to date; ``before`` is the version in use there."""
        missing = contents.missing_bytes(bundle)
        total = sum(file.size for file in transfer.distinct(bundle))
        count = self._progress.sending(missing)

        def on_bytes(number: int) -> None:
            self._sent += number
            count(number)
            sent = f"{size(total - missing + self._sent)} of {size(total)} were sent"
            self._state = f"{sent}, and the same command sends the rest; {before}"

        transfer.send(connection, bundle, contents, on_bytes)
        if contents.works:
            self._progress.say(f"version {bundle.version} is there already")
        elif self._sent == missing:
            self._progress.say("install")
            self._state = before


def _as_before(bundle: Bundle, contents: transfer.DeviceContents) -> str:
    if contents.current is None:
        return "no version is in use there"
    if contents.current != bundle.version:
        return f"version {contents.current} stays in use there"
    return f"version {contents.current} is in use there{'' if contents.works else ', and damaged'}"


def _without_results(version: str) -> str:
    return f"version {version} is in use there, but its results are not all here"


def _require_space(bundle: Bundle, contents: transfer.DeviceContents) -> None:
    needed = 0 if contents.works else bundle.installed_bytes
    needed += contents.missing_bytes(bundle)
    if needed > contents.free_bytes:
        free = size(contents.free_bytes) if contents.free_bytes else "nothing"
        raise DeviceError(f"no space: needs {size(needed)}, {free} is free; delete what is not needed there")


def _refused(done: transfer.Installation) -> DeviceError:
    if done.code < 0:
        return DeviceError(
            f"could not be installed (ended by signal {-done.code}; has it too little memory?)"
        )
    said = done.log.strip().splitlines()[-1:] or [f"exit code {done.code}"]
    return DeviceError(f"could not be installed ({said[0]})")
