"""ONNX models of strangers answer as ONNX Runtime alone does when it is fed what they were trained on."""

from __future__ import annotations

import re

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.strangers import EPSILON, sigmoid, softmax, weights

from fmnist_runtime import load
from fmnist_runtime.errors import ModelError, NonFiniteScoresError, ShapeError, UnknownInputError

NODE = helper.make_node


@pytest.fixture
def images(t10k):
    return t10k.images[:200]


@pytest.fixture
def colours(images):
    """The same images in colours, each channel with a brightness of its own."""
    shares = np.random.default_rng(0).uniform(0.5, 1, (len(images), 1, 1, 3))
    return (images[..., None] * shares).astype(np.uint8)


def dense(range: str = "0-1", end: str = "Softmax", channels: int = 1) -> tuple[list, dict[str, np.ndarray]]:
    """Nodes and constants of the tiny network behind a tensor ``flat``."""
    kernel, bias, head, head_bias = weights(range)
    if channels > 1:  # a channel has a weight of its own, so that none can be taken for another
        kernel = np.concatenate([kernel * share for share in (0.5, 0.3, 0.2)])
    nodes = [
        NODE("Gemm", ["flat", "kernel", "bias"], ["sums"]),
        NODE("Relu", ["sums"], ["hidden"]),
        NODE("Gemm", ["hidden", "head", "head_bias"], ["logits"]),
        NODE(end, ["logits"], ["scores"]),
    ]
    return nodes, {"kernel": kernel, "bias": bias, "head": head, "head_bias": head_bias}


