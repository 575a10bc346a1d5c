"""The runtime beside its engines, Keras and the lecture: one image, all 10,000, and whole processes.

Contenders run in turn, on the real test images, with one thread each. Prints medians and ratios; writes
results/runtime.json. Exits 1 and says which limit is broken when one is. Usage: runtime.py [RUN], a trained
and fully exported run; without it one is made in a temporary folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import all_images
import one_image
import whole_process
from side_by_side import Claim, Part, report

from fmnist.results import to_json
from fmnist.runs import Run
from fmnist_runtime.datasets import load_dataset

ROOT = Path(__file__).parent.parent
RESULT = Path(__file__).parent / "results" / "runtime.json"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""For NumPy, whose library reads it once, when it is loaded."""
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
"""Where this is set, each process compiles our modules anew, but not those that pip has installed."""


def train(folder: Path) -> Run:
    """A run with every artifact, by the command's own defaults."""
    for verb in (
        ["train", "--out", str(folder)],
        ["export", str(folder), "--format", "all", "--quantize", "all"],
    ):
        command = [sys.executable, "-m", "fmnist", *verb, "--data-dir", str(ROOT / "data")]
        subprocess.run(command, check=True, capture_output=True)
    return Run(folder)


def artifacts(run: Run) -> dict[str, Path]:
    """The run's files by recipe, such as ``tflite int8``."""
    return {f"{path.suffix[1:]} {path.stem.removeprefix('model-')}": path for path in run.artifacts()}


def measure(run: Run) -> dict[str, Part]:
    """Measure all parts and print them."""
    test = load_dataset("fashion-mnist", "test", ROOT / "data")
    files = artifacts(run)
    parts = {"whole_process": whole_process.measure(files["tflite int8"], run.model, test)}
    from fmnist_exporters.original import KerasSession  # TensorFlow is kept out of the way until now

    with KerasSession(run.model) as original:
        parts["one_image"] = one_image.measure(files, test.images, original.model)
        parts["all_images"] = all_images.measure(files, test, original.model)
    return parts


def print_claims(claims: list[Claim]) -> None:
    """Each promise with what became of it."""
    rows = [
        [
            claim.text,
            f"{claim.value:,.2f}",
            f"{'≥' if claim.at_least else '≤'} {claim.limit:,g}",
            "held" if claim.held else "BROKEN",
        ]
        for claim in claims
    ]
    report("What was promised", ["claim", "measured", "limit", "verdict"], rows)


def main() -> None:
    """Measure, record, judge."""
    os.environ.pop(NO_BYTECODE, None)
    if not ONE_THREAD.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    with tempfile.TemporaryDirectory() as folder:
        parts = measure(
            Run(Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else train(Path(folder) / "run")
        )
    claims = [claim for part in parts.values() for claim in part.claims]
    print_claims(claims)
    body = {
        "claims": [{**asdict(claim), "held": claim.held} for claim in claims],
        **{name: part.body for name, part in parts.items()},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(to_json("benchmark-runtime", body))
    broken = [claim for claim in claims if not claim.held]
    reasons = [
        f"broken: {claim.text} is {claim.value:,.2f}, {claim.limit:,g} is the limit" for claim in broken
    ]
    print("\n" + ("\n".join(reasons) or "every limit is held"))
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
