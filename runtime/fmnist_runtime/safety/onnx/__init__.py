"""An ONNX file, read without trusting anything in it."""
