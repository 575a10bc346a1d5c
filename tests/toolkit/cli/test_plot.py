"""`fmnist plot`: where pictures of a run are written, and what is not overwritten."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import DATA, TINY
from support.drawn import of_class, parse

from fmnist.figures.training import history_picture
from fmnist.models.inspect import initial_weights, trained_weights
from fmnist.runs.history import read_history
from fmnist.runs.run import Run
from fmnist_runtime.errors import ResultError
from fmnist_runtime.recorded import Reference, read_reference, write_reference

REFERENCE = read_reference(TINY / "reference.npz")
PLOTS = ["history", "predictions", "weights", "confusion"]


def write_initial(run: Path, names: str = "{}") -> dict[str, np.ndarray]:
    """Weights as training records them before its first step, of the tiny run's shapes."""
    trained, _ = trained_weights(run / "model.keras")
    random = np.random.default_rng(0)
    initial = {name: random.normal(size=w.shape).astype(np.float32) for name, w in trained.items()}
    np.savez(run / "initial.npz", **{names.format(name): array for name, array in initial.items()})
    return initial


@pytest.mark.parametrize("name", PLOTS)
def test_the_newest_run_gets_a_picture_and_it_is_made_anew(tiny, fmnist, name):
    for _ in range(2):
        result = fmnist("plot", name)
        assert result.returncode == 0, result.stderr
        assert result.stdout == f"runs/tiny/plots/{name}.svg\n"
        assert result.stderr.startswith("run: runs/tiny\n")
    assert [path.name for path in (tiny / "plots").iterdir()] == [f"{name}.svg"]
    svg = parse((tiny / "plots" / f"{name}.svg").read_text(encoding="utf-8"))
    assert svg.get("data-generator") == "fmnist"
    width, height = float(svg.get("width")), float(svg.get("height"))
    assert min(width, height) > 200
    assert max(width, height) < 2000


def test_mistakes_get_a_file_of_their_own(tiny, fmnist):
    assert fmnist("plot", "predictions", "runs/tiny", "--wrong").stdout == "runs/tiny/plots/mistakes.svg\n"


def test_a_file_that_is_not_ours_is_replaced_by_force_alone(tmp_path, tiny, fmnist):
    path = tmp_path / "holiday.svg"
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg"></svg>')
    before = path.read_bytes()
    refused = fmnist("plot", "history", "--out", path)
    assert refused.returncode == 1
    assert f"{path}: exists and is not a picture of fmnist" in refused.stderr
    assert path.read_bytes() == before
    assert fmnist("plot", "history", "--out", path, "--force").returncode == 0
    assert path.read_bytes() != before
    assert fmnist("plot", "history", "--out", path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["history", "nowhere"], "nowhere: no such run or file"),
        (["history", "--out", "plot.png"], "plot.png: pictures are SVG files"),
        (["confusion", "--out", "model.keras/a.svg"], "model.keras takes no files"),
        (["predictions", "--data-dir", "nowhere"], "no folder holds t10k-images"),
    ],
)
def test_mistakes_of_the_user_are_one_line(tiny, tmp_path, fmnist, arguments, complaint):
    (tmp_path / "model.keras").touch()
    result = fmnist("plot", *arguments)
    assert result.returncode == 1
    assert result.stdout == ""
    assert complaint in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert not (tiny / "plots").exists()


def test_no_run_yet(fmnist):
    assert "make one with: fmnist train" in fmnist("plot", "history").stderr


def test_without_markupsafe_the_extra_is_named(without_markupsafe):
    for name in ("history", "predictions", "weights", "confusion"):
        without_markupsafe("plot", name)


def test_the_same_picture_has_the_same_bytes():
    pictures = {history_picture(read_history(TINY / "history.csv")) for _ in range(2)}
    assert len(pictures) == 1


def test_history_has_a_line_for_training_and_one_for_validation():
    svg = parse(history_picture(read_history(TINY / "history.csv")))
    headings = [each.text for each in of_class(svg, "subheading")]
    assert headings == ["Accuracy", "Loss (cross-entropy)"]
    for name in ("training", "validation"):
        assert [len(of_class(line, "mark")) for line in of_class(svg, name)] == [5, 5]
        assert len(of_class(svg, f"{name}-key")) == 1


@pytest.mark.parametrize("content", ["", "epoch,loss\n1,2\n", "epoch,loss,accuracy,val_loss,val_accuracy\n"])
def test_a_damaged_history_is_named(tmp_path, content):
    path = tmp_path / "history.csv"
    path.write_text(content)
    with pytest.raises(ResultError, match=r"history\.csv: "):
        read_history(path)


def test_a_model_without_mistakes_has_none_to_show(tiny, fmnist):
    perfect = np.eye(10, dtype=np.float32)[REFERENCE.targets]
    write_reference(tiny / "reference.npz", Reference(**{**vars(REFERENCE), "scores": perfect}))
    result = fmnist("plot", "predictions", "--wrong")
    assert result.returncode == 1
    assert "made no mistake on the test images" in result.stderr


@pytest.mark.parametrize("names", ["{}", "classifier/{}"], ids=["loaded", "just built"])
def test_initial_weights_are_found_by_their_order(tiny, names):
    written = write_initial(tiny, names)
    trained, _ = trained_weights(tiny / "model.keras")
    read = initial_weights(Run(tiny), trained)
    assert list(read) == list(trained)
    assert all(np.array_equal(read[name], written[name]) for name in trained)


def test_without_initial_weights_only_those_after_are_drawn_and_it_says_so(tiny, fmnist):
    (tiny / "initial.npz").unlink()
    without = fmnist("plot", "weights")
    assert "runs/tiny/initial.npz: missing, so only the weights after training" in without.stderr
    drawn = (tiny / "plots" / "weights.svg").read_text(encoding="utf-8")
    assert re.findall(r"\w+ training", drawn) == ["after training"]
    write_initial(tiny)
    both = fmnist("plot", "weights")
    assert (both.returncode, both.stderr) == (0, "run: runs/tiny\n")
    drawn = (tiny / "plots" / "weights.svg").read_text(encoding="utf-8")
    assert re.findall(r"\w+ training", drawn) == ["before training", "after training"]


@pytest.mark.parametrize("case", ["damaged", "of another model"])
def test_initial_weights_that_do_not_fit_are_named(tiny, fmnist, case):
    if case == "damaged":
        (tiny / "initial.npz").write_bytes(b"PK\3\4 and no more")
    else:
        np.savez(tiny / "initial.npz", a=np.zeros((784, 32), np.float32))
    result = fmnist("plot", "weights")
    assert result.returncode == 1
    assert "runs/tiny/initial.npz: " in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_pictures_of_scores_need_no_tensorflow(tiny):
    code = """
import sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
sys.argv = ["fmnist", "plot", sys.argv[1]]
from fmnist.cli.main import main
main()
"""
    for name in ("history", "predictions", "confusion"):
        result = subprocess.run(
            [sys.executable, "-c", code, name],
            cwd=tiny.parent.parent,
            env={**os.environ, "FMNIST_DATA": str(DATA)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stdout) == (0, f"runs/tiny/plots/{name}.svg\n"), result.stderr
