"""What tests of ``fmnist predict`` share: images as files, and answers read back."""

from __future__ import annotations

import csv
import io
import os
import pty
import subprocess
import sys

from PIL import Image
from support import DATA, TINY

from fmnist_runtime import Prediction

INT8 = TINY / "export" / "model-int8.tflite"
T10K = DATA / "fashion-mnist" / "t10k-images-idx3-ubyte.gz"


def encode(pixels, form="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def rows(result):
    """CSV as a list of the file and its predictions."""
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


def on_a_terminal(*arguments, stdin=None):
    """Standard output and error of the verb on a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fmnist", "predict", str(INT8), *map(str, arguments)],
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm", "PYTHONUTF8": "1", "NO_COLOR": ""},
        stdin=theirs if stdin is None else stdin,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not part:
            break
        text += part
    os.close(ours)
    return process.wait(), text.decode()
