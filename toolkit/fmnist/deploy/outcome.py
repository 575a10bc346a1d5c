"""The outcome of a deployment, device by device: what is shown, and the JSON result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fmnist.results.summary import SummaryRow
from fmnist_runtime.errors import DeviceError, FmnistError, RejectedError
from fmnist_runtime.machine.probe import Probe

_NAME = 40
"""Letters of a name; ``Raspberry Pi 4 Model B Rev 1.5`` has 30."""


@dataclass(frozen=True)
class DeviceOutcome:
    """The outcome for one device."""

    host: str
    """The host, as the user named it."""
    outcome: Literal["done", "drifted", "failed"]
    """``done``, ``drifted`` where an artifact failed its gate there, or ``failed``."""
    failure: str | None
    """Why not all is done, or that a gate failed, and which version is in use there; None where all is."""
    log: str
    """The last lines that it, or ``ssh``, printed before a failure; empty if they explain nothing."""
    target: str | None
    """The target of its bundle; None where there is none for it."""
    version: str | None
    """The version to deploy; None where none was made."""
    already_there: bool
    """Whether that was in use there, so that nothing was sent."""
    sent_bytes: int
    """Bytes of its files that were sent now."""
    models: tuple[SummaryRow, ...]
    """Figures of each artifact, as measured there."""
    probe: Probe | None
    """The machine; None where it could not be asked."""

    @property
    def error(self) -> FmnistError | None:
        """The failure as an error, by whose type a verb exits."""
        kind = RejectedError if self.outcome == "drifted" else DeviceError
        return kind(self.failure) if self.failure else None

    @property
    def machine(self) -> str:
        """Its board or CPU, cut to the width of a table's column; empty when unknown."""
        return (self.probe.board or self.probe.environment.cpu)[:_NAME] if self.probe else ""


@dataclass(frozen=True)
class DeploymentBody:
    """The content of the JSON result."""

    run: Path
    """Folder of the run."""
    devices: list[DeviceOutcome]
    """The devices, in the order they were named."""
