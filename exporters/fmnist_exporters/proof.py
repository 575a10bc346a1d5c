"""Proves artifacts: each is run and compared with its original before it gets its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.formats import converter
from fmnist_exporters.isolation import note_step
from fmnist_exporters.manifest import is_ours, rejected_path
from fmnist_exporters.recipes import Recipe
from fmnist_exporters.samples import by_fitness, choose_golden, statistics_of
from fmnist_runtime.artifact.metadata import Golden, Metadata
from fmnist_runtime.artifact.stored import StoredTypes, read_stored_types
from fmnist_runtime.engines import load
from fmnist_runtime.errors import FmnistError, ModelError, RejectedError, UnsupportedError
from fmnist_runtime.files import Draft
from fmnist_runtime.parity import Parity, compare
from fmnist_runtime.parity.gates import ROUNDINGS
from fmnist_runtime.verify import verify

_ALIKE = 500
"""Number of images similar to the golden ones whose rounding bounds that of the golden images on other
machines. For four networks the largest rounding of 200 such images was 0.5 to 0.65 times that of all 10,000;
of three images, 0.06 to 0.3 times."""
_DYNAMIC_ELEMENTS = 1024
"""In the dynamic scheme TFLite's converter leaves weights with fewer elements in float32
(``minimum_elements_for_weights``, tensorflow/compiler/mlir/lite/quantization)."""
_FLOAT32_BYTES = 4
Rounding = Callable[[NDArray[np.uint8], NDArray[np.float32]], float]
"""Returns the largest difference of a probability due to float32 arithmetic in an original, for images uint8
``[N, *input_shape]`` and its probabilities of them, float32 ``[N, classes]``."""


@dataclass(frozen=True)
class ProofImages:
    """The held-out images on which every artifact of an original is compared with it."""

    images: NDArray[np.uint8]
    """uint8 ``[N, *input_shape]``, training images that nothing was calibrated on."""
    targets: NDArray[np.uint8]
    """uint8 ``[N]``, their true classes."""
    scores: NDArray[np.float32]
    """float32 ``[N, classes]``, the original's probabilities."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Gate` that the user set, in place of each scheme's own."""


def make(
    source: Path,
    metadata: Metadata,
    recipe: Recipe,
    calibration: NDArray[np.uint8] | None,
    draft: Draft,
    held_out: ProofImages,
) -> Metadata:
    """Convert an original and prove the result. Loads TensorFlow.

    Args:
        source: The original.
        metadata: Metadata of the artifact.
        recipe: How to convert.
        calibration: uint8 ``[N, *input_shape]``, training images; None for recipes without calibration.
        draft: Draft to write.
        held_out: The images to compare on.

    Returns:
        The metadata with the proof; see `prove`.

    Raises:
        ModelError: The original cannot be converted.
        OutputError: A file cannot be written.
    """
    from fmnist_exporters.original.precision import Precision
    from fmnist_exporters.original.session import KerasSession

    note_step(f"loading the original for {recipe.format} {recipe.scheme}")
    session = KerasSession(source, metadata.labels, input_range=metadata.source_range)
    note_step(f"converting to {recipe.format} {recipe.scheme}")
    convert = converter(recipe.format, recipe.module).convert
    try:
        model = convert(session.classifier, recipe.scheme, calibration)
    except FmnistError as error:
        raise type(error)(f"{source}: {error}") from error
    note_step(f"running {draft.final.name} on {len(held_out.images):,} images")
    return prove(model, metadata, recipe, draft, held_out, Precision(session.classifier).rounding)


def prove(
    model: bytes, metadata: Metadata, recipe: Recipe, draft: Draft, held_out: ProofImages, rounding: Rounding
) -> Metadata:
    """Compare a converted model with its original, and write it as a draft with golden samples.

    The arguments are those of `make`, with the converted model and, instead of the original, a measurement of
    its precision, which is called only if the result depends on it.

    Returns:
        The complete metadata; `Metadata.rejected` is set if the artifact must not be used.

    Raises:
        UnsupportedError: The scheme quantised nothing.
        OutputError: A file cannot be written.
    """
    embed = converter(recipe.format, recipe.module).embed
    draft.write(embed(model, metadata))
    metadata = replace(metadata, contents=require_quantised(draft.path, recipe, draft.final))
    try:
        metadata = _measured(draft.path, metadata, recipe, held_out, rounding)
        draft.write(embed(model, metadata))
        reason = metadata.rejected or "; ".join(verify(draft.path).failures)
    except ModelError as error:  # no engine loads it, or its scores are not finite
        reason = str(error)
    if reason:
        metadata = replace(metadata, rejected=reason.replace(str(draft.path), draft.final.name))
        draft.write(embed(model, metadata))
    return metadata


def finish(draft: Draft, metadata: Metadata) -> None:
    """Give a proven artifact its name, and a rejected one the name for rejected artifacts.

    Raises:
        RejectedError: It does not run, or differs from its original beyond the gate.
        OutputError: It cannot be renamed.
    """
    path, kept = draft.final, rejected_path(draft.final)
    draft.rename(kept if metadata.rejected else path)
    if metadata.rejected:
        raise RejectedError(f"{path}: rejected: {metadata.rejected}; kept as {kept.name}")
    if is_ours(kept):
        kept.unlink()


def _measured(
    draft: Path, metadata: Metadata, recipe: Recipe, held_out: ProofImages, rounding: Rounding
) -> Metadata:
    """Run a draft, compare it, and return its metadata with golden samples and proof."""
    with load(draft) as session:
        scores = session.scores(held_out.images)
    parity = _compared(scores, recipe, held_out, rounding)
    # An uncertain breach is recorded as a doubt, which the test split can settle.
    failures, doubts = (
        "; ".join(str(breach) for breach in parity.breaches if breach.certain is certain)
        for certain in (True, False)
    )
    return replace(
        metadata,
        statistics=statistics_of(held_out.images, scores),
        golden=_golden(held_out, scores, recipe, parity, rounding),
        proof=_proof(parity, held_out, doubts),
        rejected=f"on {parity.answers.images:,} held-out training images: {failures}" if failures else "",
    )


def _compared(
    scores: NDArray[np.float32], recipe: Recipe, held_out: ProofImages, rounding: Rounding
) -> Parity:
    """Compare an artifact with its original; compute float64 only if it differs more than most do."""
    gate = replace(recipe.gate, **held_out.limits)
    parity = compare(held_out.scores, scores, held_out.targets, gate)
    limit = None if "max_difference" in held_out.limits else gate.max_difference
    if limit is None or parity.probabilities.max_difference <= limit:
        return parity
    note_step(f"computing the original in float64 on {len(held_out.images):,} images")
    wider = gate.allowing(rounding(held_out.images, held_out.scores))
    return compare(held_out.scores, scores, held_out.targets, wider)


def _golden(
    held_out: ProofImages, scores: NDArray[np.float32], recipe: Recipe, parity: Parity, rounding: Rounding
) -> Golden:
    """Return golden samples with a tolerance for other machines, whose float32 rounds differently."""
    chosen = choose_golden(held_out.images, held_out.targets, held_out.scores)
    tolerance = recipe.tolerance
    if parity.probabilities.max_difference > tolerance:  # else two engines here differ by no more
        alike = by_fitness(held_out.scores)[:_ALIKE]
        noise = rounding(held_out.images[alike], held_out.scores[alike])
        tolerance = max(tolerance, ROUNDINGS * noise)
    return Golden(held_out.images[chosen], held_out.scores[chosen], scores[chosen], tolerance)


def _proof(parity: Parity, held_out: ProofImages, doubts: str) -> dict[str, Any]:
    targets = held_out.targets
    proof: dict[str, Any] = {
        "split": "train",
        "images": parity.answers.images,
        "agreement": parity.answers.agreement,
        "reference_accuracy": parity.answers.reference_accuracy,
        "largest_class": float(np.bincount(targets).max() / len(targets)),
        "accuracy": parity.answers.candidate_accuracy,
        "max_difference": parity.probabilities.max_difference,
        "allowed_drop": parity.gate.max_drop,
        "allowed_difference": parity.gate.max_difference,
    }
    if held_out.limits:
        proof["limits_of_the_user"] = ", ".join(sorted(held_out.limits))
    return proof | {"doubts": doubts} if doubts else proof


def require_quantised(draft: Path, recipe: Recipe, path: Path) -> dict[str, Any]:
    """Check that a scheme quantised something in a draft, and return what it holds, for its metadata.

    Returns:
        Fields of `fmnist_runtime.artifact.stored.StoredTypes`; empty if the format cannot be read.

    Raises:
        UnsupportedError: The scheme quantises, but the file is float32 throughout.
    """
    types = read_stored_types(draft)
    if types is None:
        return {}
    if recipe.scheme != "float32" and types.is_float32:
        raise UnsupportedError(f"{path}: nothing of it can be quantised as {_reason(recipe, types)}")
    return asdict(types)


def _reason(recipe: Recipe, types: StoredTypes) -> str:
    if recipe.scheme == "dynamic" and types.largest < _DYNAMIC_ELEMENTS:
        return f"dynamic: all layers have fewer than {_DYNAMIC_ELEMENTS:,} weights; use float32 or int8"
    return (
        f"{recipe.scheme}: {recipe.format} has integers for none of its layers but the last, which stays in "
        "float; use float32"
    )


def contents_of(path: Path, recipe: Recipe) -> str:
    """Return a short text on what an artifact holds; its recipe's description if it cannot be read."""
    types = read_stored_types(path)
    return types.summary if types else recipe.description


