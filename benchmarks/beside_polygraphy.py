"""Compare `fmnist` with NVIDIA's Polygraphy: the reported time of a model, and the time of the commands.

Polygraphy is installed into its own environment in a temporary folder. If that fails, the script reports it
and ends. Both tools get the same files, the real test images and one thread. These are measured in turn:

- the time of an inference that each tool reports for 2,000 images, and the time of a plain loop of the same
  calls: `InferenceSession.run`, which Polygraphy times, and `Session.scores` for fmnist;
- the whole commands on all 10,000 images: running a model, and comparing a model's scores with another's.
  Polygraphy gets the images as one batch, its fastest way. It only compares scores; fmnist also computes
  accuracy, its interval, and changed answers.

Exits 1 if the limit is broken. Writes results/beside_polygraphy.json. Usage: beside_polygraphy.py [RUN], a
trained and fully exported run. Without RUN, one is made in a temporary folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from bare_engines import Array, bare
from claims import Claim, conclude
from processes import FMNIST, output, wall_time
from side_by_side import Measure, Times, in_turn, milliseconds, ratio, report
from trained import DATA, ROOT, artifacts, named_or_trained

from fmnist.runs.run import Run
from fmnist_runtime import load
from fmnist_runtime.data.datasets import load_dataset

PACKAGES = ("polygraphy==0.53.6", "numpy", "onnx", "onnxruntime")
"""Polygraphy declares no requirements; constraints.txt pins the other packages."""
IMAGES, WARM_UP, STRETCH = 2000, 200, 100
ROUNDS, COMMAND_ROUNDS = 7, 10
LIMIT_PERCENT = 10
"""Maximum difference between the time that `fmnist bench` reports and a plain loop."""
POLYGRAPHY, BENCH = "Polygraphy", "fmnist bench"
RUN, EVAL, COMPARE, PARITY = "polygraphy run", "fmnist eval", "polygraphy run --load-outputs", "fmnist parity"
LOOP = "{}, plain loop"

# Polygraphy gets real images from a script that yields the inputs of a session.
LOADER = """
import gzip
import numpy as np

with gzip.open({path!r}) as file:
    images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28).astype(np.float32)

def one_by_one():
    for i in range({count}):
        yield {{"image": images[i : i + 1]}}

def all_at_once():
    yield {{"image": images}}
