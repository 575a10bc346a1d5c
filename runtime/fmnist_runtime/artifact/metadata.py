"""What an exported model says of itself. Where each format keeps it: see `container`."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.contract import parse_range
from fmnist_runtime.errors import ModelError

_MAX_BYTES = 50_000_000
"""Far above the pixels of any golden images, and far below what a device has no memory for."""


@dataclass(frozen=True)
class Golden:
    """Golden samples: images, what the original said of them, and what the artifact said when it was made."""

    images: NDArray[np.uint8]
    """uint8 ``[N, *input_shape]``, raw pixels 0–255."""
    original: NDArray[np.float32]
    """float32 ``[N, classes]``, the original's probabilities."""
    artifact: NDArray[np.float32]
    """float32 ``[N, classes]``, the artifact's own."""
    tolerance: float
    """How far a probability may be from the artifact's own on another machine: rounding, and no more."""

    def to_record(self) -> dict[str, Any]:
        """The samples in JSON's own types; the same for the same samples."""
        return {
            "shape": list(self.images.shape),
            "images": base64.b64encode(zlib.compress(self.images.tobytes(), 9)).decode(),
            "original": _decimals(self.original),
            "artifact": _decimals(self.artifact),
            "tolerance": self.tolerance,
        }


def _parse_golden(record: Any) -> Golden:
    """Read samples that somebody's file carried.

    Raises:
        ValueError: They are not what `Golden.to_record` gives. So are KeyError and TypeError.
    """
    shape = tuple(int(size) for size in record["shape"])
    size = math.prod(shape)
    if not (len(shape) >= 2 and min(shape) > 0 and size <= _MAX_BYTES):
        raise ValueError(f"golden images of shape {shape}")
    stream = zlib.decompressobj()
    try:
        # Never more than the shape asks for, whatever a bomb would unfold to.
        pixels = stream.decompress(base64.b64decode(record["images"], validate=True), size + 1)
    except zlib.error as error:
        raise ValueError(f"golden images that do not unpack ({error})") from error
    images = np.frombuffer(pixels, np.uint8).reshape(shape)
    original, artifact = (np.asarray(record[key], np.float32) for key in ("original", "artifact"))
    tolerance = float(record["tolerance"])
    if original.ndim != 2 or original.shape != artifact.shape or len(original) != len(images):
        raise ValueError(f"golden scores of shape {original.shape} and {artifact.shape}")
    if not (np.isfinite(original).all() and np.isfinite(artifact).all() and 0 < tolerance < 1):
        raise ValueError("golden scores that are no probabilities")
    return Golden(images, original, artifact, tolerance)


def _decimals(scores: NDArray[np.float32]) -> list[list[float]]:
    """Scores in the nine digits that tell any two float32 apart (IEEE 754)."""
    return [[float(f"{score:.9g}") for score in row] for row in scores]


SCHEMA = "fmnist.artifact/2"
_ADOPTED_SCHEMA = "fmnist.artifact/3"
"""Of a model that was adopted, which need not take raw pixels."""
Head = Literal["none", "softmax", "pair", "logistic pair", "tanh pair"]
"""What follows a model, so that it gives probabilities: nothing, a softmax, or for a single unit its
complement as the first of two classes, where it is the probability of the second, the logit of that, or
reaches from -1 for the first to 1 for the second."""
_HEADS = get_args(Head)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CONTRACT = "raw pixels 0-255 in, normalisation is inside the model; probabilities out"


