"""An artifact is run by the runtime, and compared with its original, before it is given its name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.contents import require_quantised
from fmnist_exporters.convert import converter
from fmnist_exporters.manifest import is_ours, rejected_path
from fmnist_exporters.recipes import Recipe
from fmnist_exporters.samples import choose_golden
from fmnist_runtime.artifact import Metadata
from fmnist_runtime.errors import ModelError, RejectedError
from fmnist_runtime.files import Draft
from fmnist_runtime.golden import Golden
from fmnist_runtime.parity import Gate, Parity, compare
from fmnist_runtime.parity.gates import ROUNDINGS
from fmnist_runtime.sessions import load
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
    rounding: float
    """Largest difference of a probability that float32 arithmetic makes in the original."""


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
        UnsupportedError: Its scheme changed nothing.
        RejectedError: It does not run, or not answer like its original; it is kept, under another name.
        OutputError: A file cannot be written.
    """
    embed = converter(recipe.format).embed
    kept = rejected_path(path)
    with Draft(path) as draft:
        draft.write(embed(model, metadata))
        metadata = replace(metadata, contents=require_quantised(draft.path, recipe, path))
        try:
            metadata = _examined(draft.path, metadata, recipe, exam)
            draft.write(embed(model, metadata))
            reason = metadata.rejected or "; ".join(verify(draft.path).failures)
        except ModelError as error:  # no engine loads it, or it answers what is no number
            reason = str(error).replace(str(draft.path), path.name)
        if reason:
            draft.write(embed(model, replace(metadata, rejected=reason)))
        draft.rename(kept if reason else path)
    if reason:
        raise RejectedError(f"{path}: rejected: {reason}; kept as {kept.name}")
    if is_ours(kept):
        kept.unlink()
    return metadata


def _examined(draft: Path, metadata: Metadata, recipe: Recipe, exam: Exam) -> Metadata:
    """What a draft says of itself once it was run and compared."""
    with load(draft) as session:
        scores = session.scores(exam.images)
    gate = _gate(recipe, exam)
    parity = compare(exam.scores, scores, exam.targets, gate)
    # Few images leave any accuracy in doubt; a drop that was not seen is for a test split to rule out.
    failures = "; ".join(str(breach) for breach in parity.breaches if breach.certain)
    return replace(
        metadata,
        golden=_golden(exam, scores, recipe),
        proof=_proof(parity),
        rejected=f"on {parity.answers.images:,} held-out training images: {failures}" if failures else "",
    )


def _gate(recipe: Recipe, exam: Exam) -> Gate:
    """The recipe's gate. A single image lost is no drop, however few images there are."""
    gate = recipe.gate.allowing(exam.rounding)
    return replace(gate, max_drop=max(gate.max_drop, 1 / len(exam.images)))


def _golden(exam: Exam, scores: NDArray[np.float32], recipe: Recipe) -> Golden:
    chosen = choose_golden(exam.images, exam.targets, exam.scores)
    tolerance = max(recipe.tolerance, ROUNDINGS * exam.rounding)
    return Golden(exam.images[chosen], exam.scores[chosen], scores[chosen], tolerance)


def _proof(parity: Parity) -> dict[str, Any]:
    return {
        "split": "train",
        "images": parity.answers.images,
        "agreement": parity.answers.agreement,
        "reference_accuracy": parity.answers.reference_accuracy,
        "accuracy": parity.answers.candidate_accuracy,
        "max_difference": parity.probabilities.max_difference,
        "allowed_drop": parity.gate.max_drop,
        "allowed_difference": parity.gate.max_difference,
    }
