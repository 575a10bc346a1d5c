"""Measure the memory of `fmnist predict`: many files against few, and the largest accepted images.

Peaks of whole processes, on the tests' tiny model: 300 photographs and 3,000 of the same, and a PNG and a
JPEG file with the maximum number of pixels, in each of their colour modes. Exits 1 if a limit is broken.
Writes results/predict_memory.json.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from claims import Claim, conclude
from PIL import Image
from processes import FMNIST, peak_bytes
from side_by_side import report
from trained import DATA, TINY

from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.data.images import MAX_JPEG_PIXELS, MAX_PIXELS

FEW, MANY, DIFFERENT = 300, 3000, 30
PHOTOGRAPH = (640, 480)
"""0.9 MB when decoded, so that a few photographs kept in memory would show."""
LARGEST: dict[str, tuple[int, tuple[str, ...], dict[str, Any]]] = {
    "png": (MAX_PIXELS, ("L", "RGB", "RGBA"), {}),
    "jpeg": (MAX_JPEG_PIXELS, ("L", "RGB", "CMYK"), {"progressive": True, "subsampling": 0}),
}
"""Maximum pixels by format, its modes, and save options; a progressive JPEG is in memory as a whole while
it is read."""
WIDTH = 8192
EXTRA_LIMIT_MB, LARGEST_LIMIT_MB = 10, 700


def predict_peak(path: Path) -> int:
    """Return the peak memory of one command."""
    return peak_bytes([FMNIST, "predict", str(TINY), str(path), "--as", "csv"])


def photographs(folder: Path, count: int) -> Path:
    """Make a folder of this many files; there are 30 pictures, under many names."""
    folder.mkdir()
    images = load_dataset("fashion-mnist", "test", DATA).images
    for number in range(count):
        path, first = folder / f"{number}.png", folder / f"{number % DIFFERENT}.png"
        if path == first:
            Image.fromarray(images[number]).convert("RGB").resize(PHOTOGRAPH).save(path)
        else:
            os.link(first, path)
    return folder


def largest(folder: Path, kind: str, mode: str) -> Path:
    """Make an image with the maximum number of pixels of its format."""
    path = folder / f"{mode}.{kind}"
    pixels, _, options = LARGEST[kind]
    Image.new(mode, (WIDTH, pixels // WIDTH)).save(path, **options)
    return path


def main() -> None:
    """Measure, print and record; exit 1 if a limit is broken."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peaks = {
            f"{count:,} files": predict_peak(photographs(folder / str(count), count)) for count in (FEW, MANY)
        }
        extra = (peaks[f"{MANY:,} files"] - peaks[f"{FEW:,} files"]) / 1e6
        single = {
            f"{kind.upper()}, {mode}": predict_peak(largest(folder, kind, mode))
            for kind, (_, modes, _) in LARGEST.items()
            for mode in modes
        }
    rows = [[name, f"{peak / 1e6:.1f}"] for name, peak in {**peaks, **single}.items()]
    report("fmnist predict", ["input", "peak MB"], rows)
    claims = [
        Claim(f"extra memory for {MANY:,} files over {FEW}", extra, "MB", EXTRA_LIMIT_MB),
        Claim("memory for the largest image", max(single.values()) / 1e6, "MB", LARGEST_LIMIT_MB),
    ]
    conclude("predict_memory", claims, {"peak_bytes": {**peaks, **single}})


if __name__ == "__main__":
    main()
