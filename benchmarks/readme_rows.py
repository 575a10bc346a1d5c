"""The rows of the README's tables: the wording, filled with the figures from results/."""

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
    """Read the result that a script recorded."""
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        raise SystemExit(f"{path}: missing; run: python benchmarks/{name}.py")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def claimed(name: str, text: str) -> float:
    """Return the measured value of a claim."""
    return float(next(claim["value"] for claim in result(name)["claims"] if claim["text"] == text))


def ratio(times: Sequence[float], base: Sequence[float]) -> float:
    """Return the median of the ratios by round."""
    return median(a / b for a, b in zip(times, base, strict=True))


def stable(part: str) -> int:
    """Count the STABLE verdicts in two runs of `fmnist bench`."""
    runs = result("repeatability")[part]
    return sum(model["verdict"] == "STABLE" for models in runs for model in models)


def training() -> list[Row]:
    """Return time per epoch and test accuracy for each way to train the network."""
    ways = result("training")["ways"]
    names = {
        "the lecture's script without normalisation": "lecture as written",
        "the lecture's script with normalisation": "lecture, normalised",
        "`fmnist train`": "fmnist train",
        "`fmnist train --preset best` (40 epochs)": "fmnist train --preset best",
        "the second lecture on MNIST digits (5 epochs)": "second lecture on MNIST",
    }
    rows = [
        (text, f"{epoch(ways[name]):.2f} s", f"{100 * accuracy(ways[name]):.2f}%")
        for text, name in names.items()
    ]
    return [("training", "time per epoch", "test accuracy, mean of five seeds"), *rows]


