"""Does an artifact on this machine still answer as it did where it was made? No data set is needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.container import is_intact, read_metadata
from fmnist_runtime.artifact.golden import Golden
from fmnist_runtime.artifact.manifest import MANIFEST, recorded_sha256
from fmnist_runtime.engines import load
from fmnist_runtime.errors import ModelError, NonFiniteScoresError
from fmnist_runtime.files import require_file, sha256_file


@dataclass(frozen=True)
class Verification:
    """What became of an artifact's golden samples on this machine."""

    written_properties: ClassVar = ("passed",)
    path: Path
    """The artifact."""
    engine: str
    """What ran it, with version; empty when it was not run, as its bytes have changed or it was
    rejected."""
    images: int
    """How many golden images it answered."""
    difference: float | None
    """Largest difference of a probability from the artifact's own when it was made; None when not run."""
    original_difference: float | None
    """Largest difference from the original's probabilities; None when not run."""
    tolerance: float | None
    """How large ``difference`` may be; None when that could not be read."""
    failures: tuple[str, ...]
    """What differs; empty when the artifact is verified."""

    @property
    def passed(self) -> bool:
        """Whether the artifact may be used here: whether nothing differs."""
        return not self.failures


@dataclass(frozen=True)
class VerifiedArtifacts:
    """The content of the JSON result of `fmnist verify`."""

    artifacts: tuple[Verification, ...]
    """Those that could be checked, in the order they were named."""


def verify(path: Path, threads: int = 1) -> Verification:
    """Check an artifact's bytes against its seal, and run its golden samples.

    The engine is not handed bytes that have changed: what it would make of them nobody knows.

    Args:
        path: An artifact of ours.
        threads: Threads one inference may use.

    Raises:
        ModelError: There is no such file, or nothing of ours in it.
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
    with load(path, threads=threads) as session:
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
    """How the bytes differ from those that were written; empty when they do not."""
    if not is_intact(path):
        return "its bytes are not those it was sealed with; copy it again"
    recorded = recorded_sha256(path)
    if recorded is not None and recorded != sha256_file(path):
        return f"its SHA-256 is not the one in {MANIFEST}; copy both again"
    return ""


def _differences(scores: NDArray[np.float32], golden: Golden) -> tuple[str, ...]:
    """One line for each golden image that is answered otherwise."""
    difference = np.abs(scores.astype(np.float64) - golden.artifact).max(axis=1)
    return tuple(
        f"golden image {number}: a probability differs by {largest:.2g}, {golden.tolerance:.2g} is allowed"
        for number, largest in enumerate(difference)
        if largest > golden.tolerance
    )


def _largest(scores: NDArray[np.float32], recorded: NDArray[np.float32]) -> float:
    return float(np.abs(scores.astype(np.float64) - recorded).max())
