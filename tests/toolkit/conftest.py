"""Fixtures for tests of the command: expected failures, ``fmnist predict``, and kept scores."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import TINY, run_fmnist
from support.predicting import INT8, encode

from fmnist_runtime import load

_QUICK = ("--duration", 0.3, "--processes", 2)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def fails(tmp_path, fmnist):
    """Run a command that must fail and leave the folder unchanged; return its one line."""

    def run(*arguments: object) -> str:
        before = snapshot(tmp_path)
        result = fmnist(*arguments)
        assert result.returncode == 1, result.stderr
        assert result.stdout == ""
        lines = [
            line for line in result.stderr.splitlines(keepends=True) if not line.startswith("export 0 of ")
        ]
        assert len(lines) == 1, result.stderr  # besides progress
        assert lines[0].startswith("fmnist: ")
        assert snapshot(tmp_path) == before
        return lines[0]

    return run


@pytest.fixture
def foreign(tmp_path) -> Path:
    """The tiny model outside of any run."""
    path = tmp_path / "mine.keras"
    path.write_bytes((TINY / "model.keras").read_bytes())
    return path


@pytest.fixture
def without_markupsafe(tmp_path):
    """Run a command without MarkupSafe; it must name the extra and do nothing."""

    def run(*arguments: object) -> None:
        code = f"""
import sys
sys.modules["markupsafe"] = None  # as if it were not installed
sys.argv = ["fmnist", *{[str(argument) for argument in arguments]!r}]
from fmnist.cli.main import main
main()
"""
        before = snapshot(tmp_path)
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert result.returncode == 1
        assert result.stderr == (
            "fmnist: plotting needs markupsafe, which is not installed: pip install 'fmnist[report]'\n"
        )
        assert snapshot(tmp_path) == before

    return run


@pytest.fixture
def predict(tmp_path):
    """The verb on the int8 artifact, in the test's folder; standard input is bytes."""

    def run(*arguments, stdin=b"", model=INT8):
        return subprocess.run(
            [sys.executable, "-m", "fmnist", "predict", str(model), *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONUTF8": "1"},
            input=stdin,
            capture_output=True,
            check=False,
        )

    return run


@pytest.fixture
def photos(tmp_path, t10k):
    """Images 0 to 11 by number, one more in a subfolder, and files to be skipped."""
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    (folder / ".thumbnails").mkdir()
    for number in range(12):
        (folder / f"{number}.png").write_bytes(encode(t10k.images[number]))
    (folder / "below" / "12.PNG").write_bytes(encode(t10k.images[12]))
    for hidden in (".hidden.png", ".thumbnails/0.png"):
        (folder / hidden).write_bytes(encode(t10k.images[13]))
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.fixture(scope="module")
def answers(t10k):
    """The model's own predictions for the first 300 test images."""
    with load(INT8) as session:
        return [session.top(image, 3) for image in t10k.images[:300]]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scores of the whole tiny run, as kept by the command."""
    folder = tmp_path_factory.mktemp("kept")
    result = run_fmnist(folder, "eval", TINY, "--scores", "scores.npz")
    assert result.returncode == 0, result.stderr
    return folder / "scores.npz"


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny run with eval.json, parity.json and bench.json; copy it before you change it.

    The artifacts are timed where they are in no run, else Keras would be, too: two thirds of all the time.
    """
    folder = tmp_path_factory.mktemp("report")
    run = Path(shutil.copytree(TINY, folder / "tiny"))
    timed = Path(shutil.copytree(TINY / "export", folder / "timed"))
    for verb, arguments, statuses in (
        ("eval", (run,), {0}),
        ("parity", (run,), {0, 3}),
        ("bench", (*sorted(timed.glob("model-*")), *_QUICK), {0}),
    ):
        result = run_fmnist(folder, verb, *arguments, "--json", run / f"{verb}.json")
        assert result.returncode in statuses, result.stderr
    return run
