"""Dense networks on NumPy alone."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from support import TINY
from support.foreign_npz import BIAS, KERNEL, network, write_network

from fmnist_runtime import load
from fmnist_runtime.engines.dense import ACTIVATIONS
from fmnist_runtime.errors import ModelError, NonFiniteScoresError
from fmnist_runtime.verify import verify

MODEL = TINY / "export" / "model-float32.npz"


def test_it_agrees_with_the_other_engines(t10k):
    """Sums of 784 products in another order: the float32 gate of 1e-5."""
    scores = {}
    for suffix in ("npz", "onnx", "tflite"):
        with load(TINY / "export" / f"model-float32.{suffix}") as session:
            scores[suffix] = session.scores(t10k.images)
    assert np.abs(scores["npz"] - scores["onnx"]).max() < 1e-5
    assert np.abs(scores["npz"] - scores["tflite"]).max() < 1e-5


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_no_answer(broken, tmp_path):
    bias = np.float32([0.5, broken, 0])
    path = write_network(tmp_path / "nan.npz", network("linear"), {"0.kernel": KERNEL, "0.bias": bias})
    with pytest.raises(NonFiniteScoresError, match="answers NaN or infinity"):
        load(path)


def test_it_is_plain_numpy():
    """What the file holds can be multiplied out in three lines by anyone."""
    with np.load(MODEL, allow_pickle=False) as arrays:
        image = np.zeros(784, np.float32)
        image[300:400] = 200
        hidden = np.maximum(image @ arrays["0.kernel"] + arrays["0.bias"], 0)
        logits = hidden @ arrays["1.kernel"] + arrays["1.bias"]
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    with load(MODEL) as session:
        found = session.scores(image.astype(np.uint8).reshape(1, 28, 28))[0]
    assert np.abs(found - expected).max() < 1e-5  # sums in another order, as above


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(tmp_path, activation):
    path = write_network(tmp_path / "a.npz", network(activation), {"0.kernel": KERNEL, "0.bias": BIAS})
    pixels = np.array([[[255, 0], [3, 90]]], np.uint8)
    values = pixels.reshape(4).astype(np.float64) @ KERNEL.astype(np.float64) + BIAS
    expected = {
        "linear": values,
        "relu": np.maximum(values, 0),
        "sigmoid": 1 / (1 + np.exp(-values)),
        "tanh": np.tanh(values),
        "softmax": np.exp(values) / np.exp(values).sum(),
    }[activation]
    with load(path) as session:
        assert session.info.labels == ("0", "1", "2")
        # A logit, below 2, is made by eight roundings of 2⁻²⁴ of it at most; in a softmax two of them differ.
        assert session.activations(pixels)[-1][0] == pytest.approx(expected, rel=2 * 8 * 2 * 2**-24)


def test_extreme_values_do_not_overflow(tmp_path):
    for activation in ("sigmoid", "softmax"):
        path = write_network(
            tmp_path / "a.npz", network(activation), {"0.kernel": KERNEL * 1e6, "0.bias": -BIAS * 1e6}
        )
        with load(path) as session:
            scores = session.scores(np.full((1, 2, 2), 255, np.uint8))
            assert np.isfinite(scores).all()
            assert scores.max() == 1


@pytest.mark.parametrize(
    ("change", "arrays", "complaint"),
    [
        ({"schema": "fmnist.network/9"}, {}, "this reads fmnist.network/1"),
        ({"layers": []}, {}, "a network of 0 layers"),
        ({"layers": [{"name": "a"}]}, {}, "activation"),
        ({"layers": [{"name": "a", "activation": "gelu"}]}, {}, "ends in 'gelu', which is not known"),
        ({"input_shape": [3, 3]}, {}, "has a kernel of shape (4, 3) for 9 inputs"),
        ({"input_shape": [-2, -2]}, {}, "images of shape (-2, -2)"),
        ({"input_shape": "ab"}, {}, "invalid literal"),
        ({}, {"0.bias": np.zeros((3, 1), np.float32)}, "kernel of shape"),
        ({}, {"0.bias": np.zeros(2, np.float32)}, "kernel of shape"),
        ({}, {"0.kernel": KERNEL.astype(np.float64)}, "0.kernel.npy is no whole float32 array"),
        ({}, {"0.kernel": np.array([[None] * 3] * 4)}, "0.kernel.npy is no whole float32 array"),
    ],
    ids=str,
)
def test_what_does_not_fit_together_is_one_line(tmp_path, change, arrays, complaint):
    content = {"0.kernel": KERNEL, "0.bias": BIAS, **arrays}
    path = write_network(tmp_path / "bad.npz", network(**change), content)
    with pytest.raises(ModelError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: not an npz model that fmnist export wrote (")
    assert complaint in str(caught.value)


def test_a_compressed_file_is_refused(tmp_path):
    """A bomb must be: what is stored as it is can take no more memory than the file has bytes."""
    arrays = {"0.kernel": np.zeros((4, 3), np.float32), "0.bias": BIAS}
    path = write_network(tmp_path / "bomb.npz", network(), arrays, zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match="is compressed"):
        load(path)


def test_layers_without_units_are_refused(tmp_path):
    """Nothing times anything is nothing: sizes that fit, and buffers that would take a petabyte."""
    arrays = {"0.kernel": np.empty((1 << 40, 0), np.float32), "0.bias": np.empty(0, np.float32)}
    path = write_network(tmp_path / "wide.npz", network(input_shape=[1 << 20, 1 << 20]), arrays)
    with pytest.raises(ModelError, match="not an npz model"):
        load(path)


@pytest.mark.parametrize("size", [1e999, -1e999, True, None, [2], "2"])
def test_a_size_that_is_none_is_refused(tmp_path, size):
    arrays = {"0.kernel": KERNEL, "0.bias": BIAS}
    path = write_network(tmp_path / "odd.npz", network(input_shape=[size, 3]), arrays)
    with pytest.raises(ModelError, match="not an npz model"):
        load(path)


def test_an_entry_of_another_compression_is_refused(tmp_path):
    with (
        zipfile.ZipFile(MODEL) as source,
        zipfile.ZipFile(tmp_path / "m.npz", "w", zipfile.ZIP_LZMA) as target,
    ):
        for name in source.namelist():
            target.writestr(name, source.read(name))
    with pytest.raises(ModelError, match="compressed"):
        load(tmp_path / "m.npz")


def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "big.npz", "w") as archive:
        archive.writestr("network.json", json.dumps(network()))
        for name, shape in (("0.kernel", (1 << 40, 3)), ("0.bias", (3,))):
            buffer = io.BytesIO()
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(buffer, header)
            archive.writestr(f"{name}.npy", buffer.getvalue())
    with pytest.raises(ModelError, match="no whole float32 array"):
        load(tmp_path / "big.npz")


def test_reference_scores_are_no_model():
    with pytest.raises(ModelError, match=r"reference\.npz: not an npz model .*it has no network\.json"):
        load(TINY / "reference.npz")


def test_wrong_numbers_in_whole_arrays_are_found_by_verify(tmp_path):
    """Weights exchanged for others of the same shape, every checksum of the ZIP right."""
    with zipfile.ZipFile(MODEL) as source, zipfile.ZipFile(tmp_path / "model-float32.npz", "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "1.bias.npy":
                content = content[:-40] + bytes(40)
            target.writestr(entry, content)
    assert not verify(tmp_path / "model-float32.npz").passed
