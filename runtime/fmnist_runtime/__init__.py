"""Run exported image classifiers on a device with NumPy and one engine, without TensorFlow.

import fmnist_runtime

with fmnist_runtime.load("model-int8.tflite") as session:
    print(session.classify(image))  # Prediction(label='Ankle boot', index=9, probability=0.98)
"""

import os

# Since 1.29 ONNX Runtime writes an identifier into the home directory and sends what it is used for to its
# makers, unless this is set before it is imported (https://github.com/microsoft/onnxruntime/pull/27379).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from fmnist_runtime.engines import ModelInfo, Prediction, Session, load
from fmnist_runtime.errors import FmnistError

__all__ = ["FmnistError", "ModelInfo", "Prediction", "Session", "load"]
