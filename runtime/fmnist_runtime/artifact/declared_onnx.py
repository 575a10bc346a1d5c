"""What an ONNX file says of itself in ``metadata_props``: pixels by ONNX's own keys, and class names.

- ``Image.NominalPixelRange`` and ``Image.BitmapPixelFormat``: https://onnx.ai/onnx/repo-docs/MetadataProps.html
- ``names``, ``task`` and ``author``, as Ultralytics exports classifiers, which it trains on pixels of 0–1
  (https://docs.ultralytics.com/tasks/classify)
- ``labels``, ``classes``, ``class_names`` and ``id2label``, which exporters agree on without a standard
"""

from __future__ import annotations

import mmap
from pathlib import Path

from fmnist_runtime.artifact.container import METADATA_PROPS
from fmnist_runtime.artifact.declared import NOTHING, Declared
from fmnist_runtime.data.labels import parse_labels
from fmnist_runtime.errors import DatasetError
from fmnist_runtime.safety.protobuf import Content, fields

_MAX_BYTES = 2**22
_RANGES = {"nominalrange_0_255": "0-255", "normalized_0_1": "0-1", "normalized_1_1": "-1-1"}
"""By the value of ``Image.NominalPixelRange``; keys and values are case-insensitive. 16 to 235 is of
video."""
_LABELS = ("names", "labels", "classes", "class_names", "id2label")
_SOURCE = "its ONNX metadata"


def read_declared(path: Path) -> Declared:
    """Read the range and the class names that an ONNX file declares."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            properties = _properties(content)
        except ValueError as error:
            note = f"{path}: its ONNX metadata is damaged ({error}) and is not used"
            return Declared(None, None, _SOURCE, (note,))
    if not properties:
        return NOTHING
    range = _range(properties)
    for key in _LABELS:
        if key in properties:
            try:
                labels = parse_labels(properties[key], f"{path}: {key} in its metadata")
            except DatasetError as error:
                return Declared(
                    range, None, _SOURCE, (f"{error}; classes have numbers, or name them with --labels",)
                )
            return Declared(range, labels.names, _SOURCE, labels.notes)
    return Declared(range, None, _SOURCE)


def _properties(content: Content) -> dict[str, bytes]:
    """The properties, by their keys in small letters."""
    found = {}
    for number, _, start, end in fields(content, 0, len(content)):
        if number == METADATA_PROPS and end - start <= _MAX_BYTES:
            pair = {key: content[a:b] for key, _, a, b in fields(content, start, end)}
            found[pair.get(1, b"").decode(errors="replace").lower()] = pair.get(2, b"")
    return found


def _range(properties: dict[str, bytes]) -> str | None:
    values = {key: value.decode(errors="replace").strip().lower() for key, value in properties.items()}
    range = _RANGES.get(values.get("image.nominalpixelrange", ""))
    if range is None and values.get("author") == "ultralytics" and values.get("task") == "classify":
        range = "0-1"
    if range is not None and values.get("image.bitmappixelformat") == "bgr8":
        range += ":bgr"
    return range