def emulated() -> list[Row]:
    """Return sizes, memory and times of a run on emulated Raspberry Pis."""
    systems = result("emulated_pi")["systems"]
    names = {
        "Raspberry Pi OS trixie, TFLite": "trixie",
        "bookworm, TFLite": "bookworm",
        "bookworm, 32-bit, NumPy only": "bookworm-armhf",
    }
    header = (
        "system",
        "bundle with the test images",
        "total installed size",
        "`install.sh` and `verify`, emulated",
        "`eval` of one artifact, emulated",
        "peak memory of `eval`, including QEMU",
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
    """Return the differences between scores on emulated Raspberry Pis and on the measuring machine."""
    rows = [("artifact", "system", "differing images of 10,000", "largest difference", "changed classes")]
    for name, found in result("emulated_pi")["systems"].items():
        for artifact, item in found["artifacts"].items():
            largest = "1/256" if item["largest"] == 1 / 256 else say("{:.1g}", item["largest"])
            changed = str(item["answers_changed"])
            rows.append((f"`{artifact}`", name, say("{:,}", item["rows"]), largest, changed))
    return rows


def speed() -> list[Row]:
    """Return all other speeds and sizes, each with its comparison."""
    return [("what", "measured", "comparison"), *one_image(), *all_images(), *measuring(), *processes()]


def one_image() -> list[Row]:
    """Compare single inferences with bare engines and Keras."""
    took = {name: item["p50_us"] for name, item in result("runtime")["one_image"].items()}

    def times(text: str) -> float:
        return claimed("runtime", f"one image: {text}")

    return [
        (
            "one image, int8 TFLite, from raw pixels to probabilities",
            say("{:.1f} µs", took["tflite int8"]),
            say(
                "{:.2f} times the bare interpreter on quantised input",
                times("tflite int8 ÷ its bare engine"),
            ),
        ),
        (
            "one image, float32 TFLite",
            say("{:.1f} µs", took["tflite float32"]),
            say(
                "{:.2f} times the bare interpreter on float input",
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
            "one image, Keras `model(x)` and `model.predict`",
            say("{:.1f} ms, {:.0f} ms", took["model(x)"] / 1000, took["model.predict"] / 1000),
            say(
                "{:,.0f} and {:,.0f} times int8 TFLite",
                times("model(x) ÷ tflite int8"),
                times("model.predict ÷ tflite int8"),
            ),
        ),
    ]


def all_images() -> list[Row]:
    """Compare all 10,000 test images with bare engines and Keras, and parity with scoring."""
    found, cost = result("runtime")["all_images"], result("parity_cost")
    others, commands = found["beside_others_ms"], cost["commands"]["ms"]

    def times(text: str) -> float:
        return claimed("runtime", f"all images: {text}")

    return [
        (
            "all 10,000 images, int8 TFLite",
            say("{:.1f} ms", median(found["tflite int8"]["ms"]["ours"])),
            say(
                "{:.2f} times a bare loop at its best block size; one run of ONNX takes {:.1f} times as long",
                times("tflite int8 ÷ its bare engine"),
                times("one run of ONNX ÷ tflite int8"),
            ),
        ),
        (
            "parity of six artifacts on all 10,000 images, including statistics",
            say("{:.0f} ms", median(cost["process"]["ms"]["parity"])),
            say(
                "{:.1f} times scoring alone; the command `fmnist parity` takes {:.1f} times `fmnist eval`",
                claimed("parity_cost", "comparing ÷ scoring"),
                ratio(commands["fmnist parity"], commands["fmnist eval"]),
            ),
        ),
        (
            "accuracy on all 10,000 images, Keras `evaluate`",
            say("{:.0f} ms", median(others["evaluate, batches of 32"])),
            say(
                "{:.0f} times int8 TFLite; {:.0f} times with batches of 1,000 instead of 32",
                times("evaluate, batches of 32 ÷ accuracy by tflite int8"),
                ratio(others["evaluate, batches of 1000"], others["accuracy by tflite int8"]),
            ),
        ),
    ]


def measuring() -> list[Row]:
    """Compare `fmnist bench` with plain loops and Polygraphy, and our commands with Polygraphy's."""
    found = result("beside_polygraphy")
    said, took = found["one_image_ns"], {name: median(ms) for name, ms in found["commands_ms"].items()}
    return [
        (
            "one image, float32 ONNX, reported by `fmnist bench`",
            say("{:.1f} µs", median(said["fmnist bench"]) / 1000),
            say(
                "{:.2f} times a plain loop; Polygraphy reports {:.1f} µs, {:.2f} times a plain loop of "
                "the same calls",
                ratio(said["fmnist bench"], said["fmnist bench, plain loop"]),
                median(said["Polygraphy"]) / 1000,
                ratio(said["Polygraphy"], said["Polygraphy, plain loop"]),
            ),
        ),
        (
            "timing each call as `fmnist bench` does",
            say("{:.2f} µs more", claimed("harness_cost", "overhead of timing an inference")),
            "than a loop without a clock, with the null engine",
        ),
        (
            "`fmnist bench` twice in a row on three artifacts",
            say(
                "at most {:.1f}% apart",
                claimed("repeatability", "largest difference between the medians of two runs"),
            ),
            say(
                "{:.0f} of six verdicts are STABLE; {:.0f} are while another process keeps a core busy; "
                "six artifacts and their original take {:.0f} s",
                stable("quiet"),
                stable("beside_a_busy_process"),
                result("repeatability")["sweep_s"],
            ),
        ),
        (
            "the commands `fmnist eval` and `fmnist parity` on an ONNX model",
            say("{:.0f} ms, {:.0f} ms", took["fmnist eval"], took["fmnist parity"]),
            say(
                "Polygraphy runs the model on the same images in {:.0f} ms, and compares two models' scores, "
                "without accuracy and statistics, in {:.0f} ms",
                took["polygraphy run"],
                took["polygraphy run --load-outputs"],
            ),
        ),
    ]


def processes() -> list[Row]:
    """Return time, memory and installed size of whole processes."""
    found, memory = result("runtime")["whole_process"], result("predict_memory")["peak_bytes"]
    installed = found["installed_bytes"]
    return [
        (
            "`fmnist predict` from a cold start",
            say("{:.0f} ms", median(found["beside_imports_ms"]["fmnist predict"])),
            say(
                "{:.2f} times importing NumPy, Pillow, Typer and the interpreter; the lecture's script takes "
                "{:.0f} times as long as `fmnist predict`",
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
            "peak memory of `fmnist eval`",
            say("{:.0f} MB", found["peak_bytes"]["fmnist eval"] / 1e6),
            "",
        ),
        (
            "peak memory of `fmnist predict`, 3,000 files",
            say("{:.0f} MB", memory["3,000 files"] / 1e6),
            say(
                "{:.0f} MB for 300 files, {:.0f} MB for the largest accepted image",
                memory["300 files"] / 1e6,
                claimed("predict_memory", "memory for the largest image"),
            ),
        ),
        (
            "a device's environment on disk",
            say("{:,.0f} MB", installed["device, extras tflite and images"] / 1e6),
            say(
                "{:,.0f} MB for TensorFlow and its dependencies",
                installed["tensorflow and what it needs"] / 1e6,
            ),
        ),
    ]


def say(template: str, *figures: float) -> str:
    """Return a cell: the template filled with its figures."""
    return template.format(*figures)
