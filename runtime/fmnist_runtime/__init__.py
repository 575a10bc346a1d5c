"""Run exported image classifiers on a device with NumPy and one engine, without TensorFlow.

import fmnist_runtime

with fmnist_runtime.load("model-int8.tflite") as session:
    print(session.classify(image))  # Prediction(label='Ankle boot', index=9, probability=0.98)
"""

from fmnist_runtime.errors import FmnistError
from fmnist_runtime.sessions import ModelInfo, Prediction, Session, load

__all__ = ["FmnistError", "ModelInfo", "Prediction", "Session", "load"]
