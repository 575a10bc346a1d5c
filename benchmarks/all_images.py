"""Time all 10,000 test images: each artifact against its bare engine at the best of several block sizes.

A few rounds first find the best block size. Then our runtime and the bare engine at the best and neighbouring
block sizes run in turn, and our time is compared with the fastest of these. Last, int8 TFLite is compared
with one run of the float32 ONNX model over all images, and its accuracy computation with Keras `evaluate`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from bare_engines import bare, bare_loop, converted
from claims import Claim, Part
from side_by_side import (
    Times,
    in_turn,
    milliseconds,
    once,
    progress,
    ratio,
    ratio_of_medians,
    report,
)

from fmnist_runtime import load
from fmnist_runtime.data.datasets import Dataset

BLOCKS = (32, 64, 128, 256, 512, 1024, 10_000)
SEARCH_ROUNDS = 5
ROUNDS = 50
KERAS_ROUNDS = 15
LIMIT = 1.15
"""Maximum multiple of the bare engine's time at its best block size."""
KERAS_BATCHES = (32, 1000)
"""Keras's default, which the lecture uses, and a faster batch size."""
EVALUATE_LIMIT, ONNX_LIMIT = 20, 3
"""Minimum speed-up of int8 TFLite over the lecture's `evaluate`, and over one run of ONNX."""
OURS, ONE_RUN = "tflite int8", "one run of ONNX"
ACCURACY, EVALUATE = "accuracy by tflite int8", "evaluate, batches of {}"


def measure(artifacts: dict[str, Path], test: Dataset, keras_model: Any) -> Part:
    """Measure and print. Takes the arguments of `one_image.measure`, but a data set with labels."""
    claims, rows = [], []
    body: dict[str, object] = {}
    for recipe, path in artifacts.items():
        times, best = _beside_bare(path, test)
        ours, engine = times["ours"], times[str(best)]
        figures = [f"{item.percentile(50) / 1e6:.2f}" for item in (ours, engine)]
        ratios = [f"{ratio_of_medians(ours, engine):.2f}", f"{ratio(ours, engine):.2f}"]
        rows.append([recipe, figures[0], f"{best:,}", figures[1], *ratios, f"{LIMIT:g}"])
        claims.append(Claim(f"all images: {recipe} ÷ its bare engine", ratio(ours, engine), "times", LIMIT))
        body[recipe] = {"best_block": best, "ms": milliseconds(times)}
        progress(f"all images: {recipe} done")
    header = ["recipe", "ms", "best block", "bare ms", "of medians", "by round", "limit"]
    report(f"All {len(test.images):,} images ({ROUNDS} rounds)", header, rows)

    times = _beside_others(artifacts, test, keras_model)
    base = {ONE_RUN: OURS, **{EVALUATE.format(batch): ACCURACY for batch in KERAS_BATCHES}}
    faster = {name: ratio(times[name], times[ours]) for name, ours in base.items()}
    rows = [
        [
            name,
            f"{item.percentile(50) / 1e6:.2f}",
            f"{faster[name]:.1f} × {base[name]}" if name in base else "",
        ]
        for name, item in times.items()
    ]
    report(f"Beside others ({KERAS_ROUNDS} rounds)", ["way", "ms", "by round"], rows)
    limits = {ONE_RUN: ONNX_LIMIT, EVALUATE.format(KERAS_BATCHES[0]): EVALUATE_LIMIT}
    claims += [
        Claim(f"all images: {name} ÷ {base[name]}", faster[name], "times", limit, at_least=True)
        for name, limit in limits.items()
    ]
    return Part(claims, {**body, "beside_others_ms": milliseconds(times)})


def _beside_bare(path: Path, test: Dataset) -> tuple[dict[str, Times], int]:
    """Return the times of our runtime and of the bare engine by block size, and the best block size."""
    inputs = converted(path, test.images)
    loops = {block: once(bare_loop(path, inputs, block)) for block in BLOCKS}
    found = in_turn({str(block): loop for block, loop in loops.items()}, SEARCH_ROUNDS)
    position = BLOCKS.index(min(BLOCKS, key=lambda block: found[str(block)].percentile(50)))
    near = BLOCKS[max(0, position - 1) : position + 2]
    with load(path, threads=1) as session:
        same = session.scores(test.images).argmax(axis=1) == bare_loop(path, inputs, BLOCKS[0])().argmax(
            axis=1
        )
        assert same.mean() > 0.999, f"{path} and its bare engine do not do the same"
        ours = once(partial(session.scores, test.images))
        times = in_turn({"ours": ours, **{str(block): loops[block] for block in near}}, ROUNDS)
    return times, min(near, key=lambda block: times[str(block)].percentile(50))


def _beside_others(artifacts: dict[str, Path], test: Dataset, model: Any) -> dict[str, Times]:
    """Return times of int8 TFLite, one run of ONNX, and the accuracy by int8 TFLite and by Keras."""
    images, floats, targets = test.images, test.images.astype(np.float32), test.targets
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    with load(artifacts[OURS], threads=1) as session:
        ways: dict[str, Callable[[], object]] = {
            OURS: partial(session.scores, images),
            ONE_RUN: partial(bare(artifacts["onnx float32"], len(floats)), floats),
            ACCURACY: lambda: (session.scores(images).argmax(axis=1) == targets).mean(),
        }
        for batch in KERAS_BATCHES:
            ways[EVALUATE.format(batch)] = partial(
                model.evaluate, floats, targets, batch_size=batch, verbose=0
            )
        return in_turn({name: once(way) for name, way in ways.items()}, KERAS_ROUNDS)
