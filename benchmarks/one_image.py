"""Time one image, from uint8 to probabilities: each artifact against its bare engine, int8 TFLite and Keras.

Every round takes the next 200 test images. Each contender runs them once unrecorded, so that its weights and
its input are in the cache, and once with a clock around each call. Bare input is up to four times larger than
ours. Without the unrecorded pass it would be fetched more slowly, and the bare loop would not be at its best.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from bare_engines import bare, converted
from claims import Claim, Part
from numpy.typing import NDArray
from side_by_side import Measure, Times, in_turn, ratio, ratio_of_medians, report

from fmnist_runtime import Session, load

ROUNDS = 100
CALLS = 200
KERAS_CALLS = {"model(x)": 3, "model.predict": 1}
"""Calls per round. One takes milliseconds, the other tens of milliseconds."""
LIMITS = {"tflite int8": 1.4, "tflite float32": 1.1, "onnx float32": 0.9, "onnx int8": 0.9}
"""Maximum multiple of the bare engine's time."""
CLASSIFY_LIMIT_US = 2.0
KERAS_LIMITS = {"model(x)": 300, "model.predict": 5000}
"""Minimum speed-up of int8 TFLite."""
EMPTY = "an empty call"
OURS, CLASSIFY = "tflite int8", "tflite int8 classify"


def measure(artifacts: dict[str, Path], images: NDArray[np.uint8], keras_model: Any) -> Part:
    """Measure and print.

    Args:
        artifacts: Files by recipe, such as ``tflite int8``.
        images: uint8 ``[N, 28, 28]``, the test images.
        keras_model: The original.
    """
    singles = _singles(images)
    floats = _singles(images.astype(np.float32))
    contenders: dict[str, Measure] = {EMPTY: _calls(lambda image: image, singles)}
    with ExitStack() as stack:
        sessions: dict[str, Session] = {
            recipe: stack.enter_context(load(path, threads=1)) for recipe, path in artifacts.items()
        }
        for recipe, session in sessions.items():
            path = artifacts[recipe]
            contenders[recipe] = _calls(session.scores, singles)
            contenders[f"{recipe} bare"] = _calls(bare(path, 1), _singles(converted(path, images)))
        contenders[CLASSIFY] = _calls(sessions[OURS].classify, list(images))
        contenders |= _keras(keras_model, floats)
        times = in_turn(contenders, ROUNDS)

    _show(times, list(artifacts))
    body: dict[str, object] = {
        name: {
            "p50_us": item.percentile(50) / 1000,
            "p99_us": item.percentile(99) / 1000,
            "p50_by_round_us": [round(value / 1000, 3) for value in item.by_round],
        }
        for name, item in times.items()
    }
    return Part(_claims(times), body)


def _show(times: dict[str, Times], recipes: list[str]) -> None:
    rows = []
    for recipe in recipes:
        ours, engine = times[recipe], times[f"{recipe} bare"]
        row = [_us(ours.percentile(50)), _us(ours.percentile(99)), _us(engine.percentile(50))]
        ratios = [f"{ratio_of_medians(ours, engine):.2f}", f"{ratio(ours, engine):.2f}"]
        rows.append([recipe, *row, *ratios, f"{LIMITS[recipe]:g}" if recipe in LIMITS else "-"])
    header = ["recipe", "p50 µs", "p99 µs", "bare p50 µs", "of medians", "by round", "limit"]
    report(f"One image ({ROUNDS} rounds of {CALLS} calls)", header, rows)
    others = [EMPTY, OURS, CLASSIFY, *KERAS_LIMITS]
    print()
    for name in others:
        print(f"{name:21} {_us(times[name].percentile(50)):>9} µs")
    print(f"The clock and {EMPTY} are part of every figure, on both sides of each ratio.", flush=True)


def _claims(times: dict[str, Times]) -> list[Claim]:
    differences = zip(times[CLASSIFY].by_round, times[OURS].by_round, strict=True)
    extra_us = statistics.median(ours - scores for ours, scores in differences) / 1000
    claims = [
        Claim(
            f"one image: {recipe} ÷ its bare engine",
            ratio(times[recipe], times[f"{recipe} bare"]),
            "times",
            limit,
        )
        for recipe, limit in LIMITS.items()
    ]
    claims.append(Claim("one image: classify − scores", extra_us, "µs", CLASSIFY_LIMIT_US))
    claims += [
        Claim(f"one image: {name} ÷ {OURS}", ratio(times[name], times[OURS]), "times", limit, at_least=True)
        for name, limit in KERAS_LIMITS.items()
    ]
    return claims


def _singles(images: NDArray[Any]) -> list[NDArray[Any]]:
    return [images[i : i + 1] for i in range(len(images))]


def _calls(function: Callable[[Any], object], inputs: Sequence[Any], calls: int = CALLS) -> Measure:
    """Return a measure of single calls with the round's inputs."""
    clock = time.perf_counter_ns

    def block(number: int) -> list[float]:
        start = number * CALLS % len(inputs)
        turn = inputs[start : start + calls]
        for item in turn:
            function(item)
        times: list[float] = []
        for item in turn:
            begin = clock()
            function(item)
            times.append(clock() - begin)
        return times

    return block


def _keras(model: Any, floats: list[NDArray[np.float32]]) -> dict[str, Measure]:
    import tensorflow as tf

    tensors = [tf.constant(image) for image in floats]
    functions = {
        "model(x)": (model, tensors),
        "model.predict": (lambda image: model.predict(image, verbose=0), floats),
    }
    return {
        name: _calls(function, inputs, KERAS_CALLS[name]) for name, (function, inputs) in functions.items()
    }


def _us(nanoseconds: float) -> str:
    return f"{nanoseconds / 1000:,.2f}"
