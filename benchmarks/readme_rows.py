"""The rows of the README's tables: their words, each with the figures that results/ holds for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from statistics import median
from typing import Any

from claims import RESULTS
from training import accuracy, epoch

Row = tuple[str, ...]
"""Cells of a table, in Markdown."""


@cache
def result(name: str) -> dict[str, Any]:
    """What a script has recorded."""
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        raise SystemExit(f"{path}: is missing; make it with: python benchmarks/{name}.py")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def claimed(name: str, text: str) -> float:
    """What was measured of a promise."""
    return float(next(claim["value"] for claim in result(name)["claims"] if claim["text"] == text))


def ratio(times: Sequence[float], base: Sequence[float]) -> float:
    """The median of the ratios round by round."""
    return median(a / b for a, b in zip(times, base, strict=True))


def stable(part: str) -> int:
    """How many verdicts of two runs of `fmnist bench` were STABLE."""
    runs = result("repeatability")[part]
    return sum(model["verdict"] == "STABLE" for models in runs for model in models)


def training() -> list[Row]:
    """Ways to train the network, time per epoch, and test accuracy."""
    ways = result("training")["ways"]
    names = {
        "the lecture's script, normalisation left out": "lecture as written",
        "the lecture's script, normalised": "lecture, normalised",
        "`fmnist train`": "fmnist train",
        "`fmnist train --preset best` (40 epochs)": "fmnist train --preset best",
        "the second lecture on MNIST digits (5 epochs)": "second lecture on MNIST",
    }
    rows = [
        (text, f"{epoch(ways[name]):.2f} s", f"{100 * accuracy(ways[name]):.2f}%")
        for text, name in names.items()
    ]
    return [("way to train", "time per epoch", "test accuracy, mean of five seeds"), *rows]


def emulated() -> list[Row]:
    """A run on emulated Raspberry Pis: sizes, and memory and times of the emulation."""
    systems = result("emulated_pi")["systems"]
    names = {
        "Raspberry Pi OS trixie, TFLite": "trixie",
        "bookworm, TFLite": "bookworm",
        "bookworm, 32-bit, NumPy alone": "bookworm-armhf",
    }
    header = (
        "system",
        "bundle with the test images",
        "installed, all told",
        "`install.sh` and `verify`, emulated",
        "`eval` of one artifact, emulated",
        "its peak memory, QEMU's own included",
    )
    rows = [
        (
            text,
            say("{:.1f} MB", systems[name]["bundle_bytes"] / 1e6),
            say("{:.0f} MB", systems[name]["installed_bytes"] / 1e6),
            say("{:.0f} s", systems[name]["install_s_emulated"]),
            say("{:.0f} s", systems[name]["eval_s_emulated"]),
            say("{:.0f} MB", systems[name]["eval_peak_bytes_emulated"] / 1e6),
        )
        for text, name in names.items()
    ]
    return [header, *rows]


def answers() -> list[Row]:
    """How far answers on emulated Raspberry Pis are from those of the machine that measured."""
    rows = [("artifact", "system", "images of 10,000 that differ", "by at most", "answers that change")]
    for name, found in result("emulated_pi")["systems"].items():
        for artifact, item in found["artifacts"].items():
            largest = "1/256" if item["largest"] == 1 / 256 else say("{:.1g}", item["largest"])
            changed = str(item["answers_changed"])
            rows.append((f"`{artifact}`", name, say("{:,}", item["rows"]), largest, changed))
    return rows


def speed() -> list[Row]:
    """All other speeds and sizes: what, what it takes, and what that is beside."""
    return [("what", "takes", "beside"), *one_image(), *all_images(), *measuring(), *processes()]


def one_image() -> list[Row]:
    """Single inferences, beside bare engines and Keras."""
    took = {name: item["p50_us"] for name, item in result("runtime")["one_image"].items()}

    def times(text: str) -> float:
        return claimed("runtime", f"one image: {text}")

    return [
        (
            "one image, int8 TFLite, from raw pixels to probabilities",
            say("{:.1f} µs", took["tflite int8"]),
            say(
                "{:.2f} times the bare interpreter on input that is quantised already",
                times("tflite int8 ÷ its bare engine"),
            ),
        ),
        (
            "one image, float32 TFLite",
            say("{:.1f} µs", took["tflite float32"]),
            say(
                "{:.2f} times the bare interpreter on input that is float already",
                times("tflite float32 ÷ its bare engine"),
            ),
        ),
        (
            "one image, float32 ONNX",
            say("{:.1f} µs", took["onnx float32"]),
            say("{:.2f} times a bare `InferenceSession.run`", times("onnx float32 ÷ its bare engine")),
        ),
        ("`classify` instead of `scores`", say("{:.1f} µs more", times("classify − scores")), ""),
        (
            "one image, the Keras model called, or by `predict`",
            say("{:.1f} ms, {:.0f} ms", took["model(x)"] / 1000, took["model.predict"] / 1000),
            say(
                "{:,.0f} and {:,.0f} times int8 TFLite",
                times("model(x) ÷ tflite int8"),
                times("model.predict ÷ tflite int8"),
            ),
        ),
    ]


def all_images() -> list[Row]:
    """All 10,000 test images, beside bare engines and Keras, and what parity takes of them."""
    found, cost = result("runtime")["all_images"], result("parity_cost")
    others, commands = found["beside_others_ms"], cost["commands"]["ms"]

    def times(text: str) -> float:
        return claimed("runtime", f"all images: {text}")

    return [
        (
            "all 10,000 images, int8 TFLite",
            say("{:.1f} ms", median(found["tflite int8"]["ms"]["ours"])),
            say(
                "{:.2f} times the best block size of a bare loop; ONNX at once takes {:.1f} times as long",
                times("tflite int8 ÷ its bare engine"),
                times("one run of ONNX ÷ tflite int8"),
            ),
        ),
        (
            "parity of six artifacts on all 10,000, statistics and all",
            say("{:.0f} ms", median(cost["process"]["ms"]["parity"])),
            say(
                "{:.1f} times scoring them alone; `fmnist parity` as a command {:.1f} times `fmnist eval`",
                claimed("parity_cost", "comparing ÷ scoring"),
                ratio(commands["fmnist parity"], commands["fmnist eval"]),
            ),
        ),
        (
            "accuracy on all 10,000, Keras `evaluate`",
            say("{:.0f} ms", median(others["evaluate, batches of 32"])),
            say(
                "{:.0f} times int8 TFLite; with batches of 1,000 instead of 32, {:.0f} times",
                times("evaluate, batches of 32 ÷ accuracy by tflite int8"),
                ratio(others["evaluate, batches of 1000"], others["accuracy by tflite int8"]),
            ),
        ),
    ]


def measuring() -> list[Row]:
    """What `fmnist bench` says, beside plain loops and Polygraphy, and that tool's commands beside ours."""
    found = result("beside_polygraphy")
    said, took = found["one_image_ns"], {name: median(ms) for name, ms in found["commands_ms"].items()}
    return [
        (
            "one image, float32 ONNX, as `fmnist bench` says",
            say("{:.1f} µs", median(said["fmnist bench"]) / 1000),
            say(
                "{:.2f} times a plain loop; Polygraphy says {:.1f} µs, {:.2f} times a plain loop of "
                "its calls",
                ratio(said["fmnist bench"], said["fmnist bench, plain loop"]),
                median(said["Polygraphy"]) / 1000,
                ratio(said["Polygraphy"], said["Polygraphy, plain loop"]),
            ),
        ),
        (
            "timing each call, as `fmnist bench` does",
            say("{:.2f} µs more", claimed("harness_cost", "what timing adds to an inference")),
            "a loop with no clock in it, with the null engine",
        ),
        (
            "`fmnist bench` twice in a row, on three artifacts",
            say("{:.1f}% apart at most", claimed("repeatability", "medians of two runs differ by")),
            say(
                "{:.0f} of six verdicts are STABLE, {:.0f} beside a process that keeps a core busy; "
                "six artifacts and their original take {:.0f} s",
                stable("quiet"),
                stable("beside_a_busy_process"),
                result("repeatability")["sweep_s"],
            ),
        ),
        (
            "`fmnist eval` and `fmnist parity` of an ONNX model, as commands",
            say("{:.0f} ms, {:.0f} ms", took["fmnist eval"], took["fmnist parity"]),
            say(
                "Polygraphy runs it on the same images in {:.0f} ms, and compares two models' scores, "
                "without accuracy and statistics, in {:.0f} ms",
                took["polygraphy run"],
                took["polygraphy run --load-outputs"],
            ),
        ),
    ]


