"""What somebody else's model file declares: its class names and its input range.

TFLite files have TFLite's own metadata, as the tools of TFLite and MediaPipe write it. Numbers of fields and
types are those of ``metadata_schema.fbs`` (https://github.com/google-ai-edge/mediapipe,
``mediapipe/tasks/metadata``). The model's table ``metadata`` names a buffer that is a flatbuffer itself.
Label files lie in a ZIP behind the model (https://ai.google.dev/edge/litert/models/metadata).

ONNX files have ``metadata_props``. These keys are read:

- ``Image.NominalPixelRange`` and ``Image.BitmapPixelFormat``: https://onnx.ai/onnx/repo-docs/MetadataProps.html
- ``names``, ``task`` and ``author``, as Ultralytics exports classifiers, which it trains on pixels of 0–1
  (https://docs.ultralytics.com/tasks/classify)
- ``labels``, ``classes``, ``class_names`` and ``id2label``, which exporters agree on without a standard
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fmnist_runtime.artifact.container import METADATA_PROPS, format_suffix
from fmnist_runtime.artifact.contract import range_of_statistics
from fmnist_runtime.errors import DatasetError
from fmnist_runtime.safety.protobuf import Content, fields
from fmnist_runtime.safety.zip import open_archive

if TYPE_CHECKING:
    from fmnist_runtime.safety.flatbuffer import Table


class Declared(NamedTuple):
    """What a model file declares; None for what is missing or not understood."""

    range: str | None
    """Input range; see `fmnist_runtime.artifact.contract`."""
    labels: tuple[str, ...] | None
    """Class names, by class index."""
    source: str
    """Where the file declares them, such as ``its TFLite metadata``."""
    notes: tuple[str, ...] = ()
    """Remarks for the user, a line each."""


NOTHING = Declared(None, None, "")
_MAX_BYTES = 2**22
"""Largest property and label file that is read."""
_NUMBERS = "classes have numbers, or name them with --labels"
_BROKEN = (
    *(ValueError, OSError, RuntimeError, NotImplementedError, EOFError, KeyError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What reading a damaged ZIP may raise."""

_TFLITE = "its TFLite metadata"
_NAME = b"TFLITE_METADATA"
_MODEL_METADATA, _MODEL_BUFFERS = 6, 4
"""Fields of the model's table: named buffers, and buffers."""
_SUBGRAPHS, _INPUTS, _OUTPUTS, _SUBGRAPH_FILES = 3, 2, 3, 4
"""Fields of ModelMetadata and of SubGraphMetadata."""
_PROCESS_UNITS, _TENSOR_FILES = 4, 6
"""Fields of TensorMetadata."""
_NORMALIZATION = 1
"""Of ProcessUnitOptions: NormalizationOptions, with mean and std in fields 0 and 1."""
_AXIS_LABELS, _VALUE_LABELS = 2, 3
"""Of AssociatedFileType."""

_ONNX = "its ONNX metadata"
_ONNX_RANGES = {"nominalrange_0_255": "0-255", "normalized_0_1": "0-1", "normalized_1_1": "-1-1"}
"""Ranges by value of ``Image.NominalPixelRange``, without regard to case. 16 to 235 is for video."""
_ONNX_LABELS = ("names", "labels", "classes", "class_names", "id2label")


def read_declared(path: Path, content: Content) -> Declared:
    """Read what a file declares. Damaged metadata becomes a note, as the model runs without it.

    Args:
        path: The file, for its suffix and for messages.
        content: Its bytes, whose structure has been checked.
    """
    read = {".tflite": _read_tflite, ".onnx": _read_onnx}.get(format_suffix(path))
    return NOTHING if read is None else read(path, content)


def _with_labels(path: Path, range: str | None, source: str, labels: bytes, name: str) -> Declared:
    """Add the class names in the content of a label file."""
    from fmnist_runtime.data.labels import parse_labels

    try:
        parsed = parse_labels(labels, f"{path}: {name}")
    except DatasetError as error:
        return Declared(range, None, source, (f"{error}; {_NUMBERS}",))
    return Declared(range, parsed.names, source, parsed.notes)


