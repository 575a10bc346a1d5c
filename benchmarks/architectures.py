"""Export networks of many kinds by every recipe, and measure cost and accuracy.

The networks are trained briefly from fixed seeds. `fmnist export` exports each in a process of its own, whose
time and memory are measured. All artifacts, including rejected ones, then classify the test images. They are
compared with the stock conversion of the same network with the same calibration images: TFLite's
``from_keras_model``, and onnxruntime's ``quantize_static`` on tf2onnx's float model. Exits 1 if a limit is
broken: too much memory, a recipe without a file or a reason, or an int8 artifact that is significantly worse
than the stock one. Writes results/architectures.json.

Usage: architectures.py [--work FOLDER] [--only NAME…]. Networks and images in FOLDER are reused; by default
they are made in a temporary folder. With ``--only`` the results contain only those networks.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from claims import Claim, conclude
from numpy.typing import NDArray
from processes import FMNIST
from side_by_side import progress, report
from stock import ANSWERS, convert, stock_answers, stock_path
from stock import RECIPES as STOCK
from tree_memory import measure
from zoo import NETWORKS, data_folder, trained, work_folder

from fmnist.text.tables import ABSENT, percent
from fmnist_exporters.manifest import rejected_path
from fmnist_exporters.recipes import RECIPES
from fmnist_runtime import load
from fmnist_runtime.artifact.container import read_metadata
from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.parity.intervals import mcnemar_p

PEAK_LIMIT_GB = 2
CHANCE_PERCENT = 5
"""Probability of calling an int8 artifact worse if all are as good as the stock ones; divided among the
comparisons (Bonferroni)."""
CALIBRATION = range(500)
"""Training images for the stock converters' calibration if there is no int8 artifact of ours."""
BLOCK = 1000
"""Images per call of an artifact."""
REASON_LETTERS = 240
"""Maximum length of a recorded reason; TensorFlow's messages can be pages long."""
Record = dict[str, Any]
_PROGRESS = re.compile(r"export \d+ of \d+")
"""Matches progress lines, which give no reason."""
_FOLDERS = re.compile(r"(?<![\w.])/(?:[\w.+-]+/)+")


def export_command(model: Path, data: Path, out: Path) -> list[str]:
    """Return the measured command."""
    options = ["--dataset", str(data), "--format", "all", "--quantize", "all", "--out", str(out)]
    return [FMNIST, "export", str(model), *options]


