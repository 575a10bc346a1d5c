"""Private names of TensorFlow, in one place.

- ``convert_variables_to_constants_v2`` freezes a graph. With variables, TFLite's converter writes a file that
  loads and returns NaN, and tf2onnx turns some constants into inputs.
- ``ConverterError`` names the operators that cannot be converted.
- ``mlir_quantize`` can leave some tensors in float, which ``tf.lite.TFLiteConverter`` cannot. The public
  ai-edge-quantizer 0.10 can and is as good, but needs SciPy (140 MB), exactly ai-edge-litert 2.3.0, and a
  signature, which some converted models lack. Both with the same rounded weights and ranges (see `tflite`),
  test images in 10,000 whose class changes, accuracy and size in bytes:

    ================================ =================== ===================
    500 calibration images           ``mlir_quantize``   ai-edge-quantizer
    ================================ =================== ===================
    default network, int8             16 86.64% 111,456   16 86.64% 111,448
    default network, int8-full       114 86.64% 107,744  114 86.64% 107,720
    CNN, int8                        101 87.90%  74,288  101 87.90%  74,192
    CNN, int8-full                    72 87.86%  27,368   72 87.86%  27,320
    GRU, int8                         72 80.55% 318,704   85 80.69% 217,992
    ================================ =================== ===================

  With its own calibration, a moving average, 13 and 66 images change on the default network, but the largest
  difference of a probability grows from 0.03 to 0.14, and from 0.06 to 0.43.

The names are from TensorFlow 2.21; ``tests/exporters/test_private_names.py`` checks the installed version.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import keras
import tensorflow as tf
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.python.convert_phase import ConverterError as ConverterError
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from fmnist_exporters.original.rebuild import walk
from fmnist_exporters.original.reduce import call_named


def inference_function(model: keras.Model) -> Any:
    """Return a reduced model as a function from raw pixels to scores, with its weights as constants.

    The name of each operator begins with its layer's: ``hidden_1/...``.

    Args:
        model: The result of `fmnist_exporters.original.reduce.reduce`.

    Returns:
        A concrete ``tf.function`` from float32 ``[N, *image_shape]``, named ``image``, to float32
        ``[N, classes]``, with a free batch size.
    """

    def forward(image: Any) -> Any:
        return walk(model, call_named, image)

    image = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name="image")
    # Keras has no Python control flow to convert, and looking for it takes half of the time.
    function = tf.function(forward, autograph=False).get_concrete_function(image)
    return convert_variables_to_constants_v2(function, lower_control_flow=False)


def quantise(calibrated: bytes, float_tensors: Collection[str] | None) -> bytes:
    """Quantise a TFLite model to int8, with an int8 input.

    Args:
        calibrated: A float model whose tensors have ranges.
        float_tensors: Names of the tensors whose operators stay float32, as the output does; None to quantise
            everything, with an int8 output.
    """
    return bytes(
        mlir_quantize(
            calibrated,
            fully_quantize=float_tensors is None,
            input_data_type=tf.int8,
            output_data_type=tf.int8 if float_tensors is None else tf.float32,
            denylisted_nodes=float_tensors,
        )
    )
