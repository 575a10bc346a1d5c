"""The results of a run, collected from the files in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fmnist.devices.finding import Finding
from fmnist.results.model_file import StoredModel
from fmnist.results.timed import TimedModel
from fmnist.runs.history import Epoch
from fmnist_runtime.evaluate import Evaluation
from fmnist_runtime.machine.environment import Environment
from fmnist_runtime.parity import Parity


@dataclass(frozen=True)
class ModelResults(StoredModel):
    """All results of one model. What was not measured is None."""

    evaluation: Evaluation | None = None
    """Its accuracy."""
    parity: Parity | None = None
    """How it compares with the original."""
    timing: TimedModel | None = None
    """Its latency."""

    @property
    def verdict(self) -> str:
        """``pass``, ``FAIL`` or ``TOO FEW IMAGES``; empty where it was not compared."""
        return "" if self.parity is None else self.parity.verdict


@dataclass(frozen=True)
class Rejected:
    """An artifact that its export rejected."""

    name: str
    """Name of the file."""
    reason: str
    """Why."""


@dataclass(frozen=True)
class DeviceResults:
    """The results of a device that the run was deployed to."""

    host: str
    """Name of its folder, made from the host name that the user gave."""
    environment: Environment
    """The machine and its software."""
    board: str
    """Name of the board; empty where there is none."""
    findings: tuple[Finding, ...]
    """Findings of `fmnist doctor` there."""
    measured: str
    """When it was timed: ISO 8601, UTC; empty where it was not."""
    models: tuple[ModelResults, ...]
    """Its artifacts."""
    gaps: tuple[str, ...]
    """Results that are missing, each with what to do."""


@dataclass(frozen=True)
class RunResults:
    """All results of a run."""

    folder: Path
    """Its folder."""
    dataset: str
    """Name of the data set."""
    dataset_digest: str
    """Digest of its test split."""
    labels: tuple[str, ...]
    """Class names, by class index."""
    settings: dict[str, object]
    """Settings of the training, or what is known of an imported model's data."""
    parameters: int
    """Trained parameters of the original."""
    finished: str
    """When its training or import was done: ISO 8601, UTC."""
    epochs: tuple[Epoch, ...]
    """The course of the training; empty for an imported model."""
    original: ModelResults
    """The model it trained."""
    artifacts: tuple[ModelResults, ...]
    """The exported artifacts, in the order of the manifest."""
    rejected: tuple[Rejected, ...]
    """Artifacts that its export rejected."""
    environment: Environment
    """The machine on which it was timed, or else trained."""
    measured: str
    """When it was timed: ISO 8601, UTC; empty where it was not."""
    devices: tuple[DeviceResults, ...]
    """The devices that it was deployed to."""
    gaps: tuple[str, ...]
    """Results that are missing or out of date, each with the command to run."""

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.folder.resolve().name

    @property
    def models(self) -> tuple[ModelResults, ...]:
        """The original and the artifacts."""
        return (self.original, *self.artifacts)