def processes() -> list[Row]:
    """Whole processes: how soon they answer, their memory, and what is installed for them."""
    found, memory = result("runtime")["whole_process"], result("predict_memory")["peak_bytes"]
    installed = found["installed_bytes"]
    return [
        (
            "`fmnist predict` from a cold start",
            say("{:.0f} ms", median(found["beside_imports_ms"]["fmnist predict"])),
            say(
                "{:.2f} times importing NumPy, Pillow, Typer and the interpreter; the lecture's script takes "
                "{:.0f} times as long",
                claimed("runtime", "whole process: fmnist predict ÷ the imports alone"),
                claimed("runtime", "whole process: the lecture's script ÷ fmnist predict"),
            ),
        ),
        (
            "`fmnist --help`",
            say("{:.0f} ms", median(result("help_start")["ms"]["fmnist --help"])),
            say(
                "{:.2f} times an empty Typer app with the same verbs",
                claimed("help_start", "fmnist --help ÷ an empty Typer app"),
            ),
        ),
        (
            "memory of `fmnist eval` at its peak",
            say("{:.0f} MB", found["peak_bytes"]["fmnist eval"] / 1e6),
            "",
        ),
        (
            "memory of `fmnist predict` at its peak, 3,000 files",
            say("{:.0f} MB", memory["3,000 files"] / 1e6),
            say(
                "{:.0f} MB for 300 files, {:.0f} MB for the largest image that it takes",
                memory["300 files"] / 1e6,
                claimed("predict_memory", "the largest image"),
            ),
        ),
        (
            "a device's environment on disk",
            say("{:,.0f} MB", installed["device, extras tflite and images"] / 1e6),
            say(
                "{:,.0f} MB for TensorFlow and what it needs", installed["tensorflow and what it needs"] / 1e6
            ),
        ),
    ]


def say(template: str, *figures: float) -> str:
    """A cell: the template with its figures."""
    return template.format(*figures)
