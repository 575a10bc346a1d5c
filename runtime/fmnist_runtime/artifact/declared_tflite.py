"""TFLite's own metadata: normalisation and class names, as the tools of TFLite and MediaPipe write them.

Numbers of fields and types are those of ``metadata_schema.fbs``
(https://github.com/google-ai-edge/mediapipe, ``mediapipe/tasks/metadata``). The model's table ``metadata``
names a buffer that is a flatbuffer of its own; label files lie in a ZIP behind the model
(https://ai.google.dev/edge/litert/models/metadata).
"""

from __future__ import annotations

import mmap
import zipfile
import zlib
from pathlib import Path

from fmnist_runtime.artifact.contract import range_of_statistics
from fmnist_runtime.artifact.declared import NOTHING, Declared
from fmnist_runtime.data.labels import parse_labels
from fmnist_runtime.errors import DatasetError
from fmnist_runtime.safety.flatbuffer import Content, Table, root
from fmnist_runtime.safety.zip import open_archive

_NAME = b"TFLITE_METADATA"
_SOURCE = "its TFLite metadata"
_MODEL_METADATA, _MODEL_BUFFERS = 6, 4
"""Fields of the model's table: named buffers, and buffers."""
_SUBGRAPHS, _INPUTS, _OUTPUTS, _SUBGRAPH_FILES = 3, 2, 3, 4
"""Fields of ModelMetadata, and of SubGraphMetadata."""
_PROCESS_UNITS, _TENSOR_FILES = 4, 6
"""Fields of TensorMetadata."""
_NORMALIZATION = 1
"""Of ProcessUnitOptions: NormalizationOptions, with mean and std in fields 0 and 1."""
_AXIS_LABELS, _VALUE_LABELS = 2, 3
"""Of AssociatedFileType."""
_MAX_LABELS_BYTES = 2**22
_BROKEN = (
    ValueError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    NotImplementedError,
    EOFError,
    KeyError,
)
"""What reading a damaged ZIP may raise."""


def read_declared(path: Path) -> Declared:
    """Read the range and the class names that a TFLite file declares."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            metadata = _metadata(content)
            if metadata is None:
                return NOTHING
            graphs = metadata.tables(_SUBGRAPHS)
            range = _range(graphs[0]) if graphs else None
            file_name = _labels_file(graphs[0]) if graphs else None
        except (ValueError, IndexError) as error:
            return Declared(
                None, None, _SOURCE, (f"{path}: its TFLite metadata is damaged ({error}) and is not used",)
            )
    if file_name is None:
        return Declared(range, None, _SOURCE)
    try:
        with open_archive(path) as archive, archive.open(file_name) as labels_file:
            labels = parse_labels(labels_file.read(_MAX_LABELS_BYTES + 1), f"{path}: {file_name}")
    except DatasetError as error:
        return Declared(range, None, _SOURCE, (f"{error}; classes have numbers, or name them with --labels",))
    except _BROKEN as error:
        note = f"{path}: its label file {file_name} cannot be read ({error})"
        return Declared(range, None, _SOURCE, (f"{note}; classes have numbers, or name them with --labels",))
    return Declared(range, labels.names, _SOURCE, labels.notes)


def _metadata(content: Content) -> Table | None:
    """The table ModelMetadata; None where the file has none."""
    model = root(content)
    buffers = model.tables(_MODEL_BUFFERS)
    for entry in model.tables(_MODEL_METADATA):
        if entry.text(0) == _NAME:
            start, length = buffers[entry.number(1, "I")].vector(0, 1)
            return root(content[start : start + length]) if length else None
    return None


def _range(graph: Table) -> str | None:
    """What the first input's normalisation makes of pixels: ``(x - mean) / std``."""
    for tensor in graph.tables(_INPUTS)[:1]:
        for unit in tensor.tables(_PROCESS_UNITS):
            options = unit.table(1)
            if unit.number(0, "B") == _NORMALIZATION and options is not None:
                return range_of_statistics(options.numbers(0, "f"), options.numbers(1, "f"))
    return None


def _labels_file(graph: Table) -> str | None:
    """Name of the file of class names: that of an output, or of the whole graph."""
    places = [tensor.tables(_TENSOR_FILES) for tensor in graph.tables(_OUTPUTS)]
    for files in (*places, graph.tables(_SUBGRAPH_FILES)):
        for file in files:
            if file.number(2, "b") in (_AXIS_LABELS, _VALUE_LABELS):
                return file.text(0).decode()
    return None