"""


class Polygraphy:
    """Polygraphy's command, and the script that feeds it."""

    def __init__(self, folder: Path) -> None:
        """Install Polygraphy.

        Args:
            folder: Where to put the environment and the script.

        Raises:
            OSError: The environment cannot be created.
            subprocess.CalledProcessError: The installation failed.
        """
        venv.create(folder / "environment", with_pip=True)
        self._bin = folder / "environment" / "bin"
        pip = [str(self._bin / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        pins = str(ROOT / "constraints.txt")
        subprocess.run([*pip, "--constraint", pins, *PACKAGES], check=True, capture_output=True, text=True)
        self._loader = folder / "images.py"
        path = DATA / "fashion-mnist" / "t10k-images-idx3-ubyte.gz"
        self._loader.write_text(LOADER.format(path=str(path), count=IMAGES))

    def run(self, model: Path, loader: str, *options: str) -> list[str]:
        """Return the command that runs a model on the images from a function of the script."""
        images = f"{self._loader}:{loader}"
        command = [str(self._bin / "polygraphy"), "run", str(model), "--onnxrt"]
        return [*command, "--data-loader-script", images, *options]


def statements(polygraphy: Polygraphy, model: Path) -> dict[str, Times]:
    """Return the time of an inference as each tool reports it, and in a plain loop."""
    images = load_dataset("fashion-mnist", "test", DATA).images[:IMAGES]
    floats = images.astype(np.float32)
    # With this option it does warm-up runs and reports the time of the others.
    timed = polygraphy.run(model, "one_by_one", "--sequential-runners", "--warm-up", str(WARM_UP))
    bench = [FMNIST, "bench", str(model), "--threads", "1", "--data-dir", str(DATA), "--json", "-"]
    with one_core(), load(model, threads=1) as session:
        ways: dict[str, Measure] = {
            POLYGRAPHY: lambda _number: [said_by_polygraphy(output(timed))],
            LOOP.format(POLYGRAPHY): plain_loop(bare(model, 1), [floats[i : i + 1] for i in range(IMAGES)]),
            BENCH: lambda _number: [said_by_bench(output(bench))],
            LOOP.format(BENCH): plain_loop(session.scores, [images[i : i + 1] for i in range(IMAGES)]),
        }
        return in_turn(ways, ROUNDS)


def said_by_polygraphy(printed: str) -> float:
    """Read the average from Polygraphy's output, in ns."""
    found = re.search(r"Average inference time: ([\d.e-]+) ms", printed)
    if not found:
        raise SystemExit(f"Polygraphy reports no average:\n{printed}")
    return float(found[1]) * 1e6


def said_by_bench(printed: str) -> float:
    """Read the median from the output of `fmnist bench`, in ns."""
    return float(json.loads(printed)["models"][0]["p50_us"]["value"]) * 1000


def plain_loop(call: Callable[[Array], object], batches: Sequence[Array]) -> Measure:
    """Return a measure of a call in a plain loop, in ns, after one unrecorded pass.

    It records one time per 100 calls, which take less than a millisecond, so that most are not interrupted.
    """

    def loop(_number: int) -> list[float]:
        for batch in batches:
            call(batch)
        times: list[float] = []
        for start in range(0, len(batches), STRETCH):
            stretch = batches[start : start + STRETCH]
            begin = time.perf_counter_ns()
            for batch in stretch:
                call(batch)
            times.append((time.perf_counter_ns() - begin) / len(stretch))
        return times

    return loop


@contextmanager
def one_core() -> Iterator[None]:
    """Restrict this process and its children to one core, because Polygraphy uses all available threads."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def commands(polygraphy: Polygraphy, run: Run, scores: Path) -> dict[str, Times]:
    """Time whole processes, each on all test images."""
    original, quantised = (artifacts(run)[recipe] for recipe in ("onnx float32", "onnx int8"))
    output(polygraphy.run(original, "all_at_once", "--save-outputs", str(scores)))
    compare = polygraphy.run(quantised, "all_at_once", "--load-outputs", str(scores), "--atol", "1")
    data = ["--data-dir", str(DATA)]
    ways = {
        RUN: wall_time(polygraphy.run(original, "all_at_once")),
        EVAL: wall_time([FMNIST, "eval", str(original), *data]),
        COMPARE: wall_time(compare),
        PARITY: wall_time([FMNIST, "parity", str(quantised), "--reference", str(run.reference), *data]),
    }
    return in_turn(ways, COMMAND_ROUNDS)


def show(said: dict[str, Times], whole: dict[str, Times]) -> None:
    """Print both tables."""
    rows = []
    for tool in (POLYGRAPHY, BENCH):
        loop = said[LOOP.format(tool)]
        figures = [f"{item.percentile(50) / 1000:.2f}" for item in (said[tool], loop)]
        rows.append([tool, *figures, f"{ratio(said[tool], loop):.2f}"])
    report(f"One image, float32 ONNX ({ROUNDS} rounds)", ["", "reported µs", "loop µs", "times"], rows)
    rows = [[name, f"{item.percentile(50) / 1e6:.0f}"] for name, item in whole.items()]
    report(f"Whole commands, 10,000 images ({COMMAND_ROUNDS} rounds)", ["", "p50 ms"], rows)


def main() -> None:
    """Measure, print and record; exit 1 if the limit is broken."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            polygraphy = Polygraphy(Path(folder))
        except (OSError, subprocess.CalledProcessError) as error:
            reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
            print(f"Polygraphy cannot be installed ({reason}): nothing was measured")
            sys.exit()
        with named_or_trained() as run:
            # Copied out of its run, because `fmnist bench` times the original there, too.
            model = Path(shutil.copy(artifacts(run)["onnx float32"], folder))
            said = statements(polygraphy, model)
            whole = commands(polygraphy, run, Path(folder) / "scores.json")
    show(said, whole)
    off = 100 * abs(ratio(said[BENCH], said[LOOP.format(BENCH)]) - 1)
    conclude(
        "beside_polygraphy",
        [Claim("error of fmnist bench against a plain loop", off, "%", LIMIT_PERCENT)],
        {
            "packages": PACKAGES,
            "images": IMAGES,
            "one_image_ns": {name: [round(v, 1) for v in item.by_round] for name, item in said.items()},
            "commands_ms": milliseconds(whole),
        },
    )


if __name__ == "__main__":
    main()
