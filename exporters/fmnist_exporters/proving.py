"""An artifact is run by the runtime, and compared with its original, before it is given its name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.convert import converter
from fmnist_exporters.manifest import rejected_path
from fmnist_exporters.recipes import Recipe
from fmnist_exporters.samples import choose_golden
from fmnist_runtime.artifact import Metadata
from fmnist_runtime.errors import ModelError, RejectedError
from fmnist_runtime.files import Draft
from fmnist_runtime.golden import Golden
from fmnist_runtime.parity import Gate, Parity, compare
from fmnist_runtime.sessions import load
from fmnist_runtime.sessions.base import require_finite
from fmnist_runtime.verify import verify


@dataclass(frozen=True)
class Exam:
    """What every artifact of an original is asked."""

    images: NDArray[np.uint8]
    """uint8 ``[N, *input_shape]``, held-out training images."""
    targets: NDArray[np.uint8]
    """uint8 ``[N]``, their true classes."""
    scores: NDArray[np.float32]
    """float32 ``[N, classes]``, the original's probabilities."""


def prove(model: bytes, metadata: Metadata, recipe: Recipe, path: Path, exam: Exam) -> Metadata:
    """Put a converted model to its exam, and write it with golden samples under its name.

    Args:
        model: What the converter gave.
        metadata: What it was made from.
        recipe: Whose gate it is held against.
        path: Where it goes.
        exam: The held-out images.

    Returns:
        All that the artifact says of itself now.

    Raises:
        RejectedError: It does not answer like its original; it is kept, under another name.
        OutputError: A file cannot be written.
    """
    embed = converter(recipe.format).embed
    with Draft(path) as draft:
        draft.write(embed(model, metadata))
        scores = _answers(draft.path, path, exam)
        parity = compare(exam.scores, scores, exam.targets, _gate(recipe, len(exam.images)))
        golden, reason = _golden(exam, scores, recipe), "; ".join(parity.failures)
        metadata = replace(metadata, golden=golden, proof=_proof(parity), rejected=reason)
        draft.write(embed(model, metadata))
        reason = reason or "; ".join(verify(draft.path).failures)
        kept = rejected_path(path)
        draft.rename(kept if reason else path)
    if reason:
        raise RejectedError(
            f"{path}: rejected: on {parity.images:,} held-out training images {reason}; kept as {kept.name}"
        )
    kept.unlink(missing_ok=True)
    return metadata


def _answers(draft: Path, path: Path, exam: Exam) -> NDArray[np.float32]:
    """What the runtime gets from a draft; its errors speak of the file that it was to become."""
    try:
        with load(draft) as session:
            return require_finite(session.scores(exam.images), draft)
    except ModelError as error:
        raise type(error)(str(error).replace(str(draft), str(path))) from error


def _gate(recipe: Recipe, images: int) -> Gate:
    """The recipe's gate. A single image lost is no drop, however few images there are."""
    drop = recipe.gate.max_drop
    return replace(recipe.gate, max_drop=max(drop, 1 / images))


def _golden(exam: Exam, scores: NDArray[np.float32], recipe: Recipe) -> Golden:
    chosen = choose_golden(exam.images, exam.targets, exam.scores)
    return Golden(exam.images[chosen], exam.scores[chosen], scores[chosen], recipe.tolerance)


def _proof(parity: Parity) -> dict[str, Any]:
    return {
        "split": "train",
        "images": parity.images,
        "agreement": parity.agreement,
        "reference_accuracy": parity.reference_accuracy,
        "accuracy": parity.candidate_accuracy,
        "max_difference": parity.max_difference,
    }
