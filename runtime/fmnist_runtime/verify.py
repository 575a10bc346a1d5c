"""Verify that an artifact gives the same answers on this machine as at its export. No data set is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.container import MANIFEST, is_intact, read_metadata, recorded_sha256
from fmnist_runtime.artifact.metadata import Golden
from fmnist_runtime.engines import Session, load
from fmnist_runtime.errors import ModelError, NonFiniteScoresError
from fmnist_runtime.files import require_file, sha256_file


@dataclass(frozen=True)
class Verification:
    """The result of an artifact's golden samples on this machine."""

    written_properties: ClassVar = ("passed",)
    path: Path
    """The artifact."""
    engine: str
    """Name and version of the engine; empty if the artifact was not run, as it has changed or was
    rejected."""
    images: int
    """Number of golden images."""
    difference: float | None
    """Largest difference of a probability from the artifact's own at export; None if it was not run."""
    original_difference: float | None
    """Largest difference from the original's probabilities; None if it was not run."""
    tolerance: float | None
    """Largest allowed ``difference``; None if that could not be read."""
    failures: tuple[str, ...]
    """Differences; empty if the artifact is verified."""

    @property
    def passed(self) -> bool:
        """Whether the artifact may be used here: whether nothing differs."""
        return not self.failures


@dataclass(frozen=True)
class VerifiedArtifacts:
    """The content of the JSON result of `fmnist verify`."""

    artifacts: tuple[Verification, ...]
    """Those that could be checked, in the order they were named."""


def verify(path: Path, threads: int = 1, opened: Callable[..., Session] = load) -> Verification:
    """Check an artifact's bytes against its seal, and run its golden samples.

    An artifact whose bytes have changed is not given to the engine.

    Args:
        path: An artifact of ours.
        threads: Threads of one inference.
        opened: Opens it; called as `fmnist_runtime.engines.load`.

    Raises:
        ModelError: There is no such file, or it is not ours.
        MissingExtraError: Its engine is not installed.
    """
    require_file(path, "an artifact", ModelError)
    try:
        metadata = read_metadata(path)
    except ModelError as error:
        return _not_run(path, None, str(error).removeprefix(f"{path}: "))
    if metadata is None and recorded_sha256(path) is not None:
        return _not_run(path, None, f"it has lost what {MANIFEST} says was in it; copy both again")
    if metadata is not None and metadata.rejected:
        return _not_run(path, None, f"it was rejected when it was made: {metadata.rejected}")
    if metadata is None or metadata.golden is None:
        raise ModelError(
            f"{path}: carries no golden samples of fmnist export, so nothing can be verified; "
            "it is somebody else's file, or was cut off"
        )
    golden = metadata.golden
    changed = _changed(path)
    if changed:
        return _not_run(path, golden.tolerance, changed)
    with opened(path, threads=threads) as session:
        engine = session.info.engine
        try:
            scores = session.scores(golden.images)
        except NonFiniteScoresError as error:
            return _not_run(path, golden.tolerance, str(error).removeprefix(f"{path}: "))
    return Verification(
        path=path,
        engine=engine,
        images=len(golden.images),
        difference=_largest(scores, golden.artifact),
        original_difference=_largest(scores, golden.original),
        tolerance=golden.tolerance,
        failures=_differences(scores, golden),
    )


def _not_run(path: Path, tolerance: float | None, failure: str) -> Verification:
    return Verification(path, "", 0, None, None, tolerance, (failure,))


def _changed(path: Path) -> str:
    """Return how the bytes differ from those that were written; empty if they do not."""
    if not is_intact(path):
        return "its bytes are not those it was sealed with; copy it again"
    recorded = recorded_sha256(path)
    if recorded is not None and recorded != sha256_file(path):
        return f"its SHA-256 is not the one in {MANIFEST}; copy both again"
    return ""


def _differences(scores: NDArray[np.float32], golden: Golden) -> tuple[str, ...]:
    """Return one line for each golden image with other scores."""
    difference = np.abs(scores.astype(np.float64) - golden.artifact).max(axis=1)
    return tuple(
        f"golden image {number}: a probability differs by {largest:.2g}, {golden.tolerance:.2g} is allowed"
        for number, largest in enumerate(difference)
        if largest > golden.tolerance
    )


def _largest(scores: NDArray[np.float32], recorded: NDArray[np.float32]) -> float:
    return float(np.abs(scores.astype(np.float64) - recorded).max())