@dataclass(frozen=True)
class Metadata:
    """An artifact's description of itself. It takes raw pixels 0–255 and gives probabilities.

    Two are equal when their artifacts were made from the same inputs; what came of it is not compared.
    """

    format: str
    """``tflite``, ``onnx`` or ``npz``."""
    scheme: str
    """Name of the quantisation scheme, as in the exporters' recipes."""
    labels: tuple[str, ...]
    """Class names, by class index."""
    dataset: str
    """Name of the data set that the original was trained on."""
    dataset_digest: str
    """Digest of that data set's test split."""
    source_sha256: str
    """SHA-256 of the Keras file it was made from."""
    source_range: str
    """Pixels that the original itself takes: ``0-255``, or another range that was put in front of it (see
    `fmnist_runtime.artifact.contract`)."""
    calibration: dict[str, Any]
    """Which training images activations were calibrated on: ``split``, number of ``images``, ``seed``,
    ``indices``, and ``sha256`` of their pixels; empty for float schemes."""
    gate: dict[str, Any]
    """How far from its original it was allowed to be: fields of `fmnist_runtime.parity.Gate`."""
    versions: dict[str, str]
    """Versions of the packages that made it."""
    golden: Golden | None = dataclasses.field(default=None, compare=False)
    """Images with the answers to them; None only until the artifact has been run."""
    proof: dict[str, Any] = dataclasses.field(default_factory=dict, compare=False)
    """What its comparison with the original on held-out training images gave: ``split``, number of
    ``images``, ``agreement``, ``reference_accuracy``, ``accuracy``, ``max_difference``; what was allowed."""
    rejected: str = dataclasses.field(default="", compare=False)
    """Why it failed its gate when it was made; empty when it passed."""
    contents: dict[str, Any] = dataclasses.field(default_factory=dict, compare=False)
    """Which types it stores weights in and computes in: fields of `artifact.stored.StoredTypes`; empty
    of one from an older version, or that was adopted."""
    adopted: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Of somebody else's model that was adopted how it is run: ``range`` of its pixels, where that is
    ``known_from``, ``output`` and ``head``, what follows the model; empty of one that was exported, which
    takes raw pixels."""

    def to_json(self) -> str:
        """The metadata as a JSON object, the same bytes for the same content."""
        fields: dict[str, Any] = {"schema": SCHEMA, "contract": CONTRACT}
        fields |= {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if self.adopted:  # which a version that knows nothing of ranges must not run
            fields |= {"schema": _ADOPTED_SCHEMA, "contract": f"pixels of {self.adopted['range']} in"}
        else:
            del fields["adopted"]
        if not self.contents:
            del fields["contents"]
        fields["golden"] = self.golden.to_record() if self.golden else None
        return json.dumps(fields, separators=(",", ":"))


def parse_metadata(text: str | bytes, path: Path) -> Metadata:
    """Read metadata that somebody's file carried. What a later version may have added is passed over.

    Raises:
        ModelError: It is not the JSON object that this version knows.
    """
    try:
        fields = json.loads(text)
        if fields["schema"] not in (SCHEMA, _ADOPTED_SCHEMA):
            raise ModelError(
                f"{path}: metadata schema {fields['schema']!r} is unknown, this reads {SCHEMA} and "
                f"{_ADOPTED_SCHEMA}; update fmnist, or export the model again"
            )
        if fields["schema"] == SCHEMA:
            fields["adopted"] = {}
        fields.setdefault("contents", {})
        metadata = Metadata(**{field.name: fields[field.name] for field in dataclasses.fields(Metadata)})
        golden = None if fields["golden"] is None else _parse_golden(fields["golden"])
        if golden and golden.artifact.shape[1] != len(metadata.labels):
            raise ValueError(f"golden scores of {golden.artifact.shape[1]} classes")
        texts = [metadata.format, metadata.scheme, metadata.dataset, metadata.dataset_digest]
        texts += [metadata.source_sha256, metadata.source_range, metadata.rejected, *metadata.labels]
        if fields["schema"] == _ADOPTED_SCHEMA:
            parse_range(metadata.adopted["range"])
            texts += [metadata.adopted[name] for name in ("range", "known_from", "output", "head")]
            if metadata.adopted["head"] not in _HEADS:
                raise ValueError(f"a head of {metadata.adopted['head']!r}")
            order = metadata.adopted["order"]
            if order and sorted(order) != list(range(len(metadata.labels))):
                raise ValueError("an order of other classes than it has")
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("text is expected for names and labels")
        if any(_CONTROL.search(text) for text in texts):
            raise ValueError("control characters, which would reach the terminal")
        objects = (metadata.versions, metadata.calibration, metadata.gate, metadata.proof, metadata.contents)
        if not all(isinstance(item, dict) for item in objects):
            raise TypeError("an object is expected for versions, calibration, gate, proof and contents")
        return dataclasses.replace(metadata, labels=tuple(metadata.labels), golden=golden)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ModelError(f"{path}: its metadata is damaged ({error}); export the model again") from error
