"""Reading an ONNX file without trusting it."""
