"""Verified artifacts as the content of a result in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from fmnist_runtime.verify import Verification


@dataclass(frozen=True)
class VerifiedArtifact:
    """One artifact that was checked on this machine."""

    path: Path
    """The artifact, as it was named."""
    engine: str
    """What ran it, with version; empty when it was not run, as its bytes have changed or it was rejected."""
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
    passed: bool
    """Whether the artifact may be used here: whether nothing differs."""


class VerificationBody(TypedDict):
    """The content of the JSON result."""

    artifacts: list[VerifiedArtifact]
    """Those that could be checked, in the order they were named."""


def verification_body(results: Sequence[Verification]) -> VerificationBody:
    """The content of the JSON result."""
    return {"artifacts": [VerifiedArtifact(**vars(result), passed=result.passed) for result in results]}
