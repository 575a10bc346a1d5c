"""The baseline for the runtime: each engine in a bare loop, on converted input.

The loops check and convert nothing. They are as fast as the engine's public interface allows: bound methods
in local variables, tensors resized and slices cut beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Run = Callable[[Array], Array]


def converted(path: Path, images: NDArray[np.uint8]) -> Array:
    """Convert images to the model's own input type: float32, or quantised int8."""
    if path.suffix == ".tflite":
        pixels = _interpreter(path).get_input_details()[0]
        if pixels["dtype"] != np.float32:
            scale, zero_point = pixels["quantization"]
            integers: Array = np.clip(np.rint(images / scale) + zero_point, -128, 127).astype(pixels["dtype"])
            return integers
    return images.astype(np.float32)


def bare(path: Path, batch: int) -> Run:
    """Return a function that runs one batch of this size."""
    engines = {".tflite": _tflite, ".onnx": _onnx, ".npz": _npz}
    return engines[path.suffix](path, batch)


def bare_loop(path: Path, inputs: Array, block: int) -> Callable[[], Array]:
    """Return a function that runs all inputs block by block.

    The last block may be shorter. The array of scores is allocated beforehand.
    """
    whole, rest = bare(path, block), len(inputs) % block
    last = bare(path, rest) if rest else whole
    scores = np.empty((len(inputs), 10), last(inputs[len(inputs) - (rest or block) :]).dtype)
    starts = range(0, len(inputs), block)
    plan = [(whole, inputs[i : i + block], scores[i : i + block]) for i in starts]
    plan[-1] = (last, *plan[-1][1:])

    def loop() -> Array:
        for run, block_inputs, block_scores in plan:
            block_scores[:] = run(block_inputs)
        return scores

    return loop


def _interpreter(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_path=str(path), num_threads=1)


def _tflite(path: Path, batch: int) -> Run:
    interpreter = _interpreter(path)
    pixels, scores = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(pixels["index"], (batch, *pixels["shape"][1:]))
    interpreter.allocate_tensors()
    set_tensor, invoke, get_tensor = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor
    input_index, output_index = pixels["index"], scores["index"]

    def run(inputs: Array) -> Array:
        set_tensor(input_index, inputs)
        invoke()
        return get_tensor(output_index)  # type: ignore[no-any-return]

    return run


def _onnx(path: Path, _batch: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    engine_run, name = session.run, session.get_inputs()[0].name

    def run(inputs: Array) -> Array:
        return engine_run(None, {name: inputs})[0]  # type: ignore[no-any-return]

    return run


def _npz(path: Path, batch: int) -> Run:
    """Run the default network, a hidden layer with ReLU and an output layer with softmax, in plain NumPy."""
    with np.load(path) as arrays:
        kernel, bias, last_kernel, last_bias = (
            arrays[name] for name in ("0.kernel", "0.bias", "1.kernel", "1.bias")
        )
    hidden, scores = np.empty((batch, len(bias)), np.float32), np.empty((batch, len(last_bias)), np.float32)
    matmul, add, maximum, exp, divide = np.matmul, np.add, np.maximum, np.exp, np.divide
    pixels = len(kernel)

    def run(inputs: Array) -> Array:
        matmul(inputs.reshape(-1, pixels), kernel, hidden)
        add(hidden, bias, hidden)
        maximum(hidden, 0, hidden)
        matmul(hidden, last_kernel, scores)
        add(scores, last_bias, scores)
        exp(scores - scores.max(axis=1, keepdims=True), scores)
        divide(scores, scores.sum(axis=1, keepdims=True), scores)
        return scores

    return run
