"""The private names of Keras and TensorFlow that an export needs exist, and stand in one module each."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import keras
import pytest

import fmnist_exporters

PACKAGE = Path(fmnist_exporters.__file__).parent
PRIVATE = ("formats/tensorflow_private.py", "original/keras_private.py")
KERAS = {
    "_flatten_layers": lambda model, layer: layer,
    "_inbound_nodes": lambda model, layer: layer,
    "_outbound_nodes": lambda model, layer: layer,
    "_keras_history": lambda model, layer: layer.output,
    "_run_through_graph": lambda model, layer: model,
}
TENSORFLOW = {
    "tensorflow.lite.python.convert": "mlir_quantize",
    "tensorflow.lite.python.convert_phase": "ConverterError",
    "tensorflow.python.framework.convert_to_constants": "convert_variables_to_constants_v2",
}


@pytest.mark.parametrize("name", KERAS)
def test_keras_has_it(name):
    layer = keras.layers.Dense(2)
    image = keras.Input((3,))
    model = keras.Model(image, layer(image))
    assert hasattr(KERAS[name](model, layer), name), (
        f"Keras {keras.version()} has no {name}; change fmnist_exporters/original/keras_private.py"
    )
    if name == "_run_through_graph":
        assert "call_fn" in inspect.signature(model._run_through_graph).parameters


@pytest.mark.parametrize("module", TENSORFLOW)
def test_tensorflow_has_it(module):
    assert hasattr(import_module(module), TENSORFLOW[module]), (
        f"TensorFlow {version('tensorflow')} has no {module}.{TENSORFLOW[module]}; change "
        "fmnist_exporters/formats/tensorflow_private.py"
    )


def private_names(path: Path) -> set[str]:
    """Attributes of others that begin with an underscore, and modules that a library does not document."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if (owner, node.attr) != ("os", "_exit") and owner != "self":
                found.add(node.attr)
        if isinstance(node, ast.ImportFrom) and node.module:
            internal = (".python.", ".src.", ".capi.", ".quant_utils")
            if any(part in f".{node.module}." for part in internal):
                found |= {alias.name for alias in node.names}
    return found


def test_they_stand_in_one_module_for_each_library():
    used = {
        path.relative_to(PACKAGE).as_posix(): names
        for path in PACKAGE.rglob("*.py")
        if (names := private_names(path))
    }
    assert used == dict(zip(PRIVATE, (set(TENSORFLOW.values()), set(KERAS)), strict=True))
