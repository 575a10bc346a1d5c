"""The C of TFLite models: the same integers between all layers, on any processor's instructions."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import flatbuffers
import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from keras import layers
from support import DATA, run_fmnist
from support.c_models import (
    emulated_library_scores,
    metadata_for,
    portable_scores,
    sanitized_scores,
)
from support.networks import train

from fmnist_exporters.formats import tflite
from fmnist_exporters.formats.c_network import read_tflite
from fmnist_exporters.original.session import KerasSession
from fmnist_runtime.artifact.contract import InputContract
from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.engines.native import NativeSession
from fmnist_runtime.engines.session_options import SessionOptions
from fmnist_runtime.errors import UnsupportedError
from fmnist_runtime.native.compiler import VARIANTS, usable_variants
from fmnist_runtime.native.network import write_network
from fmnist_runtime.native.source import c_file

IMAGES = 50


def many_kinds() -> keras.Model:
    """One layer of each kind that the others lack, and sizes that nothing divides."""
    image = keras.Input((28, 28, 1))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(7, 3, padding="same")(x)
    x = layers.LeakyReLU(negative_slope=0.1)(x)
    x = layers.AveragePooling2D(2)(x)
    y = layers.Conv2D(5, 3, padding="same", activation="relu6")(x)
    z = layers.Activation("hard_swish")(layers.Conv2D(5, 1)(x))
    x = layers.Concatenate()([x, y, z])
    weight = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weight = layers.Conv2D(6, 1, activation="relu")(weight)
    x = layers.Multiply()([x, layers.Conv2D(17, 1, activation="sigmoid")(weight)])
    x = layers.ZeroPadding2D(((0, 1), (2, 1)))(x)
    x = layers.DepthwiseConv2D((3, 2), strides=2, depth_multiplier=2)(x)
    x = layers.AveragePooling2D(3, strides=2, padding="same")(x)
    x = layers.Conv2D(18, (2, 3), strides=(2, 2), padding="same", activation="tanh")(x)
    x = layers.MaxPooling2D(2, padding="same")(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(layers.Flatten()(x)), name="many_kinds")


@dataclass(frozen=True)
class Converted:
    scheme: str
    content: bytes
    images: np.ndarray
    shape: tuple[int, ...]

    def network(self, content: bytes | None = None):
        interpreter = Interpreter(model_content=self.content)
        dtype = np.dtype(interpreter.get_input_details()[0]["dtype"]).name
        contract = InputContract("0-255", "", "HWC", dtype, self.shape)
        return read_tflite(content or self.content, "made", contract, self.shape, "none")


@pytest.fixture(scope="module", params=["cnn", "separable", "many_kinds"])
def name(request):
    return request.param


@pytest.fixture(scope="module")
def original(name, tmp_path_factory):
    training = load_dataset("fashion-mnist", "train", DATA)
    if name == "many_kinds":
        model = many_kinds()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(training.images[:2000, ..., np.newaxis], training.targets[:2000], verbose=0)
    else:
        model = train(name, training)
    path = tmp_path_factory.mktemp(name) / "model.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module", params=["float32", "int8", "int8-full"])
def converted(request, original):
    training = load_dataset("fashion-mnist", "train", DATA)
    with KerasSession(original, None, input_range="0-255") as session:
        shape = session.info.input_shape
        calibration = training.images[:200].reshape(-1, *shape)
        arguments = [] if request.param == "float32" else [calibration]
        content = tflite.convert(session.classifier, request.param, *arguments)
    images = load_dataset("fashion-mnist", "test", DATA).images[:IMAGES].reshape(-1, *shape)
    return Converted(request.param, content, np.ascontiguousarray(images), shape)


def ended_after(content: bytes, operators: int) -> bytes:
    """A model whose output is that of one of its operators, and which has no later ones."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    graph = model.subgraphs[0]
    graph.operators = graph.operators[:operators]
    graph.outputs = [int(graph.operators[-1].outputs[0])]
    model.signatureDefs = []
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def values_of(content: bytes, images: np.ndarray) -> tuple[np.ndarray, float]:
    """What LiteRT answers, in real numbers ``[N, elements]``, and the step of its integers, or 0."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    [pixels], [result] = interpreter.get_input_details(), interpreter.get_output_details()
    answers = []
    for image in images:
        stored = image.astype(np.int16) - (128 if pixels["dtype"] == np.int8 else 0)
        interpreter.set_tensor(pixels["index"], stored.astype(pixels["dtype"]).reshape(pixels["shape"]))
        interpreter.invoke()
        answers.append(interpreter.get_tensor(result["index"]).reshape(-1))
    scale, zero_point = result["quantization"]
    found = np.stack(answers)
    if found.dtype != np.int8:
        return found, 0.0
    return (found.astype(np.float32) - zero_point) * np.float32(scale), scale


def test_every_integer_between_layers_is_litert_s(converted):
    """Each model that ends after one of its layers gives the same integers in both."""
    count = len(schema.ModelT.InitFromObj(schema.Model.GetRootAs(converted.content)).subgraphs[0].operators)
    integer = 0
    for operators in range(1, count + 1):
        ended = ended_after(converted.content, operators)
        expected, step = values_of(ended, converted.images)
        if not step and operators < count:
            continue
        try:
            scores = portable_scores(converted.network(ended), converted.images, flags=("-O1",))
        except UnsupportedError:  # a reshape of the image, which is no layer
            assert operators == 1
            continue
        if step:
            integer += 1
            assert np.array_equal(scores, expected), f"operator {operators}"
        else:
            assert np.abs(scores - expected).max() < 1e-5
            assert np.array_equal(scores.argmax(axis=1), expected.argmax(axis=1))
    assert integer >= 5 or converted.scheme == "float32"


def test_all_instructions_give_the_same_bits(converted, tmp_path):
    network = converted.network()
    expected = portable_scores(network, converted.images)
    path = tmp_path / "model.c"
    path.write_bytes(c_file(write_network(network), metadata_for(network).to_json()))
    for variant in usable_variants():
        with NativeSession(SessionOptions(path), variant) as session:
            assert session.scores(converted.images).tobytes() == expected.tobytes(), variant.name


@pytest.mark.parametrize("converted", ["int8"], indirect=True)
@pytest.mark.parametrize("variant", VARIANTS["aarch64"], ids=lambda variant: variant.name or "plain")
def test_the_instructions_of_arm_give_the_same_bits_emulated(converted, variant, tmp_path):
    if shutil.which("qemu-aarch64-static") is None:
        pytest.skip("qemu-user-static is not installed")
    network = converted.network()
    images = converted.images[:40]
    expected = portable_scores(network, images)
    scores = emulated_library_scores(network, images, "aarch64", variant.flags, tmp_path)
    assert scores.tobytes() == expected.tobytes()


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_fault_in_memory_or_arithmetic(converted, compiler, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    network = converted.network()
    plain = portable_scores(network, converted.images)
    assert sanitized_scores(network, converted.images, tmp_path, compiler).tobytes() == plain.tobytes()


REFUSED = {
    "a dilated convolution": (
        lambda x: layers.Conv2D(4, 3, dilation_rate=2, padding="same")(x),
        "SPACE_TO_BATCH_ND: there is no kernel for it",
    ),
    "another activation": (
        lambda x: layers.Conv2D(4, 3, activation="elu")(x),
        "ELU: there is no kernel for it",
    ),
    "a transposed convolution": (
        lambda x: layers.Conv2DTranspose(4, 3)(x),
        "TRANSPOSE_CONV: there is no kernel for it",
    ),
}


@pytest.mark.parametrize(("layer", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_layer_without_a_kernel_is_named(layer, message, tmp_path):
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(layer(image))))
    model.save(tmp_path / "model.keras")
    with KerasSession(tmp_path / "model.keras", None, input_range="0-255") as session:
        content = tflite.convert(session.classifier, "float32")
    contract = InputContract("0-255", "", "HWC", "float32", (8, 8, 1))
    with pytest.raises(UnsupportedError, match=rf"C cannot hold it: layer \d, {message}"):
        read_tflite(content, "made", contract, (8, 8, 1), "none")


@pytest.mark.parametrize(
    "range", ["0-1", "-1-1", "1-0", "mean=0.5,std=0.25", "mean=0.1,0.2,0.3,std=0.4,0.5,0.6"]
)
def test_pixels_become_what_the_model_takes(range, tmp_path):
    """A model of three channels in float32 and any range: its C takes raw pixels."""
    image = keras.Input((5, 6, 3))
    x = layers.Conv2D(4, 2, activation="relu")(image)
    model = keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))
    content = tf_content(model)
    (tmp_path / "model.tflite").write_bytes(content)
    from fmnist_runtime import load

    images = np.random.default_rng(0).integers(0, 256, (20, 5, 6, 3), np.uint8)
    with load(tmp_path / "model.tflite", input_range=range) as session:
        expected = session.scores(images)
        network = read_tflite(content, "made", session.info.contract, (5, 6, 3), session.info.head)
    assert np.abs(portable_scores(network, images) - expected).max() < 1e-5


def tf_content(model: keras.Model) -> bytes:
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_keras_model(model).convert()


def test_the_command_exports_and_runs_it(original, name, tmp_path):
    fmnist = partial(run_fmnist, tmp_path)
    out = Path("made.c")
    arguments = ("--dataset", "fashion-mnist", "--input-range", "0-255", "--out", out)
    result = fmnist("export", original, "--format", "c", "--quantize", "int8", *arguments)
    assert result.returncode == 0, result.stderr
    assert fmnist("verify", out).returncode == 0
    again = fmnist("export", original, "--format", "c", "--quantize", "int8", *arguments)
    assert "kept" in again.stdout