def measure_network(name: str, model: Path, data: Path) -> Record:
    """Export a network, convert it with the stock converters, and classify the test images with all files."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        usage = measure(export_command(model, data, folder))
        progress(f"{name}: exported in {usage.seconds:.0f} s; stock converters and answers")
        files = artifacts(model, folder)
        reasons = convert(model, data, folder, calibration(files))
        original = np.load(folder / ANSWERS)
        targets = load_dataset(str(data), "test").targets
        recipes = {}
        beside = {recipe: stock_path(folder, recipe) for recipe in STOCK if recipe not in reasons}
        # In other processes: this one shares no library with the measured ones, and survives an engine that
        # ends its process.
        with _worker() as first, _worker() as second:
            ours = {recipe: first.submit(own_answers, file, data) for recipe, file in files.items()}
            stock = {recipe: second.submit(stock_answers, file, data) for recipe, file in beside.items()}
            for recipe in recipe_names():
                item, answers = _judged(ours.get(recipe), files.get(recipe), original, targets)
                other, others = _judged(stock.get(recipe), beside.get(recipe), original, targets)
                item["state"] = _state(files.get(recipe))
                if recipe not in files:
                    item["reason"] = _short(said(recipe, usage.stderr, model, alone=not files))
                if recipe in reasons:
                    other["reason"] = _short(reasons[recipe])
                if "int8" in recipe and answers is not None and others is not None:
                    item["p_worse_than_stock"] = worse_p(answers == targets, others == targets)
                recipes[recipe] = item | {"stock": other}
    return {
        "original_accuracy": float((original == targets).mean()),
        "test_images": len(targets),
        "export_exit": usage.exit,
        "export_s": usage.seconds,
        "export_peak_bytes": usage.peak_bytes,
        "export_killed": usage.killed,
        "recipes": recipes,
    }


def recipe_names() -> list[str]:
    """Return the names of all recipes, such as ``tflite int8``."""
    return [f"{recipe.format} {recipe.scheme}" for recipe in RECIPES]


def artifacts(model: Path, folder: Path) -> dict[str, Path]:
    """Return the exported files by recipe, including rejected ones."""
    found = {}
    for name, recipe in zip(recipe_names(), RECIPES, strict=True):
        path = recipe.artifact_path(model.stem, folder)
        for file in (rejected_path(path), path):
            if file.is_file():
                found[name] = file
    return found


def calibration(files: dict[str, Path]) -> list[int]:
    """Return the indices of the training images that our artifacts were calibrated on."""
    for recipe, file in files.items():
        if "int8" in recipe:
            metadata = read_metadata(file)
            assert metadata is not None
            return list(metadata.calibration["indices"])
    return list(CALIBRATION)


def own_answers(path: Path, data: Path) -> NDArray[np.intp]:
    """Return the classes that an artifact of ours predicts for the test images."""
    images = load_dataset(str(data), "test").images
    with load(path) as session:
        blocks = np.split(images, range(BLOCK, len(images), BLOCK))
        return np.concatenate([session.scores(block).argmax(axis=1) for block in blocks])


def said(recipe: str, stderr: str, model: Path, alone: bool) -> str:
    """Return the line that explains why a recipe made no file, or an empty string.

    Args:
        recipe: Such as ``tflite int8``.
        stderr: The command's standard error.
        model: The Keras file.
        alone: Whether no recipe made a file. Then a line that names no format applies to all recipes.
    """
    format, scheme = recipe.split()
    lines = [line for line in stderr.splitlines() if model.stem in line and not _PROGRESS.match(line)]
    marks = [f"{model.stem}-{scheme}.{format}", recipe, format]
    found = (line for mark in marks for line in lines if mark in line.lower())
    return next(found, lines[0] if alone and lines else "")


def worse_p(ours: NDArray[np.bool_], stock: NDArray[np.bool_]) -> float:
    """Return the one-sided p-value of McNemar's exact test for our artifact being worse.

    Args:
        ours: bool ``[N]``, whether our artifact is right for each test image.
        stock: bool ``[N]``, whether the stock artifact is right.
    """
    worse, better = int((stock & ~ours).sum()), int((ours & ~stock).sum())
    return mcnemar_p(worse, better) / 2 if worse > better else 1.0


def claims(results: dict[str, Record]) -> list[Claim]:
    """Return the claims for each network."""
    compared = [
        (f"{name}: {recipe}", float(item["p_worse_than_stock"]))
        for name, result in results.items()
        for recipe, item in result["recipes"].items()
        if "p_worse_than_stock" in item
    ]
    peaks = [
        Claim(f"{name}: peak memory of the export", result["export_peak_bytes"] / 1e9, "GB", PEAK_LIMIT_GB)
        for name, result in results.items()
    ]
    silent = [
        Claim(f"{name}: recipes without a file or a reason", sum(map(_is_silent, items)), "", 0)
        for name, items in ((name, result["recipes"].values()) for name, result in results.items())
    ]
    level = CHANCE_PERCENT / max(1, len(compared))
    chance = [
        Claim(f"{text}: p-value of being worse than stock", 100 * p, "%", level, at_least=True)
        for text, p in compared
    ]
    return peaks + silent + chance


def show(name: str, result: Record) -> None:
    """Print a network's table."""
    rows = []
    for recipe, item in result["recipes"].items():
        own, beside = _cells(item), _cells(item["stock"])
        p = f"{item['p_worse_than_stock']:.3f}" if "p_worse_than_stock" in item else ABSENT
        rows.append([recipe, item["state"], *own, *beside, p])
    cost = f"{result['export_s']:.0f} s, {result['export_peak_bytes'] / 1e9:.2f} GB"
    of = f"{percent(result['original_accuracy'])} of {result['test_images']:,} test images"
    title = f"{name}: original {of}; export: exit {result['export_exit']}, {cost}"
    header = ["recipe", "state", "accuracy", "agreement", "kB", "stock: accuracy", "agreement", "kB", "p"]
    report(title, header, rows)
    for recipe, item in result["recipes"].items():
        for side, found in (("", item), ("stock ", item["stock"])):
            if found.get("reason"):
                print(f"{side}{recipe}: {found['reason']}")


def _worker() -> Executor:
    return ProcessPoolExecutor(1, get_context("spawn"))


def _judged(
    answering: Future[NDArray[np.intp]] | None,
    file: Path | None,
    original: NDArray[np.intp],
    targets: NDArray[np.uint8],
) -> tuple[Record, NDArray[np.intp] | None]:
    """Return the record of a file's predictions, or the reason why there are none; and the predictions."""
    if answering is None or file is None:
        return {}, None
    try:
        answers = answering.result()
    except Exception as error:  # engines raise errors without another common base
        return {"reason": _short(f"does not run: {error}")}, None
    record = {
        "bytes": file.stat().st_size,
        "accuracy": float((answers == targets).mean()),
        "agreement": float((answers == original).mean()),
    }
    return record, answers


def _short(reason: str) -> str:
    """Return a reason on one line, without local folders."""
    return _FOLDERS.sub("", " ".join(reason.split()))[:REASON_LETTERS]


def _state(file: Path | None) -> str:
    if file is None:
        return "missing"
    return "rejected" if file.suffix == ".rejected" else "written"


def _is_silent(item: Record) -> bool:
    return bool(item["state"] == "missing" and not item["reason"])


def _cells(item: Record) -> list[str]:
    if "accuracy" not in item:
        return [ABSENT] * 3
    return [percent(item["accuracy"]), percent(item["agreement"]), f"{item['bytes'] / 1e3:,.1f}"]


def main() -> None:
    """Measure, print and record; exit 1 if a limit is broken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    arguments = parser.parse_args()
    results = {}
    with work_folder(arguments.work) as work:
        for name, model in trained(work, arguments.only).items():
            results[name] = measure_network(name, model, data_folder(work, NETWORKS[name].data))
            show(name, results[name])
    conclude("architectures", claims(results), {"networks": results})


if __name__ == "__main__":
    main()
