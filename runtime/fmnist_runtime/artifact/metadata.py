"""An artifact's metadata: what it is, where it comes from, and golden samples to verify it.

See `container` for where each format keeps it.
"""

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
from fmnist_runtime.data.preparation import parse_preparation
from fmnist_runtime.data.statistics import ImageStatistics, parse_statistics
from fmnist_runtime.errors import ModelError

_MAX_BYTES = 50_000_000
"""Far above the pixels of any golden images, and far below a device's memory."""


@dataclass(frozen=True)
class Golden:
    """Golden samples: images with the original's scores and the artifact's scores at export."""

    images: NDArray[np.uint8]
    """uint8 ``[N, *input_shape]``, raw pixels 0–255."""
    original: NDArray[np.float32]
    """float32 ``[N, classes]``, the original's probabilities."""
    artifact: NDArray[np.float32]
    """float32 ``[N, classes]``, the artifact's own."""
    tolerance: float
    """How far a probability on another machine may be from the artifact's own. It allows for rounding
    only."""

    def to_record(self) -> dict[str, Any]:
        """Return the samples in JSON's types. The same samples give the same record."""
        return {
            "shape": list(self.images.shape),
            "images": base64.b64encode(zlib.compress(self.images.tobytes(), 9)).decode(),
            "original": _decimals(self.original),
            "artifact": _decimals(self.artifact),
            "tolerance": self.tolerance,
        }


def _parse_golden(record: Any) -> Golden:
    """Parse the samples of a file that is not trusted.

    Raises:
        ValueError: They are not the output of `Golden.to_record`. So are KeyError and TypeError.
    """
    shape = tuple(int(size) for size in record["shape"])
    size = math.prod(shape)
    if not (len(shape) >= 2 and min(shape) > 0 and size <= _MAX_BYTES):
        raise ValueError(f"golden images of shape {shape}")
    stream = zlib.decompressobj()
    try:
        # Limited to the size of the shape, as it may be a decompression bomb.
        pixels = stream.decompress(base64.b64decode(record["images"], validate=True), size + 1)
    except zlib.error as error:
        raise ValueError(f"golden images that cannot be decompressed ({error})") from error
    images = np.frombuffer(pixels, np.uint8).reshape(shape)
    original, artifact = (np.asarray(record[key], np.float32) for key in ("original", "artifact"))
    tolerance = float(record["tolerance"])
    if original.ndim != 2 or original.shape != artifact.shape or len(original) != len(images):
        raise ValueError(f"golden scores of shape {original.shape} and {artifact.shape}")
    if not (np.isfinite(original).all() and np.isfinite(artifact).all() and 0 < tolerance < 1):
        raise ValueError("golden scores that are not probabilities")
    return Golden(images, original, artifact, tolerance)


def _decimals(scores: NDArray[np.float32]) -> list[list[float]]:
    """Return scores in nine digits, which distinguish any two float32 (IEEE 754)."""
    return [[float(f"{score:.9g}") for score in row] for row in scores]


SCHEMA = "fmnist.artifact/2"
_ADOPTED_SCHEMA = "fmnist.artifact/3"
"""Schema of an adopted model, which need not take raw pixels."""
Head = Literal["none", "softmax", "pair", "logistic pair", "tanh pair"]
"""What is added after a model so that it gives probabilities: nothing or a softmax; or, for a single unit,
its complement as the first of two classes. The unit may be the second class's probability, its logit, or a
number from -1 for the first class to 1 for the second."""
_HEADS = get_args(Head)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CONTRACT = "raw pixels 0-255 in, normalisation is inside the model; probabilities out"


