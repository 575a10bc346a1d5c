"""ONNX float32 → ONNX int8, with quantise and dequantise nodes around integer layers.

Choices and reasons (default network, average of five seeds, 500 calibration images; figures are the number of
10,000 test images that change class; the processor without VNNI is an emulated Haswell):

- Activations and weights are uint8. Where x86 has AVX2 but not VNNI, ONNX Runtime multiplies uint8 by int8
  with an instruction that saturates at 16 bits, and converts int8 activations to uint8 first: 8.0 images
  become 21.8, and a probability is wrong by up to 0.31. uint8 by uint8 gives the same probabilities there as
  elsewhere, to 1e-38. See https://github.com/microsoft/onnxruntime/pull/12088.
- Weights of 7 bits (``reduce_range``), the alternative, change 29.2 where 8 bits change 14.6, both rounded to
  the nearest.
- Weights are rounded as int8, symmetric per channel, and then stored 128 higher with zero point 128. The
  quantiser's own uint8 has another grid than the one that the weights are rounded to.
- The range of an activation is that of the calibration images. Entropy finds the same range; the percentile
  99.999 changes 8.6 and 99.95 changes 8.4.
- Every operator before the last linear one is quantised. Activations such as ReLU are then fused into the
  layer before, and the engine runs ``QuantizeLinear Reshape QGemm DequantizeLinear Gemm Softmax``.
- Dense layers must be ``Gemm``. ``MatMul`` and ``Add`` are each rounded, which changes 57 instead of 18
  (first seed, weights rounded to the nearest).

Where activations are multiplied by each other, as in hard swish, SiLU, GELU and squeeze-and-excite, the best
way differs between models and is measured, see `_choose`. Agreement with float32 and mean difference of a
probability, on 3,000 training images, for networks of ten convolutions (depthwise and residual):

    ======================================= ================ ================
    quantisation                            hard swish       SiLU
    ======================================= ================ ================
    onnxruntime's defaults                  94.47%, 0.0092  96.20%, 0.0062
    all operators integer                   92.20%, 0.0127  96.97%, 0.0047
    the same, biases corrected              96.90%, 0.0056  98.00%, 0.0031
    activations in float                    97.00%, 0.0049  97.30%, 0.0044
    the same, biases corrected              96.17%, 0.0062  98.23%, 0.0029
    ======================================= ================ ================

One seed each, with all 500 images for calibration and correction. The type of the activations makes no
difference: int8 is the same grid as uint8, shifted, and gave the same figures with the defaults (hard swish).

Images run in blocks of bounded memory, in which all activations are counted, although ONNX Runtime frees
some.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime import InferenceSession
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from fmnist_exporters.formats.bias_correction import Feed, correct_biases
from fmnist_exporters.original.layers import BLOCK_BYTES

_LINEAR = ("Gemm", "MatMul", "Conv")
_MOVING = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Gather")
"""Operators that only reorder or reshape pixels; channels are gathered for BGR models."""
_PIXELS = {"rmin": np.float32(0), "rmax": np.float32(255)}
"""Range of the pixels, independent of the calibration images, so that they map one to one onto uint8."""
_SIMPLIFIED = {"onnx.quant.pre_process": "onnxruntime.quant"}
"""Marks a model as simplified, or the quantiser logs advice to simplify it."""
_GATES = ("Mul", "Div", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Erf")
"""Operators of hard swish, SiLU, GELU and squeeze-and-excite in tf2onnx's output."""
_HELD_BACK = 4
"""One in this many calibration images is held back for the choice: 125 of 500."""
_CORRECTING = 3
"""One in this many of the others corrects biases, whose means are taken over all positions as well."""


def quantize(content: bytes, calibration: NDArray[np.uint8]) -> bytes:
    """Quantise all operators before the last linear one.

    Args:
        content: A float32 ONNX classifier of raw pixels 0–255, with one input.
        calibration: uint8 ``[N, *image_shape]``, training images.

    Returns:
        The ONNX model, with the same float32 input and output.
    """
    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(model, _SIMPLIFIED)
    # Without gates there is nothing to choose, which saves time.
    quantised = _choose(model, calibration) if _has_gate(model.graph) else _quantise(model, calibration)
    quantised.ClearField("metadata_props")
    onnx.checker.check_model(quantised)
    return bytes(quantised.SerializeToString(deterministic=True))


def _has_gate(graph: onnx.GraphProto) -> bool:
    """Return whether activations are multiplied by each other, not only by constants."""
    constants = {constant.name for constant in graph.initializer}
    return any(node.op_type == "Mul" and constants.isdisjoint(node.input) for node in graph.node)


