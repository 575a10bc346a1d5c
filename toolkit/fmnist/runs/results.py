"""What is known of a run, put together from the files in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist.devices.finding import Finding
from fmnist.runs.history import Epoch
from fmnist_runtime.evaluate import Evaluation
from fmnist_runtime.machine.environment import Environment
from fmnist_runtime.parity import Parity
from fmnist_runtime.timing.samples import Percentile


@dataclass(frozen=True)
class Timing:
    """How long one model takes for one image."""

    engine: str
    """What ran it, with version."""
    threads: int
    """Threads one inference may use."""
    calls: int
    """How many calls were timed."""
    percentiles: dict[str, Percentile | None]
    """``p50``, ``p90``, ``p99`` and ``p99.9`` in µs; None where there were too few calls."""
    max_us: float | None
    """The longest call; None where calls were not timed one by one."""
    verdict: str
    """STABLE, or why the times are not to be trusted."""
    reasons: tuple[str, ...]
    """What was found against them."""
    load_us: float
    """Time to open the model."""
    first_us: float
    """Time of the first inference."""
    peak_memory_bytes: int | None
    """Most memory until the first answer."""
    times_ns: NDArray[np.float64]
    """Every time that came up, ascending."""
    counts: NDArray[np.float64]
    """How many calls took each of these."""

    @property
    def p50(self) -> Percentile | None:
        """The median."""
        return self.percentiles["p50"]

    @property
    def p99(self) -> Percentile | None:
        """The 99th percentile."""
        return self.percentiles["p99"]


@dataclass(frozen=True)
class ModelResults:
    """One model, and all that was found of it. What was not measured is None."""

    name: str
    """Name of its file."""
    format: str
    """``keras``, ``tflite``, ``onnx`` or ``npz``."""
    scheme: str
    """``original`` or a quantisation scheme."""
    size_bytes: int
    """Size of the file; 0 when it is not there."""
    sha256: str
    """SHA-256 of the file."""
    evaluation: Evaluation | None = None
    """How often it is right."""
    parity: Parity | None = None
    """How it compares with the original."""
    timing: Timing | None = None
    """How long it takes."""

    @property
    def is_original(self) -> bool:
        """Whether this is what the others were made from."""
        return self.format == "keras"

    @property
    def verdict(self) -> str:
        """``pass``, ``FAIL``, ``TOO FEW IMAGES``, or nothing where that is not known."""
        return "" if self.parity is None else self.parity.verdict


@dataclass(frozen=True)
class Rejected:
    """A file that its export refused."""

    name: str
    """Name of the file."""
    reason: str
    """Why."""


@dataclass(frozen=True)
class DeviceResults:
    """What a device that the run was deployed to measured."""

    host: str
    """Name of its folder, which is made of what the user calls it."""
    environment: Environment
    """What it is."""
    board: str
    """The board's name; empty where there is none."""
    findings: tuple[Finding, ...]
    """What `fmnist doctor` found there."""
    measured: str
    """When it was timed: ISO 8601, UTC; empty where it was not."""
    models: tuple[ModelResults, ...]
    """Its artifacts."""
    gaps: tuple[str, ...]
    """What is missing, and how to get it."""


@dataclass(frozen=True)
class RunResults:
    """What is known of a run."""

    folder: Path
    """Its folder."""
    dataset: str
    """Name of the data set."""
    dataset_digest: str
    """Digest of its test split."""
    labels: tuple[str, ...]
    """Class names, by class index."""
    settings: dict[str, object]
    """How it was trained."""
    parameters: int
    """Trained parameters of the original."""
    finished: str
    """When its training was done: ISO 8601, UTC."""
    epochs: tuple[Epoch, ...]
    """The course of the training."""
    original: ModelResults
    """The model it trained."""
    artifacts: tuple[ModelResults, ...]
    """What was made of it, in the order of the manifest."""
    rejected: tuple[Rejected, ...]
    """What its export refused."""
    environment: Environment
    """Where it was timed, or else trained."""
    measured: str
    """When it was timed: ISO 8601, UTC; empty where it was not."""
    devices: tuple[DeviceResults, ...]
    """Where it was deployed to."""
    gaps: tuple[str, ...]
    """What is missing or out of date, and how to get it."""

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.folder.resolve().name

    @property
    def models(self) -> tuple[ModelResults, ...]:
        """The original and what was made of it."""
        return (self.original, *self.artifacts)
