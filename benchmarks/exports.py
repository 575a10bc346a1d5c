"""Measure the difference between each artifact of the default network and its original, over five trainings.

Each seed is trained, exported by every recipe and compared on the 10,000 test images. The artifacts also run
with batches of 1 and of 256, and are exported again, which must give the same scores and the same bytes.
Exits 1 if a limit is broken. Writes results/exports.json.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from claims import Claim, conclude
from trained import DATA

from fmnist.models.open import Execution
from fmnist.models.select import Splits
from fmnist.parity.models import compare_models
from fmnist.runs.run import Run
from fmnist.text.tables import percent, points, table
from fmnist_runtime import load
from fmnist_runtime.artifact.container import read_container
from fmnist_runtime.data.datasets import load_dataset

SEEDS = range(5)
IMAGES = load_dataset("fashion-mnist", "test", DATA).images
METADATA_LIMIT = 8000
FLOAT_DIFFERENCE = 5e-6
"""For a probability, between the same float32 sums in another order."""

# Minimum agreement (float32: excluding ties), maximum difference, maximum loss of accuracy, maximum size.
LIMITS: dict[str, dict[str, float]] = {
    "tflite float32": {"agreement": 1, "difference": FLOAT_DIFFERENCE, "bytes": 412_000},
    "onnx float32": {"agreement": 1, "difference": FLOAT_DIFFERENCE},
    "npz float32": {"agreement": 1, "difference": FLOAT_DIFFERENCE},
    "tflite float16": {"agreement": 0.999},
    "tflite int8": {"agreement": 0.997, "drop": 0.002, "bytes": 114_000},
    "onnx int8": {"agreement": 0.995, "drop": 0.002},
}


def fmnist(*arguments: object) -> None:
    """Run the command in a process of its own."""
    subprocess.run([sys.executable, "-m", "fmnist", *map(str, arguments)], check=True, capture_output=True)


def measure(seed: int, folder: Path) -> list[dict[str, Any]]:
    """Train, export twice and compare; return one record for each artifact."""
    run = Run(folder / str(seed))
    fmnist("train", "--seed", seed, "--out", run.folder, "--data-dir", DATA)
    export = ("export", run.folder, "--format", "all", "--quantize", "all", "--data-dir", DATA)
    fmnist(*export)
    first = {path.name: path.read_bytes() for path in run.artifacts()}
    fmnist(*export, "--force")
    results = []
    for item in compare_models(run.artifacts(), run.recorded_scores(), Splits(None, DATA), Execution()):
        path = run.exports / item.candidate.name
        container = read_container(path)
        assert container is not None
        results.append(
            {
                "recipe": f"{item.candidate.format} {item.candidate.scheme}",
                "seed": seed,
                "model_bytes": container.model_bytes,
                "metadata_bytes": path.stat().st_size - container.model_bytes,
                "original_accuracy": item.candidate.answers.reference_accuracy,
                "accuracy_difference": item.candidate.answers.accuracy_difference,
                "agreement": item.candidate.answers.agreement,
                "changed_outside_ties": item.candidate.changes.outside_ties,
                "max_difference": item.candidate.probabilities.max_difference,
                "batch_difference": batch_difference(path),
                "same_bytes_again": path.read_bytes() == first[path.name],
            }
        )
    return results


def batch_difference(path: Path) -> float:
    """Return the largest difference of a probability between batches of 1 and of 256."""
    with load(path) as session:
        together = session.scores(IMAGES)
        alone = np.concatenate([session.scores(image[np.newaxis]) for image in IMAGES])
    return float(np.abs(together - alone).max())


def claims(recipe: str, results: list[dict[str, Any]]) -> list[Claim]:
    """Return the claims for a recipe's artifacts, based on the worst of them."""
    limits = LIMITS.get(recipe, {})

    def worst(key: str) -> float:
        return max(float(item[key]) for item in results)

    found = [
        Claim("metadata size", worst("metadata_bytes"), "bytes", METADATA_LIMIT),
        Claim(
            "difference between batches of 1 and 256",
            worst("batch_difference"),
            "",
            0 if "int8" in recipe else FLOAT_DIFFERENCE,
        ),
        Claim(
            "byte-identical repeat exports",
            sum(item["same_bytes_again"] for item in results),
            "artifacts",
            len(results),
            at_least=True,
        ),
    ]
    if "agreement" in limits:
        agreement = 100 * (1 - worst("changed_outside_ties") / len(IMAGES))
        found.append(
            Claim("agreement excluding ties", agreement, "%", 100 * limits["agreement"], at_least=True)
        )
    if "difference" in limits:
        found.append(
            Claim("largest difference of a probability", worst("max_difference"), "", limits["difference"])
        )
    if "drop" in limits:
        drop = -100 * min(item["accuracy_difference"] for item in results)
        found.append(Claim("accuracy loss", drop, "points", 100 * limits["drop"]))
    if "bytes" in limits:
        found.append(Claim("model size", worst("model_bytes"), "bytes", limits["bytes"]))
    return [replace(claim, text=f"{recipe}: {claim.text}") for claim in found]


def main() -> None:
    """Measure, print and record; exit 1 if a limit is broken."""
    results: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            for item in measure(seed, Path(folder)):
                results[item["recipe"]].append(item)
            print(f"seed {seed} done", flush=True)
    rows = []
    for recipe, items in results.items():
        agreements = [item["agreement"] for item in items]
        differences = [item["accuracy_difference"] for item in items]
        rows.append(
            [
                recipe,
                percent(min(agreements)),
                percent(statistics.mean(agreements)),
                points(min(differences)),
                points(statistics.mean(differences)),
                f"{max(item['max_difference'] for item in items):.2g}",
                f"{max(item['batch_difference'] for item in items):.2g}",
                f"{max(item['model_bytes'] for item in items):,}",
                f"{max(item['metadata_bytes'] for item in items):,}",
            ]
        )
    header = ["recipe", "agreement: min", "mean", "points: min", "mean", "max diff", "batch 1 to 256"]
    print(table([*header, "model bytes", "metadata bytes"], rows))
    conclude(
        "exports",
        [claim for recipe, items in results.items() for claim in claims(recipe, items)],
        {"images": len(IMAGES), "recipes": dict(results)},
    )


if __name__ == "__main__":
    main()
