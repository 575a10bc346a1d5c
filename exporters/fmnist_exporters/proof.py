"""An artifact is run by the runtime, and compared with its original, before it is given its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.contents import require_quantised
from fmnist_exporters.formats import converter
from fmnist_exporters.isolation import note_step
from fmnist_exporters.manifest import is_ours, rejected_path
from fmnist_exporters.recipes import Recipe
from fmnist_exporters.samples import by_fitness, choose_golden
from fmnist_runtime.artifact.metadata import Golden, Metadata
from fmnist_runtime.engines import load
from fmnist_runtime.errors import FmnistError, ModelError, RejectedError
from fmnist_runtime.files import Draft
from fmnist_runtime.parity import Parity, compare
from fmnist_runtime.parity.gates import ROUNDINGS
from fmnist_runtime.verify import verify

_ALIKE = 500
"""Images much like the golden ones, by whose rounding theirs on other machines is judged. The largest of 200
was 0.5 to 0.65 times that of all 10,000, of four networks; that of three 0.06 to 0.3 times."""
Rounding = Callable[[NDArray[np.uint8], NDArray[np.float32]], float]
"""Tells the largest difference of a probability that float32 arithmetic makes in an original, of images uint8
``[N, *input_shape]`` and its probabilities of them, float32 ``[N, classes]``."""


@dataclass(frozen=True)
class Exam:
    """What every artifact of an original is asked."""

    images: NDArray[np.uint8]
    """uint8 ``[N, *input_shape]``, held-out training images."""
    targets: NDArray[np.uint8]
    """uint8 ``[N]``, their true classes."""
    scores: NDArray[np.float32]
    """float32 ``[N, classes]``, the original's probabilities."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Gate` that the user named in place of each scheme's own."""


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
    from fmnist_exporters.original.precision import Precision
    from fmnist_exporters.original.session import KerasSession

    note_step(f"loading the original for {recipe.format} {recipe.scheme}")
    session = KerasSession(source, metadata.labels, input_range=metadata.source_range)
    note_step(f"converting to {recipe.format} {recipe.scheme}")
    try:
        model = converter(recipe.format).convert(session.classifier, recipe.scheme, calibration)
    except FmnistError as error:
        raise type(error)(f"{source}: {error}") from error
    note_step(f"running {draft.final.name} on {len(exam.images):,} images")
    return prove(model, metadata, recipe, draft, exam, Precision(session.classifier).rounding)


def prove(
    model: bytes, metadata: Metadata, recipe: Recipe, draft: Draft, exam: Exam, rounding: Rounding
) -> Metadata:
    """Put a converted model to its exam, and write it with golden samples as a draft.

    Args:
        model: What the converter gave.
        metadata: What it was made from.
        recipe: Whose gate it is held against.
        draft: Where it is written.
        exam: The held-out images.
        rounding: How exact the original is; asked only where something depends on it.

    Returns:
        All that the artifact says of itself now; `Metadata.rejected` tells whether it may be used.

    Raises:
        UnsupportedError: Its scheme changed nothing.
        OutputError: A file cannot be written.
    """
    embed = converter(recipe.format).embed
    draft.write(embed(model, metadata))
    metadata = replace(metadata, contents=require_quantised(draft.path, recipe, draft.final))
    try:
        metadata = _examined(draft.path, metadata, recipe, exam, rounding)
        draft.write(embed(model, metadata))
        reason = metadata.rejected or "; ".join(verify(draft.path).failures)
    except ModelError as error:  # no engine loads it, or it answers what is no number
        reason = str(error)
    if reason:
        metadata = replace(metadata, rejected=reason.replace(str(draft.path), draft.final.name))
        draft.write(embed(model, metadata))
    return metadata


def finish(draft: Draft, metadata: Metadata) -> None:
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


def _examined(draft: Path, metadata: Metadata, recipe: Recipe, exam: Exam, rounding: Rounding) -> Metadata:
    """What a draft says of itself once it was run and compared."""
    with load(draft) as session:
        scores = session.scores(exam.images)
    parity = _compared(scores, recipe, exam, rounding)
    # What so few images leave in doubt is said, and for a test split to rule out.
    failures, doubts = (
        "; ".join(str(breach) for breach in parity.breaches if breach.certain is certain)
        for certain in (True, False)
    )
    return replace(
        metadata,
        golden=_golden(exam, scores, recipe, parity, rounding),
        proof=_proof(parity, exam, doubts),
        rejected=f"on {parity.answers.images:,} held-out training images: {failures}" if failures else "",
    )


def _compared(scores: NDArray[np.float32], recipe: Recipe, exam: Exam, rounding: Rounding) -> Parity:
    """An artifact beside its original. Only one that differs more than most do is worth float64."""
    gate = replace(recipe.gate, **exam.limits)
    parity = compare(exam.scores, scores, exam.targets, gate)
    if gate.max_difference is None or "max_difference" in exam.limits:
        return parity
    if parity.probabilities.max_difference <= gate.max_difference:
        return parity
    note_step(f"computing the original in float64 on {len(exam.images):,} images")
    wider = gate.allowing(rounding(exam.images, exam.scores))
    return compare(exam.scores, scores, exam.targets, wider)


def _golden(
    exam: Exam, scores: NDArray[np.float32], recipe: Recipe, parity: Parity, rounding: Rounding
) -> Golden:
    """Golden samples, with a tolerance for other machines, whose float32 rounds otherwise."""
    chosen, tolerance = choose_golden(exam.images, exam.targets, exam.scores), recipe.tolerance
    if parity.probabilities.max_difference > tolerance:  # else two engines here were no further apart
        alike = by_fitness(exam.scores)[:_ALIKE]
        noise = rounding(exam.images[alike], exam.scores[alike])
        tolerance = max(tolerance, ROUNDINGS * noise)
    return Golden(exam.images[chosen], exam.scores[chosen], scores[chosen], tolerance)


def _proof(parity: Parity, exam: Exam, doubts: str) -> dict[str, Any]:
    said: dict[str, Any] = {
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
    if exam.limits:
        said["limits_of_the_user"] = ", ".join(sorted(exam.limits))
    return said | {"doubts": doubts} if doubts else said
