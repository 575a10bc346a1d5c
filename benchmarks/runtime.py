"""Compare the runtime with its engines, Keras and the lecture: one image, all 10,000, and whole processes.

Contenders run in turn, on the real test images, with one thread each. Prints medians and ratios; writes
results/runtime.json. Exits 1 and names each broken limit. Usage: runtime.py [RUN], a trained and fully
exported run. Without RUN, one is made in a temporary folder.
"""

from __future__ import annotations

import os
import sys

import all_images
import one_image
import whole_process
from claims import Part, conclude
from trained import DATA, artifacts, named_or_trained

from fmnist.runs.run import Run
from fmnist_runtime.data.datasets import load_dataset

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""For NumPy, whose library reads these once, when it is loaded."""


def measure(run: Run) -> dict[str, Part]:
    """Measure and print all parts."""
    test = load_dataset("fashion-mnist", "test", DATA)
    files = {recipe: path for recipe, path in artifacts(run).items() if path.suffix != ".c"}  # see native.py
    parts = {"whole_process": whole_process.measure(files["tflite int8"], run.model, test)}
    from fmnist_exporters.original.session import KerasSession  # loads TensorFlow, so import it late

    with KerasSession(run.model) as original:
        parts["one_image"] = one_image.measure(files, test.images, original.model)
        parts["all_images"] = all_images.measure(files, test, original.model)
    return parts


def main() -> None:
    """Measure and record; exit 1 if a limit is broken."""
    if not ONE_THREAD.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})
    with named_or_trained() as run:
        parts = measure(run)
    conclude(
        "runtime",
        [claim for part in parts.values() for claim in part.claims],
        {name: part.body for name, part in parts.items()},
    )


if __name__ == "__main__":
    main()