@dataclass(frozen=True)
class Metadata:
    """An artifact's metadata. The artifact takes raw pixels 0–255 and gives probabilities.

    Two are equal if their artifacts were made from the same inputs. The results are not compared.
    """

    format: str
    """``tflite``, ``onnx``, ``npz`` or ``c``."""
    scheme: str
    """Name of the quantisation scheme, as in the exporters' recipes."""
    labels: tuple[str, ...]
    """Class names, by class index."""
    dataset: str
    """Name of the data set that the original was trained on."""
    dataset_digest: str
    """Digest of that data set's test split."""
    source_sha256: str
    """SHA-256 of the file it was made from: Keras, or for a C model of somebody else's, TFLite."""
    source_range: str
    """Pixel range of the original itself: ``0-255``, or another range that was put in front of it (see
    `fmnist_runtime.artifact.contract`)."""
    calibration: dict[str, Any]
    """The training images for calibration: ``split``, number of ``images``, ``seed``, ``indices``, and
    ``sha256`` of their pixels; empty for float schemes."""
    gate: dict[str, Any]
    """The gate of its export: fields of `fmnist_runtime.parity.Gate`."""
    versions: dict[str, str]
    """Versions of the packages that made it."""
    golden: Golden | None = dataclasses.field(default=None, compare=False)
    """Golden samples; None only until the artifact has been run."""
    proof: dict[str, Any] = dataclasses.field(default_factory=dict, compare=False)
    """Its comparison with the original on held-out training images: ``split``, number of ``images``,
    ``agreement``, ``reference_accuracy``, ``accuracy``, ``max_difference``, and the limits."""
    rejected: str = dataclasses.field(default="", compare=False)
    """Why it failed its gate at export; empty if it passed."""
    contents: dict[str, Any] = dataclasses.field(default_factory=dict, compare=False)
    """The types of its weights and operators: fields of `fmnist_runtime.artifact.stored.StoredTypes`;
    empty for artifacts of older versions and for adopted models."""
    adopted: dict[str, Any] = dataclasses.field(default_factory=dict)
    """How an adopted model is run: ``range`` of its pixels, where that is ``known_from``, ``output`` and
    ``head``, which is added after the model; empty for an exported model, which takes raw pixels."""
    preparation: str = ""
    """How a picture becomes its input (see `fmnist_runtime.data.preparation`); empty if that is not known."""
    statistics: ImageStatistics | None = dataclasses.field(default=None, compare=False)
    """Statistics of training images, by which pictures unlike them are found, or of test images of a model
    that was made elsewhere; None if not known."""

    def to_json(self) -> str:
        """Return the metadata as a JSON object. The same content gives the same bytes."""
        fields: dict[str, Any] = {"schema": SCHEMA, "contract": CONTRACT}
        fields |= {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if self.adopted:  # a version that does not know ranges must not run it
            fields |= {"schema": _ADOPTED_SCHEMA, "contract": f"pixels of {self.adopted['range']} in"}
        else:
            del fields["adopted"]
        fields["statistics"] = dataclasses.asdict(self.statistics) if self.statistics else None
        for name in ("contents", "preparation", "statistics"):
            if not fields[name]:
                del fields[name]
        fields["golden"] = self.golden.to_record() if self.golden else None
        return json.dumps(fields, separators=(",", ":"))


def parse_metadata(text: str | bytes, path: Path) -> Metadata:
    """Parse the metadata of a file that is not trusted.

    Fields that a later version may have added are ignored.

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
        fields = {"contents": {}, "preparation": "", "statistics": None, **fields}
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
                raise ValueError("an order that does not fit its classes")
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("text is expected for names and labels")
        if any(_CONTROL.search(text) for text in texts):
            raise ValueError("control characters, which would reach the terminal")
        if metadata.preparation != "":
            fields["preparation"] = str(parse_preparation(metadata.preparation))
        statistics = None if fields["statistics"] is None else parse_statistics(fields["statistics"])
        objects = (metadata.versions, metadata.calibration, metadata.gate, metadata.proof, metadata.contents)
        if not all(isinstance(item, dict) for item in objects):
            raise TypeError("an object is expected for versions, calibration, gate, proof and contents")
        labels = tuple(metadata.labels)
        return dataclasses.replace(
            metadata, labels=labels, golden=golden, statistics=statistics, preparation=fields["preparation"]
        )
    except (ValueError, KeyError, AttributeError, TypeError, OverflowError, RecursionError) as error:
        raise ModelError(f"{path}: its metadata is damaged ({error}); export the model again") from error
