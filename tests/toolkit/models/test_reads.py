"""How often a file is read: an opened model has everything that was read of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from support import DATA, TINY, TRAINS

COUNTING = """
import hashlib, json, os, sys
from pathlib import Path

opened, hashed = [], [0]

def count(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        opened.append(os.path.basename(arguments[0]))

class Counted:
    def __init__(self, content=b""):
        self._digest = plain(content)
        hashed[0] += len(content)
    def update(self, content):
        self._digest.update(content)
        hashed[0] += len(content)
    def hexdigest(self):
        return self._digest.hexdigest()

def file_digest(file, name):
    return Counted(file.read())

plain, hashlib.sha256, hashlib.file_digest = hashlib.sha256, Counted, file_digest
sys.addaudithook(count)
"""


def counted(code: str, name: str) -> tuple[int, int]:
    """Run code, and count how often it opens a file of a name, and how many bytes it hashes."""
    result = subprocess.run(
        [sys.executable, "-c", f"{COUNTING}\n{code}\nprint(json.dumps([opened.count({name!r}), hashed[0]]))"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "FMNIST_DATA": str(DATA)},
    )
    assert result.returncode == 0, result.stderr
    opened, hashed = json.loads(result.stdout.splitlines()[-1])
    return opened, hashed


@pytest.mark.parametrize("name", ["model-int8.tflite", "model-float32.onnx", "model-float32.npz"])
def test_an_artifact_is_read_twice_at_most_and_hashed_once(name):
    path = TINY / "export" / name
    code = f"""
from fmnist.models.open import describe, open_model

path = Path({str(path)!r})
with open_model(path) as session:
    model = describe(session)
assert model.sha256 == plain(path.read_bytes()).hexdigest()
opened.remove(path.name)
"""
    opened, hashed = counted(code, name)
    assert 1 <= opened <= 2
    assert hashed == path.stat().st_size


@pytest.mark.skipif(not TRAINS, reason="needs Keras")
def test_eval_of_a_keras_model_reads_the_record_of_its_run_once():
    code = f"""
from fmnist.cli.main import main

sys.argv = ["fmnist", "eval", {str(TINY / "model.keras")!r}]
try:
    main()
except SystemExit as exit:
    assert not exit.code
"""
    opened, _ = counted(code, "train.json")
    assert opened == 1
