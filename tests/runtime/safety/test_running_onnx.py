"""What is told of a sound .onnx file: how it may be run."""

from __future__ import annotations

import numpy as np
import pytest
from support import TINY
from support.foreign_onnx import convolutions, onnx_models

from fmnist_runtime import load
from fmnist_runtime.engines import plan
from fmnist_runtime.engines.base import Plan
from fmnist_runtime.engines.onnx import OnnxSession
from fmnist_runtime.safety.onnx.checks import check


@pytest.mark.parametrize("number", range(4))
def test_an_honest_foreign_onnx_is_used(tmp_path, number):
    path = tmp_path / "foreign.onnx"
    path.write_bytes(onnx_models()[number])
    with load(path, input_range="0-255") as session:
        images = np.zeros((300, *session.info.input_shape), np.uint8)
        assert session.scores(images).shape == (300, len(session.info.labels))


@pytest.mark.parametrize("name", ["model-float32.onnx", "model-int8.onnx"])
def test_a_dense_layer_reads_all_inputs_and_writes_all_units(name):
    """Of the tiny network the hidden layer is the widest: 784 pixels make 16 units."""
    assert check((TINY / "export" / name).read_bytes()).image_bytes((28, 28)) == 4 * (784 + 16)


@pytest.mark.parametrize(
    ("shape", "values"),
    [((1, 28, 28), 784 + 4 * 196), ((28, 28, 1), 784 + 4 * 196), ((3, 28, 28), 3 * 784), ((1, 2, 2), 14)],
)
def test_a_convolution_of_the_image_writes_its_channels(shape, values):
    """Four channels, at every second pixel both ways; one of three colours would be another layer's."""
    assert check(convolutions()).image_bytes(shape) == 4 * values


def test_as_many_images_are_run_at_once_as_the_cache_holds(monkeypatch, tmp_path):
    monkeypatch.setattr(plan, "cache_bytes", lambda: 1 << 18)
    path = tmp_path / "model.onnx"
    path.write_bytes(convolutions())
    sizes: list[int] = []
    prepare = OnnxSession._prepare

    def prepare_and_note(session: OnnxSession, shape: tuple[int, ...]) -> Plan:
        sizes.append(shape[0])
        return prepare(session, shape)

    monkeypatch.setattr(OnnxSession, "_prepare", prepare_and_note)
    with load(path, input_range="0-255") as session:
        session.scores(np.zeros((40, 1, 28, 28), np.uint8))
    assert sizes[-2:] == [32, 8]  # 6,272 bytes an image: 256 KiB hold 41
