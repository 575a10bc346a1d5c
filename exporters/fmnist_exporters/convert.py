"""The converter of each format: from a classifier, a scheme and calibration images to the model's bytes."""

from fmnist_exporters import npz, onnx, tflite

CONVERT = {"tflite": tflite.convert, "onnx": onnx.convert, "npz": npz.convert}
