"""Shared by tests of ``fmnist predict``: images as files, and answers read back."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from PIL import Image

from fmnist_runtime import Prediction
from support import DATA, TINY, run_on_a_terminal

INT8 = TINY / "export" / "model-int8.tflite"
T10K = DATA / "fashion-mnist" / "t10k-images-idx3-ubyte.gz"


def encode(pixels, form="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def rows(result):
    """Read CSV as a list of files with their predictions."""
    return [
        (
            row["file"],
            [
                Prediction(row[f"label_{n}"], int(row[f"index_{n}"]), float(row[f"probability_{n}"]))
                for n in (1, 2, 3)
            ],
        )
        for row in csv.DictReader(io.StringIO(result.stdout.decode(), newline=""))
    ]


def on_a_terminal(*arguments, **streams):
    """Return exit code and all output of the verb on a terminal of 100 columns."""
    return run_on_a_terminal(Path.cwd(), "predict", INT8, *arguments, **streams)