def model(nodes, constants, shape, kind=TensorProto.FLOAT, outputs=(("scores", TensorProto.FLOAT, 10),)):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("image", kind, ["batch", *shape])],
        [helper.make_tensor_value_info(name, kind, ["batch", size]) for name, kind, size in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def saved(tmp_path, made):
    path = tmp_path / "model.onnx"
    onnx.save(made, path)
    return path


def bare(path, pixels, output="scores"):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run([output], {"image": pixels})[0]


def close(scores, expected) -> bool:
    return float(np.abs(scores.astype(np.float64) - expected).max()) < EPSILON


@pytest.mark.parametrize(
    ("range", "order"), [("0-1", (0, 1, 2)), ("-1-1", (0, 1, 2)), ("0-1:bgr", (2, 1, 0))]
)
def test_colour_channels_first(range, order, tmp_path, colours):
    nodes, constants = dense(range.removesuffix(":bgr"), channels=3)
    path = saved(tmp_path, model([NODE("Flatten", ["image"], ["flat"]), *nodes], constants, [3, 28, 28]))
    pixels = colours.astype(np.float64) / 255
    pixels = (pixels if range.startswith("0") else 2 * pixels - 1)[..., list(order)]
    expected = bare(path, np.ascontiguousarray(np.moveaxis(pixels, -1, 1)).astype(np.float32))
    with load(path, input_range=range) as session:
        assert session.info.contract.layout == "CHW"
        assert session.info.contract.shape == (3, 28, 28)
        assert session.info.input_shape == (28, 28, 3)
        assert close(session.scores(colours), expected)
        assert close(session.scores(colours[:1]), expected[:1])
        with pytest.raises(ShapeError, match="28×28×3"):
            session.scores(np.moveaxis(colours, -1, 1))


def test_mean_and_deviation_of_each_channel(tmp_path, colours):
    range = "mean=0.485,0.456,0.406,std=0.229,0.224,0.225"
    nodes, constants = dense("0-1", channels=3)
    path = saved(tmp_path, model([NODE("Flatten", ["image"], ["flat"]), *nodes], constants, [3, 28, 28]))
    pixels = (colours / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    expected = bare(path, np.ascontiguousarray(np.moveaxis(pixels, -1, 1)).astype(np.float32))
    with load(path, input_range=range) as session:
        assert close(session.scores(colours), expected)
    grey = saved(
        tmp_path, model([NODE("Flatten", ["image"], ["flat"]), *dense()[0]], dense()[1], [1, 28, 28])
    )
    with pytest.raises(ModelError, match=r"takes 1×28×28, which has no 3 channels"):
        load(grey, input_range=range)


@pytest.mark.parametrize(
    ("kind", "dtype", "range"),
    [
        (TensorProto.UINT8, np.uint8, "0-255"),
        (TensorProto.INT8, np.int8, "-128-127"),
        (TensorProto.INT64, np.int64, "0-255"),
    ],
)
def test_integer_inputs_take_the_pixels_themselves(kind, dtype, range, tmp_path, images):
    nodes, constants = dense(range)
    cast = [NODE("Flatten", ["image"], ["cast"]), NODE("Cast", ["cast"], ["flat"], to=TensorProto.FLOAT)]
    path = saved(tmp_path, model([*cast, *nodes], constants, [28, 28], kind))
    pixels = (images.astype(np.int64) - (128 if dtype == np.int8 else 0)).astype(dtype)
    with load(path) as session:
        assert (session.info.contract.range, session.info.contract.dtype) == (range, dtype.__name__)
        assert close(session.scores(images), bare(path, pixels))


@pytest.mark.parametrize(
    ("kind", "dtype"), [(TensorProto.FLOAT16, np.float16), (TensorProto.DOUBLE, np.float64)]
)
def test_other_floats(kind, dtype, tmp_path, images):
    nodes, constants = dense()
    constants = {name: array.astype(dtype) for name, array in constants.items()}
    made = model(
        [NODE("Flatten", ["image"], ["flat"]), *nodes], constants, [28, 28], kind, [("scores", kind, 10)]
    )
    path = saved(tmp_path, made)
    with load(path, input_range="0-1") as session:
        assert close(session.scores(images), bare(path, (images / 255).astype(dtype)))


@pytest.mark.parametrize("squeezed", [False, True])
@pytest.mark.parametrize("end", ["Sigmoid", "Identity"])
def test_one_unit_is_two_classes(end, squeezed, tmp_path, images):
    """Also where a script for PyTorch has squeezed its axis away."""
    nodes, constants = dense(end=end)
    constants["head"], constants["head_bias"] = constants["head"][:, [9]], constants["head_bias"][[9]]
    flat = NODE("Flatten", ["image"], ["flat"])
    made = model([flat, *nodes], constants, [28, 28], outputs=[("scores", TensorProto.FLOAT, 1)])
    if squeezed:
        constants["axis"] = np.array([1])
        squeeze = NODE("Squeeze", ["scores", "axis"], ["row"])
        made = model([flat, *nodes, squeeze], constants, [28, 28])
        made.graph.output[0].CopyFrom(helper.make_tensor_value_info("row", TensorProto.FLOAT, ["batch"]))
    path = saved(tmp_path, made)
    raw = bare(path, (images / 255).astype(np.float32), "row" if squeezed else "scores").reshape(200)
    with load(path, input_range="0-1") as session:
        scores = session.scores(images)
        assert close(scores[:, 1], raw if end == "Sigmoid" else sigmoid(raw))
        assert close(scores.sum(axis=1), np.ones(200))


@pytest.mark.parametrize("axes", [(1, 10), (1, 1, 10), (10, 1, 1)])
def test_scores_with_axes_of_1(axes, tmp_path, images):
    """As a classifier of convolutions ends without a Flatten."""
    nodes, constants = dense()
    constants["sizes"] = np.array([-1, *axes])
    made = model(
        [NODE("Flatten", ["image"], ["flat"]), *nodes, NODE("Reshape", ["scores", "sizes"], ["wide"])],
        constants,
        [28, 28],
    )
    scores = helper.make_tensor_value_info("wide", TensorProto.FLOAT, ["batch", *axes])
    made.graph.output[0].CopyFrom(scores)
    path = saved(tmp_path, made)
    expected = bare(path, (images / 255).astype(np.float32), "wide").reshape(200, 10)
    with load(path, input_range="0-1") as session:
        assert close(session.scores(images), expected)


def test_classes_in_another_order_are_put_in_order(tmp_path, images):
    """Also once more behind the order that it was adopted with."""
    names = [f"class {letter}" for letter in "abcdefghij"]
    nodes, constants = dense()
    made = model([NODE("Flatten", ["image"], ["flat"]), *nodes], constants, [28, 28])
    made.metadata_props.add(key="labels", value="\n".join(names))
    path, copy = saved(tmp_path, made), tmp_path / "copy.onnx"
    first, second = names[3:] + names[:3], names[::-1]
    pytest.importorskip("fmnist_exporters")
    from fmnist_exporters.adopt import adopt

    with load(path, input_range="0-1") as session:
        expected = session.scores(images)
    with load(path, input_range="0-1", order=first) as session:
        adopt(session, None, copy)
    with load(copy) as session:
        assert session.info.labels == tuple(first)
        assert np.array_equal(session.scores(images), expected[:, [names.index(name) for name in first]])
    with load(copy, order=second) as session:
        assert session.info.labels == tuple(second)
        assert np.array_equal(session.scores(images), expected[:, ::-1])


def test_a_black_image_that_gives_nan_keeps_no_model_from_opening(tmp_path, images):
    """As of one that divides by an image's own deviation."""
    nodes, constants = dense()
    whole = [
        NODE("Flatten", ["image"], ["row"]),
        NODE("ReduceMax", ["row"], ["largest"], axes=[1]),
        NODE("Div", ["row", "largest"], ["flat"]),
    ]
    path = saved(tmp_path, model([*whole, *nodes], constants, [28, 28]))
    expected = bare(path, (images / 255).astype(np.float32))
    with load(path, input_range="0-1") as session:
        assert close(session.scores(images), expected)
        with pytest.raises(NonFiniteScoresError):
            session.scores(np.zeros_like(images[:1]))


def test_no_output_that_can_be_scores(tmp_path):
    nodes, constants = dense()
    made = model([NODE("Flatten", ["image"], ["flat"]), *nodes], constants, [28, 28])
    made.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 28, 28])
    )
    with pytest.raises(
        ModelError,
        match=r"none of its outputs is a row of float, 8-bit or 16-bit scores.*; it has image \?×28×28",
    ):
        load(saved(tmp_path, made))


