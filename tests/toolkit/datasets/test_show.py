"""Images of a data set, in the terminal and as a picture."""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support import DATA
from support.drawn import parse

from fmnist.text.image_grid import INK, draw_grid, takes_half_blocks
from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.data.idx import idx_header


@pytest.fixture(scope="module")
def training():
    return load_dataset("fashion-mnist", "train", DATA)


def test_the_terminal_shows_25_named_images_in_80_columns(fmnist, training):
    result = fmnist("data", "show")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.isascii()
    assert "\x1b" not in result.stdout
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    labels = [training.labels[target] for target in training.targets[:25]]
    names = [name for line in lines[7::9] for name in re.split(r"  +", line)]
    assert names == labels


def test_it_works_without_markupsafe_and_the_picture_names_the_extra(tmp_path):
    code = """
import sys
sys.modules["markupsafe"] = None  # as if it were not installed
sys.argv = ["fmnist", "data", "show", *sys.argv[1:]]
from fmnist.cli.main import main
main()
"""

    def show(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=tmp_path,
            env={**os.environ, "FMNIST_DATA": str(DATA)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert "Ankle boot" in show().stdout
    refused = show("--out", "a.svg")
    assert refused.returncode == 1
    assert "pip install 'fmnist[report]'" in refused.stderr
    assert not (tmp_path / "a.svg").exists()


def test_a_picture_is_written_and_replaced_when_it_is_ours(tmp_path, fmnist):
    for _ in range(2):
        result = fmnist("data", "show", "--dataset", "mnist", "--out", "digits.svg")
        assert (result.returncode, result.stdout) == (0, "digits.svg\n")
    assert parse((tmp_path / "digits.svg").read_text(encoding="utf-8")).get("data-generator") == "fmnist"
    (tmp_path / "notes.svg").write_text("not a picture at all")
    refused = fmnist("data", "show", "--out", "notes.svg")
    assert refused.returncode == 1
    assert refused.stderr.startswith("fmnist: notes.svg: exists and is not a picture of fmnist")
    assert (tmp_path / "notes.svg").read_text() == "not a picture at all"


def test_an_unknown_data_set_is_one_line(fmnist):
    result = fmnist("data", "show", "--dataset", "cifar")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "known data sets are fashion-mnist, mnist" in result.stderr


def test_a_small_data_set_in_colour_is_shown_whole(tmp_path, fmnist):
    """Three images of 8×8 in red, with a name that is no formula."""
    images = np.zeros((3, 8, 8, 3), np.uint8)
    images[..., 0] = 255
    targets = np.zeros(3, np.uint8)
    for stem, array in (("images-idx4", images), ("labels-idx1", targets)):
        name = f"train-{stem.replace('idx4', 'idx3')}-ubyte"
        (tmp_path / name).write_bytes(idx_header(array.shape) + array.tobytes())
    (tmp_path / "labels.txt").write_text("$red\n")
    result = fmnist("data", "show", "--dataset", ".", "--out", "red.svg")
    assert result.returncode == 0, result.stderr
    drawn = parse((tmp_path / "red.svg").read_text(encoding="utf-8"))
    shown = [base64.b64decode(image.get("href").partition(",")[2]) for image in drawn.iter("image")]
    assert [Image.open(io.BytesIO(image)).getcolors() for image in shown] == [[(64, (255, 0, 0))]] * 3
    assert fmnist("data", "show", "--dataset", ".").stdout.splitlines()[-1] == "$red      $red      $red"


def test_more_ink_is_more_light():
    ramp = np.tile(np.linspace(0, 255, 10).astype(np.uint8), (1, 2, 1))
    first, label = draw_grid(ramp, ["ramp"], 1, 80, coloured=False).splitlines()
    assert first == INK
    assert label == "ramp"


def test_a_terminal_with_colours_gets_twice_the_rows():
    """White over black: the upper half of each block is the foreground colour."""
    image = np.zeros((1, 2, 3), np.uint8)
    image[0, 0] = 255
    block = "\x1b[38;5;231;48;5;16m▀"
    assert draw_grid(image, ["x"], 1, 80, coloured=True).splitlines()[0] == block * 3 + "\x1b[0m"


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("shape", [(28, 28), (31, 17), (96, 96, 3)])
def test_every_size_fits(width, shape):
    images = np.full((7, *shape), 255, np.uint8)
    lines = draw_grid(images, ["a long name of a class"] * 7, 5, width, coloured=False).splitlines()
    assert max(map(len, lines)) <= width
    assert lines.count("") == 1  # between the two rows of images


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("encoding", "variables", "expected"),
    [
        ("utf-8", {"TERM": "xterm"}, True),
        ("ascii", {"TERM": "xterm"}, False),
        ("utf-8", {"TERM": "dumb"}, False),
        ("utf-8", {"TERM": "xterm", "NO_COLOR": "1"}, False),
    ],
)
def test_half_blocks_only_where_they_are_shown(monkeypatch, encoding, variables, expected):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert takes_half_blocks(Terminal(io.BytesIO(), encoding=encoding)) is expected
    assert not takes_half_blocks(io.TextIOWrapper(io.BytesIO(), encoding=encoding))
