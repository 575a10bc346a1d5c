"""The original's scores that artifacts are held against: where they lie, and how they are made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fmnist.models.open import Execution, describe, is_keras, open_on
from fmnist.models.select import Splits, dataset_of
from fmnist.runs.run import Run, is_run, require_there, run_of
from fmnist.scoring.evaluate import score_model
from fmnist_exporters import isolation
from fmnist_runtime.artifact.container import format_suffix, is_network, read_metadata
from fmnist_runtime.artifact.metadata import Metadata
from fmnist_runtime.data.datasets import Dataset
from fmnist_runtime.engines import ENGINES
from fmnist_runtime.errors import FmnistError, ModelError, ResultError, needs_extra
from fmnist_runtime.files import FORCE_OR_OUT, NOT_OURS, FileKind, require_file, sha256_file
from fmnist_runtime.recorded import Reference, is_scores, read_reference, read_scores, write_reference

_SUFFIX = "-reference.npz"
"""End of the name under which a foreign model's scores lie beside its artifacts."""


def load_reference(
    path: Path, splits: Splits, candidates: Sequence[Path] = (), input_range: str | None = None
) -> Reference:
    """The scores that artifacts are held against: recorded in an ``.npz``, or made now by running a model.

    The path is of a Keras model or an artifact, a reference.npz, a file of one model's scores, or a run.
    Candidates that were made from the model say what data set and pixels it takes. The input range is for a
    model that does not say it.

    Raises:
        FmnistError: The file is none of these, missing or damaged.
        MissingExtraError: What runs it is not installed.
    """
    if is_run(path):
        return Run(path).recorded_scores()
    if not is_keras(path):
        if not any(format_suffix(path) in suffixes for suffixes, _ in ENGINES.values()):
            if not path.suffix:
                require_there(path)
            require_file(path, "a Keras model, a reference.npz or an artifact", ResultError)
            raise ResultError(f"{path}: a reference is a Keras model, a reference.npz or an artifact")
        is_record = format_suffix(path) == ".npz" and not is_network(path)
        return _recorded(path) if is_record else _scored_artifact(path, splits, input_range)
    require_file(path, "a Keras model", ModelError)
    with needs_extra("train", "running a Keras model"):
        from fmnist.training.train import score_original
    made = _made_from(path, candidates)
    dataset = dataset_of(path) or (made.dataset if made else None)
    split = splits.named(dataset or None, path)
    return score_original(path, split, range_of(path, split, candidates, input_range))


def range_of(original: Path, split: Dataset, candidates: Sequence[Path], named: str | None) -> str:
    """Return what pixels become in front of a Keras model.

    The user may have named it, and artifacts that were made from the model say it. Labelled images tell it
    where nothing else does.

    Raises:
        UnknownInputError: The images do not tell, either.
    """
    if named is not None:
        return named
    made = _made_from(original, candidates)
    if made and made.source_range:
        return made.source_range
    session, _ = open_on(original, Execution(), lambda opened: split)
    with session:
        return session.info.contract.require_range(original)


def find_reference(candidates: Sequence[Path]) -> Reference:
    """The recorded scores of the original that artifacts were made from, by the first of them.

    They are those of the run that it lies in, or lie beside it.

    Raises:
        ResultError: There are none, or they are damaged.
    """
    first = candidates[0]
    require_file(first, "an artifact", ModelError)
    run = run_of(first)
    if run is not None:
        return run.recorded_scores()
    metadata = read_metadata(first) if first.is_file() else None
    for path in sorted(first.absolute().parent.glob(f"*{_SUFFIX}")) if metadata else ():
        reference = read_reference(path)
        if metadata and reference.model_sha256 == metadata.source_sha256:
            return reference
    raise ResultError(
        f"{first}: lies in no run; name its original, a Keras model or a reference.npz, with --reference"
    )


def reference_path(model: Path, folder: Path) -> Path:
    """Return where the scores of a model that lies in no run go, beside its artifacts in a folder."""
    return folder / f"{model.stem}{_SUFFIX}"


def _is_reference(path: Path) -> bool:
    try:
        read_reference(path)
    except ResultError:
        return False
    return True


REFERENCE = FileKind(_is_reference, NOT_OURS, FORCE_OR_OUT, "is a directory; --out goes elsewhere")
"""The recorded scores of an original."""


def record_reference(model: Path, folder: Path, splits: Splits, dataset: str, taken: str) -> None:
    """Write a foreign model's scores beside its artifacts, unless they are there.

    ``dataset`` is the data set that it was trained on, ``taken`` the pixels that it takes itself.

    Raises:
        FmnistError: It cannot be scored, or the file cannot be written.
    """
    path, test = reference_path(model, folder), splits.named(dataset, model)
    try:
        current = read_reference(path)
        found = (current.model_sha256, current.dataset_digest, current.source_range)
        if found == (sha256_file(model), test.digest, taken):
            return
    except FmnistError:
        pass  # not there yet
    # Where the exports were made: TensorFlow is loaded there, and a crash is told.
    write_reference(path, isolation.run((_score_original, (model, test, taken))).result())


def _score_original(model: Path, test: Dataset, taken: str) -> Reference:
    from fmnist.training.train import score_original

    return score_original(model, test, taken)


def _recorded(path: Path) -> Reference:
    """The scores in a reference.npz, or in a file of one model's scores."""
    if not is_scores(path):
        return read_reference(path)
    scores = read_scores(path)
    if len(scores.models) > 1:
        raise ResultError(
            f"{path}: holds scores of {len(scores.models)} models; compare it with another such file: "
            "fmnist parity --scores"
        )
    return scores.split


def _scored_artifact(path: Path, splits: Splits, input_range: str | None) -> Reference:
    session, split = open_on(path, Execution(input_range=input_range), splits.of)
    with session:
        return score_model(session, describe(session), split)[0]


def _made_from(original: Path, candidates: Sequence[Path]) -> Metadata | None:
    """What the first artifact that was made from an original says; None when there is none."""
    digest = sha256_file(original) if original.is_file() else ""
    for path in candidates:
        metadata = read_metadata(path) if path.is_file() else None
        if metadata and metadata.source_sha256 == digest:
            return metadata
    return None