def _choose(model: onnx.ModelProto, calibration: NDArray[np.uint8]) -> onnx.ModelProto:
    """Quantise in four ways, and return the model whose probabilities are nearest to float32.

    Gates are integer or float, and biases are corrected or not. The images for the comparison are held back,
    and the model is not calibrated on them afterwards.
    """
    held_back = np.arange(len(calibration)) % _HELD_BACK == 0
    seen = calibration if held_back.all() else calibration[~held_back]  # all, if it is a single image
    unseen = calibration[held_back]
    wanted = _scores(model, blocks(model, unseen))
    candidates: list[onnx.ModelProto] = []
    for in_float in ((), _GATES):
        quantised = _quantise(model, seen, in_float)
        corrected = onnx.ModelProto()
        corrected.CopyFrom(quantised)
        correct_biases(corrected, model, blocks(model, seen[::_CORRECTING]))
        candidates += [quantised, corrected]
    errors = [np.abs(_scores(candidate, blocks(model, unseen)) - wanted).mean() for candidate in candidates]
    return candidates[int(np.argmin(errors))]


def _quantise(
    model: onnx.ModelProto, calibration: NDArray[np.uint8], in_float: tuple[str, ...] = ()
) -> onnx.ModelProto:
    """Return the model in integers, except for its end and for some kinds of operators."""
    nodes = model.graph.node
    last = max((i for i, node in enumerate(nodes) if node.op_type in _LINEAR), default=0)
    excluded = [node.name for i, node in enumerate(nodes) if i >= last or node.op_type in in_float]
    copy = onnx.ModelProto()
    copy.CopyFrom(model)  # the quantiser moves the weights of its argument to a file
    with TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"  # the quantiser writes only files
        quantize_static(
            copy,
            path,
            BlockReader(model, calibration),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=excluded,
            extra_options={"TensorQuantOverrides": {name: [_PIXELS] for name in _pixel_tensors(model.graph)}},
        )
        quantised = onnx.load(path)
    _offset_weights(quantised.graph)
    return quantised


def _pixel_tensors(graph: onnx.GraphProto) -> list[str]:
    """Return the names of the input and of tensors that only move its pixels."""
    names = [graph.input[0].name]
    for node in graph.node:
        if node.op_type in _MOVING and node.input[0] in names:
            names.append(node.output[0])
    return names


def _offset_weights(graph: onnx.GraphProto) -> None:
    """Store int8 weights as uint8 with zero point 128, which represents the same numbers."""
    constants = {constant.name: constant for constant in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            for name in (node.input[0], node.input[2]):
                constant = constants.get(name)
                if constant is not None and constant.data_type == onnx.TensorProto.INT8:
                    offset = numpy_helper.to_array(constant).view(np.uint8) ^ np.uint8(128)
                    constant.CopyFrom(numpy_helper.from_array(offset, name))


def blocks(model: onnx.ModelProto, images: NDArray[np.uint8]) -> Iterator[Feed]:
    """Yield the images in order, in blocks that fit into `BLOCK_BYTES`, of at least one image.

    Args:
        model: A model of float32 pixels 0–255, with one input and a free batch size.
        images: uint8 ``[N, *image_shape]``.

    Yields:
        float32 ``[n, *image_shape]`` under the input's name.
    """
    most = max(1, BLOCK_BYTES // activation_bytes(model))
    for start in range(0, len(images), most):
        yield {model.graph.input[0].name: images[start : start + most].astype(np.float32)}


def activation_bytes(model: onnx.ModelProto) -> int:
    """Return the bytes of all float32 tensors of one image whose shapes can be inferred."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    return sum(
        4 * math.prod(size.dim_value or 1 for size in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
    )


def _scores(model: onnx.ModelProto, feeds: Iterable[Feed]) -> NDArray[np.float32]:
    """Return the scores of a model, float32 ``[N, classes]``."""
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, feed)[0] for feed in feeds])


class BlockReader(CalibrationDataReader):  # type: ignore[misc]
    """Passes images to the quantiser in blocks.

    Its calibrator keeps the smallest and the largest element of every tensor, so that blocks change nothing.
    """

    def __init__(self, model: onnx.ModelProto, images: NDArray[np.uint8]) -> None:
        self._blocks = blocks(model, images)

    def get_next(self) -> Feed | None:
        """Return the next block; None at the end."""
        return next(self._blocks, None)