@pytest.mark.parametrize("mapped", [False, True])
def test_scikit_learns_label_and_probabilities(mapped, tmp_path, images):
    """A linear classifier; with a ZipMap its probabilities are a map from the class to a number."""
    rng = np.random.default_rng(0)
    classes = [3, 5, 8]
    nodes = [
        NODE(
            "LinearClassifier",
            ["image"],
            ["label", "probabilities"],
            domain="ai.onnx.ml",
            coefficients=rng.normal(0, 0.1, 3 * 784).astype(np.float32).tolist(),
            intercepts=[0.1, 0.2, 0.3],
            classlabels_ints=classes,
            post_transform="SOFTMAX",
        )
    ]
    label = helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"])
    scores = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])
    if mapped:
        nodes.append(
            NODE("ZipMap", ["probabilities"], ["maps"], domain="ai.onnx.ml", classlabels_int64s=classes)
        )
        kind = helper.make_map_type_proto(
            TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, [])
        )
        scores = helper.make_value_info("maps", helper.make_sequence_type_proto(kind))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 784])
    graph = helper.make_graph(nodes, "graph", [image], [label, scores])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    path = saved(tmp_path, helper.make_model(graph, opset_imports=opsets, ir_version=8))
    expected = bare(path, (images / 255).astype(np.float32).reshape(-1, 784), scores.name)
    if mapped:
        expected = np.array([[row[label] for label in classes] for row in expected])
    with load(path, input_range="0-1") as session:
        assert close(session.scores(images), expected)
        assert session.info.labels == ("3", "5", "8")


def test_a_linear_classifier_of_a_million_coefficients(tmp_path, images):
    """ONNX has a field for each, not a list."""
    coefficients = np.random.default_rng(0).normal(0, 0.1, 1400 * 784).astype(np.float32)
    node = NODE(
        "LinearClassifier",
        ["image"],
        ["label", "scores"],
        domain="ai.onnx.ml",
        coefficients=coefficients.tolist(),
        intercepts=[0.0] * 1400,
        classlabels_strings=[f"class {index}" for index in range(1400)],
        post_transform="SOFTMAX",
    )
    path = saved(tmp_path, model([node], {}, [784], outputs=[("scores", TensorProto.FLOAT, 1400)]))
    expected = bare(path, (images / 255).astype(np.float32).reshape(-1, 784))
    with load(path, input_range="0-1") as session:
        assert close(session.scores(images), expected)
        assert session.info.labels[1399] == "class 1399"


def test_scores_come_in_the_order_of_classes_that_is_wanted(tmp_path, images):
    """As scikit-learn sorts its classes by name, and a data set does not."""
    names = ["apple", "boot", "coat"]
    zip_map = NODE("ZipMap", ["scores"], ["maps"], domain="ai.onnx.ml", classlabels_strings=names)
    nodes, constants = dense()
    constants["head"], constants["head_bias"] = constants["head"][:, :3], constants["head_bias"][:3]
    made = model([NODE("Flatten", ["image"], ["flat"]), *nodes, zip_map], constants, [28, 28])
    kind = helper.make_map_type_proto(
        TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    )
    made.graph.output[0].CopyFrom(helper.make_value_info("maps", helper.make_sequence_type_proto(kind)))
    path = saved(tmp_path, made)
    with load(path, input_range="0-1") as session:
        assert session.info.labels == ("apple", "boot", "coat")
        expected = session.scores(images)
    with load(path, input_range="0-1", order=["coat", "apple", "boot"]) as session:
        assert session.info.labels == ("coat", "apple", "boot")
        assert np.array_equal(session.scores(images), expected[:, [2, 0, 1]])
    with load(path, input_range="0-1", order=["coat", "apple", "hat"]) as session:
        assert session.info.labels == ("apple", "boot", "coat")


