"""Convert a network with the stock converters, on the images that ours were calibrated on.

As a script, ``stock.py MODEL DATA FOLDER`` writes into the folder the network's predictions for the test
images (``original.npy``), a file for each recipe, and ``reasons.json`` with the reasons for missing files.
The folder's ``calibration.json`` has the images' indices. The script skips recipes that have a reason, so
that it can run again if one recipe ended it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.data.datasets import load_dataset

RECIPES = ("tflite float16", "tflite dynamic", "tflite int8", "tflite int8-full", "onnx int8")
"""Recipes with a stock counterpart."""
ANSWERS, CALIBRATION, REASONS = "original.npy", "calibration.json", "reasons.json"
BLOCK = 100
"""Images per call of onnxruntime and Keras."""


def stock_path(folder: Path, recipe: str) -> Path:
    """Return the path of a recipe's file, such as ``stock-int8.tflite``."""
    format, scheme = recipe.split()
    return folder / f"stock-{scheme}.{format}"


def convert(model: Path, data: Path, folder: Path, calibration: list[int]) -> dict[str, str]:
    """Convert a network by every recipe in its own process, which starts again if a recipe ends it.

    Returns:
        The reason for each missing file, by recipe.
    """
    (folder / CALIBRATION).write_text(json.dumps(calibration))
    reasons = folder / REASONS
    reasons.write_text("{}")
    command = [sys.executable, __file__, str(model), str(data), str(folder)]
    for _ in RECIPES:
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            break
    found: dict[str, str] = json.loads(reasons.read_text())
    return found


def stock_answers(path: Path, data: Path) -> NDArray[np.intp]:
    """Return the classes that a stock file predicts for the test images.

    Args:
        path: A TFLite file that takes one image, or an ONNX file that takes any number.
        data: Folder of the images.

    Returns:
        intp ``[N]``.
    """
    images = load_dataset(str(data), "test").images
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        blocks = np.split(images, range(BLOCK, len(images), BLOCK))
        scores = [session.run(None, {name: block.astype(np.float32)})[0] for block in blocks]
        return np.asarray(np.concatenate(scores).argmax(axis=1))
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    [taken], [given] = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero = taken["quantization"]
    answers = np.empty(len(images), np.intp)
    for number, image in enumerate(images):
        pixels = image[np.newaxis].astype(np.float32)
        if taken["dtype"] is np.int8:
            pixels = np.clip(np.round(pixels / scale + zero), -128, 127).astype(np.int8)
        interpreter.set_tensor(taken["index"], pixels)
        interpreter.invoke()
        answers[number] = interpreter.get_tensor(given["index"])[0].argmax()
    return answers


def _tflite(model: Any, scheme: str, calibration: NDArray[np.float32]) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if scheme.startswith("int8"):
        converter.representative_dataset = lambda: ([image[np.newaxis]] for image in calibration)
    if scheme == "int8-full":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def _onnx(model: Any, path: Path, calibration: NDArray[np.float32]) -> None:
    import tensorflow as tf
    import tf2onnx
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """One image at a time."""

        def __init__(self, images: Iterator[NDArray[np.float32]]) -> None:
            self._images = images

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            image = next(self._images, None)
            return None if image is None else {"image": image[np.newaxis]}

    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="image")]
    floats = path.with_name("stock-float32.onnx")
    tf2onnx.convert.from_function(
        tf.function(lambda image: model(image, training=False), input_signature=signature),
        input_signature=signature,
        output_path=str(floats),
    )
    quantize_static(floats, path, Reader(iter(calibration)))


def _main(path: Path, data: str, folder: Path) -> None:
    import keras

    model = keras.saving.load_model(path)
    answers = folder / ANSWERS
    if not answers.is_file():
        images = load_dataset(data, "test").images
        np.save(answers, model.predict(images, batch_size=BLOCK, verbose=0).argmax(axis=1))
    numbers = json.loads((folder / CALIBRATION).read_text())
    calibration = load_dataset(data, "train").images[numbers].astype(np.float32)
    for recipe in RECIPES:
        made, reasons = stock_path(folder, recipe), json.loads((folder / REASONS).read_text())
        if recipe in reasons or made.is_file():
            continue
        reasons[recipe] = "ends the process"
        (folder / REASONS).write_text(json.dumps(reasons))
        try:
            if made.suffix == ".onnx":
                _onnx(model, made, calibration)
            else:
                made.write_bytes(_tflite(model, recipe.split()[1], calibration))
            del reasons[recipe]
        except Exception as error:  # converters raise errors without another common base
            made.unlink(missing_ok=True)
            reasons[recipe] = f"{type(error).__name__}: {error}"
        (folder / REASONS).write_text(json.dumps(reasons))


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    _main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
