"""Adopts a foreign model: its bytes unchanged, followed by its contract, labels, golden images and seal."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_exporters.formats import embed_behind, embed_onnx
from fmnist_exporters.manifest import ARTIFACT
from fmnist_exporters.recipes import INTEGER_LEVEL
from fmnist_exporters.samples import GOLDEN_IMAGES, choose_golden, statistics_of
from fmnist_runtime.artifact.container import read_metadata
from fmnist_runtime.artifact.contract import InputContract
from fmnist_runtime.artifact.metadata import Golden, Metadata
from fmnist_runtime.data.datasets import Dataset, dataset_reference
from fmnist_runtime.data.statistics import ImageStatistics
from fmnist_runtime.engines import Session
from fmnist_runtime.errors import ModelError
from fmnist_runtime.evaluate import Evaluation, evaluate
from fmnist_runtime.files import Draft, require_writable, sha256_file
from fmnist_runtime.machine.environment import package_version
from fmnist_runtime.parity.gates import default_gate
from fmnist_runtime.recorded import Reference
from fmnist_runtime.verify import verify

_SCHEME = "unknown"
"""Scheme of a foreign model."""
_EMBED = {"tflite": embed_behind, "onnx": embed_onnx}


@dataclass(frozen=True)
class Adopted:
    """An adopted model."""

    path: Path
    """The copy."""
    metadata: Metadata
    """Its metadata."""
    reference: Reference | None
    """Its scores of the test images; None without a data set."""


def adopt(
    session: Session, dataset: Dataset | None, path: Path, preparation: str = "", force: bool = False
) -> Adopted:
    """Write a copy of a model that describes itself.

    Args:
        session: The open model, with a known input range.
        dataset: Labelled test images, some of which become golden; None for noise.
        path: Path of the copy.
        preparation: How a picture becomes its input; empty if nobody says.
        force: Replace a file that is not ours.

    Raises:
        ModelError: The model is ours, keeps its weights in other files, or is no better than guessing on
            these images.
        OutputError: The path holds a file that we did not make, or cannot be written.
    """
    info = session.info
    _require_adoptable(session)
    require_writable(path, ARTIFACT, force)
    scores = session.scores(dataset.images) if dataset else None
    metadata = Metadata(
        format=info.format,
        scheme=_SCHEME,
        labels=info.labels,
        dataset=dataset_reference(dataset.name) if dataset else "",
        dataset_digest=dataset.digest if dataset else "",
        source_sha256=sha256_file(info.path),
        source_range=info.contract.require_range(info.path),
        calibration={},
        gate=asdict(default_gate(_SCHEME)),
        versions={"fmnist": package_version(), "engine": info.engine},
        preparation=preparation,
        statistics=_statistics(session, dataset, scores),
        golden=_golden(session, dataset, scores),
        proof=_proof(session, dataset, scores),
        adopted={
            "range": info.contract.require_range(info.path),
            "known_from": info.contract.known_from,
            "output": info.output,
            "head": info.head,
            "order": list(info.order),
        },
    )
    with Draft(path) as draft:
        draft.write(_EMBED[info.format](info.path.read_bytes(), metadata))
        failures = verify(draft.path).failures
        if failures:
            raise ModelError(
                f"{info.path}: the scores of the copy differ ({'; '.join(failures)}); nothing is written"
            )
        draft.rename(path)
    return Adopted(path, metadata, _reference(metadata, info.path.name, dataset, scores))


def _reference(
    metadata: Metadata, name: str, dataset: Dataset | None, scores: NDArray[np.float32] | None
) -> Reference | None:
    if dataset is None or scores is None:
        return None
    return Reference(
        model=name,
        model_sha256=metadata.source_sha256,
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        labels=metadata.labels,
        source_range=metadata.source_range,
        rounding=0.0,
        scores=scores,
        targets=dataset.targets,
    )


def _require_adoptable(session: Session) -> None:
    info = session.info
    if info.format not in _EMBED:
        raise ModelError(f"{info.path}: only Keras, {' and '.join(_EMBED)} models can be imported")
    if read_metadata(info.path) is not None:
        raise ModelError(
            f"{info.path}: is sealed already, and every command accepts it as a file; for a run, import "
            "the file it was made from, with --dataset"
        )
    if info.weights:
        path, whole = str(info.path), str(info.path.with_name(f"{info.path.stem}-whole.onnx"))
        code = shlex.quote(f"import onnx; onnx.save(onnx.load({path!r}), {whole!r})")
        raise ModelError(
            f"{path}: keeps its weights in {info.weights[0].name}, and an imported model is one file; "
            f"write it as one: python -c {code}"
        )


def _golden(session: Session, dataset: Dataset | None, scores: NDArray[np.float32] | None) -> Golden:
    """Return images with the model's own scores of them."""
    shape = session.info.input_shape
    if dataset is None or scores is None:
        images = np.random.default_rng(0).integers(0, 256, (GOLDEN_IMAGES, *shape), np.uint8)
    else:
        chosen = choose_golden(dataset.images, dataset.targets, scores)
        images = dataset.images[chosen].reshape(len(chosen), *shape)
    own = session.scores(images)
    # Another machine may round an integer inside the other way; a wrong input changes a score much more.
    return Golden(images, own, own, INTEGER_LEVEL)


def _statistics(
    session: Session, dataset: Dataset | None, scores: NDArray[np.float32] | None
) -> ImageStatistics | None:
    """Return the statistics of the test images, as there may be no others."""
    if dataset is None or scores is None:
        return None
    return statistics_of(dataset.images.reshape(-1, *session.info.input_shape), scores)


def _proof(
    session: Session, dataset: Dataset | None, scores: NDArray[np.float32] | None
) -> dict[str, object]:
    if dataset is None or scores is None:
        return {}
    evaluation = require_better_than_chance(session.info.path, scores, dataset, session.info.contract)
    return {"split": "test", "images": evaluation.images, "accuracy": evaluation.accuracy}


def require_better_than_chance(
    path: Path, scores: NDArray[np.float32], dataset: Dataset, contract: InputContract
) -> Evaluation:
    """Return the figures of a model, if it is better than always naming the most common class.

    Raises:
        ModelError: It is not.
    """
    evaluation = evaluate(scores, dataset.targets)
    commonest = int(np.bincount(dataset.targets).max())
    if evaluation.correct <= commonest:
        share = 100 * commonest / evaluation.images
        raise ModelError(
            f"{path}: gets {100 * evaluation.accuracy:.2f}% of {evaluation.images:,} test images of "
            f"{dataset.name} right, always naming one class {share:.2f}%; check --dataset, the order of "
            f"--labels, and --input-range {contract.range}"
        )
    return evaluation
