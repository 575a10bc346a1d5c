"""The converter of each format: from a classifier, a scheme and calibration images to a file's bytes."""

from fmnist_exporters import onnx, tflite

CONVERT = {"tflite": tflite.convert, "onnx": onnx.convert}
