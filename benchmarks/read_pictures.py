"""Measure how long a folder of 60,000 JPEG files takes to become a data set, beside a bare loop of Pillow.

The loop opens, decodes and converts every file to an array, on as many cores, and keeps nothing. Both are
whole processes that run in turn. Exits 1 if a limit is broken. Writes results/read_pictures.json.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from claims import Claim, conclude
from PIL import Image
from processes import wall_time
from side_by_side import in_turn, milliseconds, ratio, report
from trained import DATA
from tree_memory import measure

from fmnist_runtime.data.datasets import load_dataset

PICTURES, SIDE = 60_000, 64
ROUNDS = 3
LIMIT, AGAIN_LIMIT_S, MEMORY_LIMIT_MB = 2.0, 1.0, 1000
FIRST, AGAIN, LOOP = "into the cache", "from the cache", "Pillow alone"

READ = """
import sys
from fmnist.datasets.read import as_idx
from fmnist_runtime.data.datasets import load_dataset

if __name__ == "__main__":
    name = as_idx(sys.argv[1])
    load_dataset(name, "test")
"""
BARE = """
import os, sys
from multiprocessing import Pool
from pathlib import Path
import numpy as np
from PIL import Image

def read(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).shape

if __name__ == "__main__":
    paths = sorted(Path(sys.argv[1]).rglob("*.jpg"))
    with Pool(os.cpu_count()) as pool:
        shapes = pool.map(read, paths, chunksize=64)
    assert len(shapes) == 60_000
"""


def write_pictures(folder: Path) -> None:
    """Write the pictures of the training split in colour, larger, in a folder for each class."""
    training = load_dataset("fashion-mnist", "train", DATA)
    tints = np.random.default_rng(0).integers(64, 256, (PICTURES, 3))
    for number, (image, target) in enumerate(zip(training.images, training.targets, strict=True)):
        path = folder / f"class {target}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coloured = (image[..., np.newaxis].astype(np.uint16) * tints[number] // 255).astype(np.uint8)
        Image.fromarray(coloured).resize((SIDE, SIDE)).save(path, quality=90)


def main() -> None:
    """Measure, print and record; exit 1 if a limit is broken."""
    with tempfile.TemporaryDirectory() as name:
        folder, cache, script = Path(name, "pictures"), Path(name, "cache"), Path(name, "bare.py")
        write_pictures(folder)
        script.write_text(BARE)
        os.environ["XDG_CACHE_HOME"] = str(cache)
        read = [sys.executable, "-c", READ, str(folder)]
        first, again = wall_time(read), wall_time(read)

        def anew(number: int) -> list[float]:
            shutil.rmtree(cache)
            return first(number)

        bare = wall_time([sys.executable, str(script), str(folder)])
        times = in_turn({LOOP: bare, FIRST: anew, AGAIN: again}, ROUNDS)
        shutil.rmtree(cache)
        peak = measure(read).peak_bytes / 1e6
    rows = [[name, f"{item.percentile(50) / 1e6:,.0f}"] for name, item in times.items()]
    report(f"{PICTURES:,} JPEG files of {SIDE}×{SIDE} ({ROUNDS} rounds)", ["", "p50 ms"], rows)
    claims = [
        Claim("reading ÷ Pillow alone", ratio(times[FIRST], times[LOOP]), "times", LIMIT),
        Claim("reading again", times[AGAIN].percentile(50) / 1e9, "s", AGAIN_LIMIT_S),
        Claim("peak memory of reading", peak, "MB", MEMORY_LIMIT_MB),
    ]
    conclude("read_pictures", claims, {"ms": milliseconds(times)})


if __name__ == "__main__":
    main()
