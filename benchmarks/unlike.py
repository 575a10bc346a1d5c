"""Measure which pictures the default models of both data sets mark as unlike their training images.

Exits 1 if a limit is broken. Writes results/unlike.json.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from claims import Claim, conclude
from numpy.typing import NDArray
from side_by_side import report
from trained import DATA, ROOT

from fmnist_runtime import Session, load
from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.data.images import decode_picture

sys.path.append(str(ROOT / "tests"))
from support.photographs import shop

NAMES = ("fashion-mnist", "mnist")
OWN_LIMIT, OTHER_LIMIT = 1.0, 90.0
"""Percent of the data set's own test images that may be marked, and of other pictures that must be."""
MISSED = "upside down"
"""Pictures with the same figures, which cannot be marked."""


def main() -> None:
    """Measure, print and judge."""
    rows, claims = [], []
    with tempfile.TemporaryDirectory() as folder:
        shares = {name: measure(name, Path(folder) / name) for name in NAMES}
    for kind in dict.fromkeys(kind for found in shares.values() for kind in found):
        row = [kind]
        for name in NAMES:
            share = shares[name].get(kind)
            row.append("-" if share is None else f"{share:.2f}%")
            if share is not None and kind != MISSED:
                is_own = kind.startswith("its test")
                limit = OWN_LIMIT if is_own else OTHER_LIMIT
                claims.append(Claim(f"{name}: {kind}", share, "%", limit, at_least=not is_own))
        rows.append(row)
    report("Marked pictures", ["pictures", *NAMES], rows)
    conclude("unlike", claims, {"marked_percent": shares})


def measure(name: str, run: Path) -> dict[str, float]:
    """Return the percentage of marked pictures of each kind."""
    for verb in (["train", "--dataset", name, "--out", str(run)], ["export", str(run), "--quantize", "int8"]):
        command = [sys.executable, "-m", "fmnist", *verb, "--data-dir", str(DATA)]
        subprocess.run(command, check=True, capture_output=True)
    test = load_dataset(name, "test", DATA).images
    other = load_dataset(next(each for each in NAMES if each != name), "test", DATA).images
    noise = np.random.default_rng(0).integers(0, 256, (10_000, 28, 28), np.uint8)
    kinds = {
        "its test images": test,
        "their negatives": 255 - test,
        "on grey, level 55": np.maximum(test, 55),
        MISSED: test[:, ::-1],
        "noise": noise,
        "the other data set": other,
        "its negatives": 255 - other,
    }
    if name == "fashion-mnist":
        for background in ("light grey", "cream landscape"):
            kinds[f"shop photographs, {background}, stretched"] = stretched(test[:1000], background)
    with load(run / "export" / "model-int8.tflite") as session:
        return {kind: marked(session, np.ascontiguousarray(images)) for kind, images in kinds.items()}


def stretched(garments: NDArray[np.uint8], background: str) -> NDArray[np.uint8]:
    """Return photographs of garments, negated but not trimmed, as a program of one's own may prepare them."""
    contents = (shop(garment, background) for garment in garments)
    how = "stretch,polarity=inverted"
    return np.stack([decode_picture(content, background, (28, 28), how).pixels for content in contents])


def marked(session: Session, images: NDArray[np.uint8]) -> float:
    """Return the percentage of images that are marked."""
    metadata = session.info.metadata
    assert metadata is not None
    assert metadata.statistics is not None
    found = metadata.statistics.unlike(images, session.scores(images))
    return 100 * float(np.mean([bool(reasons) for reasons in found]))


if __name__ == "__main__":
    main()
