"""Compare `fmnist train` with the lecture's own loop: time per epoch and test accuracy.

Three ways to train the same network, each in a process of its own, in turn, for each of five seeds:

- ``lecture as written``: plain `model.fit` on raw pixels, without normalisation;
- ``lecture, normalised``: the same on pixels divided by 255, as the lecture teaches;
- ``fmnist train``: the command, with a checkpoint after each epoch.

Epochs, batch size, optimizer and number of steps are the same. Time per epoch is the median over the epochs
after the first of each process, which includes tracing. ``--preset best`` and the second lecture, on MNIST
digits, are also trained. Writes results/training.json.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from claims import Claim, conclude
from trained import ROOT

SEEDS = range(5)
SPEED_LIMIT, LOSS_LIMIT = 3.0, 0.3

LECTURE = """
import json, os, sys, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
from pathlib import Path
from fmnist_runtime.data.datasets import load_dataset

seed, scale = int(sys.argv[1]), float(sys.argv[2])
training, test = (load_dataset("fashion-mnist", split, Path("data")) for split in ("train", "test"))
keras.utils.set_random_seed(seed)
model = keras.Sequential([
    keras.Input((28, 28)),
    keras.layers.Flatten(),
    keras.layers.Dense(128, activation="relu"),
    keras.layers.Dropout(0.2),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
begins, ends = [], []
clock = keras.callbacks.LambdaCallback(
    on_epoch_begin=lambda epoch, logs: begins.append(time.perf_counter()),
    on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter()),
)
model.fit(
    training.images / scale, training.targets, epochs=10, validation_split=0.1, verbose=0, callbacks=[clock]
)
_, accuracy = model.evaluate(test.images / scale, test.targets, verbose=0)
print(json.dumps({"seconds": [end - begin for begin, end in zip(begins, ends)], "accuracy": accuracy}))
"""


def lecture(seed: int, scale: float) -> dict[str, Any]:
    """Run the lecture's script in a process of its own; pixels are divided by the scale."""
    command = [sys.executable, "-c", LECTURE, str(seed), str(scale)]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


def ours(seed: int, *arguments: str) -> dict[str, Any]:
    """Run `fmnist train`; an epoch lasts from one line of its output to the next, checkpoint included."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fmnist", "train", "--seed", str(seed), "--out", f"{folder}/run"]
        process = subprocess.Popen([*command, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        ends = [time.perf_counter() for line in process.stderr if line.startswith("epoch ")]
        if process.wait():
            raise SystemExit(f"{' '.join(command)} failed")
        record = json.loads(Path(folder, "run", "train.json").read_text())
    # The first epoch has no line before it. Its time is not used, so record that of the second.
    seconds = [later - earlier for earlier, later in pairwise(ends)]
    return {"seconds": [seconds[0], *seconds], "accuracy": record["test_accuracy"]}


def epoch(runs: list[dict[str, Any]]) -> float:
    """Return the median time of an epoch in seconds."""
    return float(statistics.median(second for run in runs for second in run["seconds"][1:]))


def accuracy(runs: list[dict[str, Any]]) -> float:
    """Return the mean test accuracy over the seeds."""
    return float(statistics.mean(run["accuracy"] for run in runs))


def claims(results: dict[str, list[dict[str, Any]]]) -> list[Claim]:
    """Return the claims for `fmnist train`."""
    taught, trained = results["lecture, normalised"], results["fmnist train"]
    loss = 100 * (accuracy(taught) - accuracy(trained))
    return [
        Claim(
            "time per epoch: the normalised lecture ÷ fmnist train",
            epoch(taught) / epoch(trained),
            "times",
            SPEED_LIMIT,
            at_least=True,
        ),
        Claim("accuracy loss against the normalised lecture", loss, "points", LOSS_LIMIT),
    ]


def main() -> None:
    """Measure, print and record; exit 1 if a limit is broken."""
    # The second lecture keeps no images for validation.
    mnist = ("--dataset", "mnist", "--dropout", "0", "--epochs", "5", "--validation-split", "0")
    ways: dict[str, Callable[[int], dict[str, Any]]] = {
        "lecture as written": lambda seed: lecture(seed, 1.0),
        "lecture, normalised": lambda seed: lecture(seed, 255.0),
        "fmnist train": ours,
        "fmnist train --preset best": lambda seed: ours(seed, "--preset", "best"),
        "second lecture on MNIST": lambda seed: ours(seed, *mnist),
    }
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for seed in SEEDS:
        for name, train in ways.items():
            results[name].append(train(seed))
            print(f"seed {seed}  {name}: {100 * results[name][-1]['accuracy']:.2f}%", file=sys.stderr)
    for name, runs in results.items():
        figures = " ".join(f"{100 * run['accuracy']:.2f}" for run in runs)
        print(f"{name:27} {epoch(runs):5.2f} s/epoch  {100 * accuracy(runs):.2f}% mean of {figures}")
    conclude("training", claims(results), {"ways": results})


if __name__ == "__main__":
    main()
