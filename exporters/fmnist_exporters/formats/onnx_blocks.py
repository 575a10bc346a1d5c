"""Images handed to ONNX Runtime in blocks, whose activations take a bounded memory.

All activations are counted, as those of Keras are; ONNX Runtime frees some before, so that it takes less.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from onnxruntime.quantization import CalibrationDataReader

from fmnist_exporters.original.layers import BLOCK_BYTES

Feed = dict[str, NDArray[np.float32]]
"""What a session is given: by the input's name its tensor."""


def blocks(model: onnx.ModelProto, images: NDArray[np.uint8]) -> Iterator[Feed]:
    """The images in their order, as many at once as fit into `BLOCK_BYTES`, at least one.

    Args:
        model: A model of float32 pixels 0–255 with one input and a free batch size.
        images: uint8 ``[N, *image_shape]``.

    Yields:
        float32 ``[n, *image_shape]`` under the input's name.
    """
    most = max(1, BLOCK_BYTES // activation_bytes(model))
    for start in range(0, len(images), most):
        yield {model.graph.input[0].name: images[start : start + most].astype(np.float32)}


def activation_bytes(model: onnx.ModelProto) -> int:
    """Bytes of all float32 tensors that one image makes, input included, as far as shapes can be inferred."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    return sum(
        4 * math.prod(size.dim_value or 1 for size in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
    )


def scores(model: onnx.ModelProto, feeds: Iterable[Feed]) -> NDArray[np.float32]:
    """What a model answers, float32 ``[N, classes]``."""
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, feed)[0] for feed in feeds])


class BlockReader(CalibrationDataReader):  # type: ignore[misc]
    """Hands the quantiser its images block by block.

    Its calibrater keeps of each block the least and the greatest element of every tensor, and these of all
    blocks are those of all images.
    """

    def __init__(self, model: onnx.ModelProto, images: NDArray[np.uint8]) -> None:
        self._blocks = blocks(model, images)

    def get_next(self) -> Feed | None:
        """The next block; None when there are no more."""
        return next(self._blocks, None)
