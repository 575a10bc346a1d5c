"""What became of a device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from fmnist.results.summary import SummaryRow
from fmnist_runtime.errors import FmnistError, RejectedError
from fmnist_runtime.machine.probe import Probe

_NAME = 40
"""Letters; ``Raspberry Pi 4 Model B Rev 1.5`` has 30."""


@dataclass(frozen=True)
class Outcome:
    """What became of one device."""

    host: str
    """What the user calls it."""
    probe: Probe | None
    """What it is; None where it could not be asked."""
    target: str
    """What its bundle was made for; empty where there is none for it."""
    version: str
    """The version that was to go there; empty where none was made."""
    already: bool
    """Whether that was in use there, so that nothing was sent."""
    sent_bytes: int
    """Bytes of its files that were sent now."""
    rows: tuple[SummaryRow, ...]
    """Figures of each artifact, as measured there."""
    failure: FmnistError | None
    """Why not all of that is done, or that a gate failed, and which version is in use there."""
    log: str
    """The last lines that it, or ``ssh``, said before."""

    @property
    def machine(self) -> str:
        """Its board or CPU, by as much of the name as a table has room for; empty when unknown."""
        return (self.probe.board or self.probe.environment.cpu)[:_NAME] if self.probe else ""


@dataclass(frozen=True)
class Device:
    """One device in the JSON result."""

    host: str
    """What the user calls it."""
    outcome: str
    """``done``, ``drifted`` where an artifact failed its gate there, or ``failed``."""
    failure: str | None
    """Why not all is done, or that a gate failed, and which version is in use there; None where all is."""
    log: str
    """The last lines that it, or ``ssh``, said before a failure; empty where there is none to explain."""
    target: str | None
    """What its bundle was made for; None where there is none for it."""
    version: str | None
    """The version that was to go there; None where none was made."""
    already_there: bool
    """Whether that was in use there, so that nothing was sent."""
    sent_bytes: int
    """Bytes of its files that were sent now."""
    models: tuple[SummaryRow, ...]
    """Figures of each artifact, as measured there."""
    probe: Probe | None
    """What it is; None where it could not be asked."""


class DeploymentBody(TypedDict):
    """The content of the JSON result."""

    run: Path
    """Folder of the run."""
    devices: list[Device]
    """The devices, in the order they were named."""


def deployment_body(run: Path, outcomes: list[Outcome]) -> DeploymentBody:
    """The content of the JSON result."""
    return {"run": run, "devices": [_device(outcome) for outcome in outcomes]}


def _device(outcome: Outcome) -> Device:
    return Device(
        host=outcome.host,
        outcome=_word(outcome.failure),
        failure=str(outcome.failure) if outcome.failure else None,
        log=outcome.log,
        target=outcome.target or None,
        version=outcome.version or None,
        already_there=outcome.already,
        sent_bytes=outcome.sent_bytes,
        models=outcome.rows,
        probe=outcome.probe,
    )


def _word(failure: FmnistError | None) -> str:
    if failure is None:
        return "done"
    return "drifted" if isinstance(failure, RejectedError) else "failed"