def test_two_outputs_that_both_could_be_scores(tmp_path, images):
    nodes, constants = dense()
    nodes.append(NODE("Softmax", ["hidden"], ["attention"]))
    outputs = [("scores", TensorProto.FLOAT, 10), ("attention", TensorProto.FLOAT, 16)]
    path = saved(
        tmp_path, model([NODE("Flatten", ["image"], ["flat"]), *nodes], constants, [28, 28], outputs=outputs)
    )
    with pytest.raises(
        ModelError, match=r"it has 2 outputs.*: scores \?×10, attention \?×16; name it with --output"
    ):
        load(path)
    with load(path, input_range="0-1", output="scores") as session:
        assert close(session.scores(images), bare(path, (images / 255).astype(np.float32)))


def test_weights_in_a_file_beside_the_model(tmp_path, images):
    nodes, constants = dense()
    made = model([NODE("Flatten", ["image"], ["flat"]), *nodes], constants, [28, 28])
    path = tmp_path / "model.onnx"
    onnx.save(made, path, save_as_external_data=True, location="model.onnx.data", size_threshold=100)
    weights_file = tmp_path / "model.onnx.data"
    with load(path, input_range="0-1") as session:
        assert close(session.scores(images), bare(path, (images / 255).astype(np.float32)))
        assert session.info.weights == (weights_file,)
        assert session.info.size_bytes == path.stat().st_size + weights_file.stat().st_size
    content = weights_file.read_bytes()
    weights_file.write_bytes(content[:-1])
    with pytest.raises(
        ModelError, match=r"its weights are in model\.onnx\.data, which ends at byte [\d,]+ of"
    ):
        load(path)
    weights_file.rename(tmp_path / "other")
    with pytest.raises(
        ModelError, match=r"its weights are in model\.onnx\.data, which is not there; copy it, too"
    ):
        load(path)
    weights_file.symlink_to(tmp_path / "other")
    with pytest.raises(ModelError, match=r"its weights are in model\.onnx\.data, which is a link"):
        load(path)


@pytest.mark.parametrize("place", ["../weights", "/etc/passwd", "folder/weights", "..", "a\\b", "c:weights"])
def test_weights_anywhere_else_are_not_read(place, tmp_path):
    nodes, constants = dense()
    made = model([NODE("Flatten", ["image"], ["flat"]), *nodes], constants, [28, 28])
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    with pytest.raises(
        ModelError, match=rf"in the file {re.escape(repr(place))}, and only a file beside the model"
    ):
        load(saved(tmp_path, made))


@pytest.mark.parametrize(
    ("properties", "range", "labels"),
    [
        ({"Image.NominalPixelRange": "Normalized_0_1"}, "0-1", None),
        ({"image.nominalpixelrange": "NORMALIZED_1_1", "Image.BitmapPixelFormat": "Gray8"}, "-1-1", None),
        (
            {"author": "Ultralytics", "task": "classify", "names": str(dict(enumerate("abcdefghij")))},
            "0-1",
            "abcdefghij",
        ),
        ({"labels": '["q", "w", "e", "r", "t", "y", "u", "i", "o", "p"]'}, None, "qwertyuiop"),
    ],
)
def test_metadata_properties_say_range_and_labels(properties, range, labels, tmp_path, images):
    nodes, constants = dense(range or "0-1")
    made = model([NODE("Flatten", ["image"], ["flat"]), *nodes], constants, [28, 28])
    helper.set_model_props(made, properties)
    with load(saved(tmp_path, made)) as session:
        assert session.info.contract.range == range
        assert session.info.labels == tuple(labels or "0123456789")
        if range:
            assert session.info.contract.known_from == "its ONNX metadata"
            session.scores(images)
        else:
            with pytest.raises(UnknownInputError):
                session.scores(images)


def test_logits_of_an_average_stay_probabilities(tmp_path, images):
    """Of two networks whose probabilities are added: no second softmax."""
    nodes, constants = dense()
    nodes += [NODE("Mul", ["scores", "half"], ["part"]), NODE("Add", ["part", "part"], ["mean"])]
    constants["half"] = np.array(0.5, np.float32)
    outputs = [("mean", TensorProto.FLOAT, 10)]
    path = saved(
        tmp_path, model([NODE("Flatten", ["image"], ["flat"]), *nodes], constants, [28, 28], outputs=outputs)
    )
    with load(path, input_range="0-1") as session:
        assert close(session.scores(images), bare(path, (images / 255).astype(np.float32), "mean"))


def test_small_logits_are_logits(tmp_path, images):
    """Between 0 and 1 for every image that is tried: the operator says what they are."""
    nodes, constants = dense(end="Identity")
    constants["head"], constants["head_bias"] = constants["head"] * 1e-4, np.full(10, 0.5, np.float32)
    path = saved(tmp_path, model([NODE("Flatten", ["image"], ["flat"]), *nodes], constants, [28, 28]))
    raw = bare(path, (images / 255).astype(np.float32))
    assert raw.min() > 0
    assert raw.max() < 1
    with load(path, input_range="0-1") as session:
        assert close(session.scores(images), softmax(raw))
