"""An artifact is run by the runtime, and compared with its original, before it is given its name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.convert import converter
from fmnist_exporters.isolation import note_step
from fmnist_exporters.manifest import is_ours, rejected_path
from fmnist_exporters.recipes import Recipe
from fmnist_exporters.samples import choose_golden
from fmnist_runtime.artifact import Metadata
from fmnist_runtime.errors import FmnistError, ModelError, RejectedError
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


def make(
    source: Path,
    metadata: Metadata,
    recipe: Recipe,
    calibration: NDArray[np.uint8] | None,
    draft: Draft,
    exam: Exam,
) -> Metadata:
    """Convert an original, and put what comes out to its exam. Loads TensorFlow.

    Args:
        source: The original.
        metadata: What the artifact says of itself.
        recipe: How it is made.
        calibration: uint8 ``[N, *input_shape]``, training images; None for recipes that take none.
        draft: Where it is written.
        exam: The held-out images.

    Returns:
        As of `prove`.

    Raises:
        ModelError: The original cannot be converted.
        OutputError: A file cannot be written.
    """
    from fmnist_exporters.original import KerasSession

    note_step(f"loading the original for {recipe.format} {recipe.scheme}")
    session = KerasSession(source, metadata.labels, input_range=metadata.source_range)
    note_step(f"converting to {recipe.format} {recipe.scheme}")
    try:
        model = converter(recipe.format).convert(session.classifier, recipe.scheme, calibration)
    except FmnistError as error:
        raise type(error)(f"{source}: {error}") from error
    note_step(f"running {draft.final.name} on {len(exam.images):,} images")
    return prove(model, metadata, recipe, draft, exam)


def prove(model: bytes, metadata: Metadata, recipe: Recipe, draft: Draft, exam: Exam) -> Metadata:
    """Put a converted model to its exam, and write it with golden samples as a draft.

    Args:
        model: What the converter gave.
        metadata: What it was made from.
        recipe: Whose gate it is held against.
        draft: Where it is written.
        exam: The held-out images.

    Returns:
        All that the artifact says of itself now; `Metadata.rejected` tells whether it may be used.

    Raises:
        OutputError: A file cannot be written.
    """
    embed = converter(recipe.format).embed
    draft.write(embed(model, metadata))
    try:
        metadata = _examined(draft.path, metadata, recipe, exam)
        draft.write(embed(model, metadata))
        reason = metadata.rejected or "; ".join(verify(draft.path).failures)
    except ModelError as error:  # no engine loads it, or it answers what is no number
        reason = str(error)
    if reason:
        metadata = replace(metadata, rejected=reason.replace(str(draft.path), draft.final.name))
        draft.write(embed(model, metadata))
    return metadata


def name(draft: Draft, metadata: Metadata) -> None:
    """Give a proven artifact its name, and one that failed another.

    Raises:
        RejectedError: It does not run, or not answer like its original; it is kept, under another name.
        OutputError: It cannot be renamed.
    """
    path, kept = draft.final, rejected_path(draft.final)
    draft.rename(kept if metadata.rejected else path)
    if metadata.rejected:
        raise RejectedError(f"{path}: rejected: {metadata.rejected}; kept as {kept.name}")
    if is_ours(kept):
        kept.unlink()


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
        proof=_proof(parity, exam),
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


def _proof(parity: Parity, exam: Exam) -> dict[str, Any]:
    return {
        "split": "train",
        "images": parity.answers.images,
        "agreement": parity.answers.agreement,
        "reference_accuracy": parity.answers.reference_accuracy,
        "largest_class": float(np.bincount(exam.targets).max() / len(exam.targets)),
        "accuracy": parity.answers.candidate_accuracy,
        "max_difference": parity.probabilities.max_difference,
        "allowed_drop": parity.gate.max_drop,
        "allowed_difference": parity.gate.max_difference,
    }