def size_notes(artifacts: Mapping[Path, Recipe]) -> list[str]:
    """Return a line for each artifact that is larger than float32 in the same format.

    It is compared with the float32 file of this export, otherwise with the one in the same folder, otherwise
    with the size of its weights in float32.

    Args:
        artifacts: The files that an export wrote or kept, with their recipes.
    """
    notes = []
    for path, recipe in artifacts.items():
        if recipe.scheme == "float32":
            continue
        float32, size = _float32_file(path, recipe, artifacts), path.stat().st_size
        name = float32.name if float32 else "its weights in float32"
        least = float32.stat().st_size if float32 else _bytes_as_float32(path)
        if least is not None and size > least:
            contents = contents_of(path, recipe)
            notes.append(f"{path}: is larger than {name}, {size:,} bytes to {least:,}: {contents}")
    return notes


def _float32_file(path: Path, recipe: Recipe, artifacts: Mapping[Path, Recipe]) -> Path | None:
    """Return the float32 artifact of the same format, from the same export or folder."""
    for other, made in artifacts.items():
        if (made.format, made.scheme) == (recipe.format, "float32"):
            return other
    model = path.name.removesuffix(f"-{recipe.scheme}.{recipe.format}")
    beside = replace(recipe, scheme="float32").artifact_path(model, path.parent)
    return beside if beside.is_file() else None


def _bytes_as_float32(path: Path) -> int | None:
    """Return the size that the file would have with float32 weights."""
    types = read_stored_types(path)
    if types is None:
        return None
    more = sum(_FLOAT32_BYTES * entry.weights - entry.size_bytes for entry in types.weights)
    return path.stat().st_size + more