def _damaged(path: Path, source: str, error: Exception) -> Declared:
    return Declared(None, None, source, (f"{path}: {source} is damaged ({error}) and is not used",))


def _read_tflite(path: Path, content: Content) -> Declared:
    try:
        metadata = _metadata(content)
        if metadata is None:
            return NOTHING
        graphs = metadata.tables(_SUBGRAPHS)
        range = _tflite_range(graphs[0]) if graphs else None
        labels_file = _labels_file(graphs[0]) if graphs else None
    except (ValueError, IndexError) as error:
        return _damaged(path, _TFLITE, error)
    if labels_file is None:
        return Declared(range, None, _TFLITE)
    try:
        with open_archive(content) as archive, archive.open(labels_file) as file:
            labels = file.read(_MAX_BYTES + 1)
    except _BROKEN as error:
        note = f"{path}: its label file {labels_file} cannot be read ({error}); {_NUMBERS}"
        return Declared(range, None, _TFLITE, (note,))
    return _with_labels(path, range, _TFLITE, labels, labels_file)


def _metadata(content: Content) -> Table | None:
    """Return the table ModelMetadata; None if the file has none."""
    from fmnist_runtime.safety.flatbuffer import root

    model = root(content)
    buffers = model.tables(_MODEL_BUFFERS)
    for entry in model.tables(_MODEL_METADATA):
        if entry.text(0) == _NAME:
            start, length = buffers[entry.number(1, "I")].vector(0, 1)
            return root(content[start : start + length]) if length else None
    return None


def _tflite_range(graph: Table) -> str | None:
    """Return the range of the first input's normalisation, ``(x - mean) / std``."""
    for tensor in graph.tables(_INPUTS)[:1]:
        for unit in tensor.tables(_PROCESS_UNITS):
            options = unit.table(1)
            if unit.number(0, "B") == _NORMALIZATION and options is not None:
                return range_of_statistics(options.numbers(0, "f"), options.numbers(1, "f"))
    return None


def _labels_file(graph: Table) -> str | None:
    """Return the name of the label file of an output or of the whole graph."""
    places = [tensor.tables(_TENSOR_FILES) for tensor in graph.tables(_OUTPUTS)]
    for files in (*places, graph.tables(_SUBGRAPH_FILES)):
        for file in files:
            if file.number(2, "b") in (_AXIS_LABELS, _VALUE_LABELS):
                return file.text(0).decode()
    return None


def _read_onnx(path: Path, content: Content) -> Declared:
    try:
        properties = _properties(content)
    except ValueError as error:
        return _damaged(path, _ONNX, error)
    if not properties:
        return NOTHING
    range = _onnx_range(properties)
    for key in _ONNX_LABELS:
        if key in properties:
            return _with_labels(path, range, _ONNX, properties[key], f"{key} in its metadata")
    return Declared(range, None, _ONNX)


def _properties(content: Content) -> dict[str, bytes]:
    """Return the properties by their keys in lower case."""
    found = {}
    for number, _, start, end in fields(content, 0, len(content)):
        if number == METADATA_PROPS and end - start <= _MAX_BYTES:
            pair = {key: content[a:b] for key, _, a, b in fields(content, start, end)}
            found[pair.get(1, b"").decode(errors="replace").lower()] = pair.get(2, b"")
    return found


def _onnx_range(properties: dict[str, bytes]) -> str | None:
    values = {key: value.decode(errors="replace").strip().lower() for key, value in properties.items()}
    range = _ONNX_RANGES.get(values.get("image.nominalpixelrange", ""))
    if range is None and values.get("author") == "ultralytics" and values.get("task") == "classify":
        range = "0-1"
    if range is not None and values.get("image.bitmappixelformat") == "bgr8":
        range += ":bgr"
    return range
