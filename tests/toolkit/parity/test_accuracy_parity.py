"""The whole job on the full data: train, export everything, and hold each artifact against the original."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import run_fmnist
from support.c_models import emulated_library_scores, portable_scores, sanitized_scores

from fmnist.devices.emulation.targets import TARGETS
from fmnist_exporters.recipes import FLOAT32_DIFFERENCE, RECIPES
from fmnist_runtime import load
from fmnist_runtime.artifact.container import read_container
from fmnist_runtime.engines.native import NativeSession
from fmnist_runtime.engines.session_options import SessionOptions
from fmnist_runtime.errors import MissingExtraError
from fmnist_runtime.native.compiler import VARIANTS, usable_variants
from fmnist_runtime.native.source import read_c
from fmnist_runtime.recorded import read_reference, write_reference

FLOAT32 = [("tflite", "float32"), ("onnx", "float32"), ("npz", "float32"), ("c", "float32")]
FORMATS = ("keras", "tflite", "onnx", "npz", "c")


BRIEFLY = ("--duration", "0.3", "--processes", "1")
"""For the timing, of which nothing is asserted here."""


@dataclass(frozen=True)
class FullRun:
    folder: Path
    output: subprocess.CompletedProcess[str]

    def result(self, name: str) -> dict[str, Any]:
        return json.loads((self.folder / "runs" / "fashion-mnist" / f"{name}.json").read_text())

    def parity(self, format: str, scheme: str) -> dict[str, Any]:
        entries = self.result("parity")["candidates"]
        return next(entry for entry in entries if (entry["format"], entry["scheme"]) == (format, scheme))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> FullRun:
    folder = tmp_path_factory.mktemp("full")
    return FullRun(folder, run_fmnist(folder, "run", *BRIEFLY, "--json", "summary.json"))


def test_it_succeeds_and_prints_one_row_a_model(full):
    assert full.output.returncode == 0, full.output.stderr
    lines = [line.split() for line in full.output.stdout.splitlines()]
    rows = [(line[0], line[1], line[2]) for line in lines if line and line[0] in FORMATS]
    assert rows == [("keras", "original", "-"), *((r.format, r.scheme, "pass") for r in RECIPES)]


def test_the_original_reaches_what_the_lecture_promises(full):
    """The lecture's code as written, without its normalisation, reaches 72.5%.

    Five seeds gave 87.6% with a standard deviation of 0.4; another processor rounds differently,
    which is like another seed: three deviations below.
    """
    [original] = [m for m in full.result("eval")["models"] if m["format"] == "keras"]
    assert original["images"] == 10_000
    assert original["accuracy"] >= 0.865
    assert full.result("train")["test_accuracy"] == original["accuracy"]


@pytest.mark.parametrize(("format", "scheme"), FLOAT32)
def test_float32_gives_the_same_answers(full, format, scheme):
    entry = full.parity(format, scheme)
    assert entry["changes"]["outside_ties"] == 0
    assert entry["probabilities"]["max_difference"] < 1e-5


@pytest.mark.parametrize("format", ["tflite", "onnx", "c"])
def test_int8_agrees_and_is_as_accurate(full, format):
    """benchmarks/exports.py: 99.89 to 99.95% over five seeds, and at most 0.03 points less accurate."""
    answers = full.parity(format, "int8")["answers"]
    assert answers["agreement"] >= 0.997
    assert answers["accuracy_difference"] >= -0.002


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.format} {recipe.scheme}")
def test_an_answer_does_not_depend_on_the_batch(full, recipe, t10k):
    """Integer sums have no order; float ones in another order may differ by rounding, as in the gate."""
    path = recipe.artifact_path("model", full.folder / "runs" / "fashion-mnist" / "export")
    with load(path) as session:
        together = session.scores(t10k.images)
        alone = np.concatenate([session.scores(image[np.newaxis]) for image in t10k.images])
    assert np.abs(together - alone).max() <= (0 if "int8" in recipe.scheme else FLOAT32_DIFFERENCE)


@pytest.mark.parametrize(
    ("format", "scheme", "limit"), [("tflite", "int8", 114_000), ("tflite", "float32", 412_000)]
)
def test_a_file_is_its_weights_and_little_more(full, format, scheme, limit):
    """101,632 weights and 138 biases; what the artifact says of itself takes less than 9 kB more."""
    [path] = (full.folder / "runs" / "fashion-mnist" / "export").glob(f"*-{scheme}.{format}")
    container = read_container(path)
    assert container is not None
    assert container.model_bytes <= limit
    assert path.stat().st_size - container.model_bytes < 9000


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.format} {recipe.scheme}")
def test_every_artifact_is_inside_its_gate(full, recipe):
    entry = full.parity(recipe.format, recipe.scheme)
    assert entry["passed"] is True
    assert entry["answers"]["accuracy_difference_interval"]["low"] > -recipe.gate.max_drop
    assert entry["answers"]["images"] == 10_000


def test_everything_is_in_the_run_directory(full):
    names = {path.name for path in (full.folder / "runs" / "fashion-mnist").iterdir()}
    assert names == {
        "model.keras", "history.csv", "train.json", "reference.npz", "export", "initial.npz", "checkpoints",
        "eval.json", "parity.json", "bench.json", "report.html",
    }  # fmt: skip
    history = list(csv.DictReader((full.folder / "runs" / "fashion-mnist" / "history.csv").open()))
    assert [row["epoch"] for row in history] == [str(number) for number in range(1, 11)]
    assert float(history[-1]["loss"]) < float(history[0]["loss"])
    assert history[0].keys() >= {"loss", "accuracy", "val_loss", "val_accuracy", "seconds"}
    summary = json.loads((full.folder / "summary.json").read_text())
    assert summary["schema"] == "fmnist.run/1"
    assert len(summary["models"]) == 1 + len(RECIPES)


def test_only_its_own_words_are_printed(full):
    """Nothing of TensorFlow's, absl's or an engine's logging, on either stream."""
    starts = ("epoch ", "train: ", "export: ", "export ", "eval: ", "parity: ", "bench: ", "bench ")
    assert [line for line in full.output.stderr.splitlines() if not line.startswith(starts)] == []
    starts = ("format", "─", *FORMATS, "times of 11 of 11 are not STABLE", "runs/fashion-mnist: ")
    *lines, last = full.output.stdout.splitlines()
    assert [line for line in lines if line and not line.startswith(starts)] == []
    assert last == "runs/fashion-mnist/report.html: all of it to look at; open it in a browser"


def test_finished_steps_are_kept(full):
    """This test runs the job again, so it stands behind those that look at the first run's files."""
    folder = full.folder / "runs" / "fashion-mnist"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    again = run_fmnist(full.folder, "run", *BRIEFLY, "--json", "summary.json")
    assert again.returncode == 0
    assert again.stdout == full.output.stdout
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "train: kept" in again.stderr

    (folder / "export" / "model-int8.tflite").unlink()
    mended = run_fmnist(full.folder, "run", *BRIEFLY)
    assert mended.returncode == 0
    assert (folder / "export" / "model-int8.tflite").exists()
    assert "export: model-int8.tflite\n" in mended.stderr
    assert "export: model-float32.onnx (kept)" in mended.stderr
    assert "parity: kept" in mended.stderr  # the same bytes were made again


def test_a_failed_gate_exits_3_and_one_failed_step_stops_no_other(full):
    """The original's recorded scores are made better than any artifact's; a note lies where a result goes."""
    run = full.folder / "runs" / "fashion-mnist"
    reference = read_reference(run / "reference.npz")
    perfect = np.eye(10, dtype=np.float32)[reference.targets]
    write_reference(run / "reference.npz", replace(reference, scores=perfect))
    failed = run_fmnist(full.folder, "run", *BRIEFLY)
    assert failed.returncode == 3
    assert failed.stdout.count(" FAIL ") == len(RECIPES)
    assert "tflite int8: max-drop: accuracy is" in failed.stdout

    (run / "bench.json").write_text("somebody's notes")
    stopped = run_fmnist(full.folder, "run", *BRIEFLY)
    assert stopped.returncode == 3
    assert "bench.json: exists and is not a result of fmnist" in stopped.stderr
    assert stopped.stdout.count(" FAIL ") == len(RECIPES)
    assert (run / "bench.json").read_text() == "somebody's notes"


def test_one_verb_after_the_other_with_nothing_more_said(tmp_path):
    """As a newcomer types them; other words only where a step is to be shorter."""
    for arguments, promise in (
        (["train", "--epochs", "1"], "train: runs/fashion-mnist/model.keras, 101,770 weights"),
        (["export", "--format", "tflite"], "runs/fashion-mnist/export/model-float32.tflite"),
        (["eval"], "model-float32.tflite"),
        (["parity"], " pass "),
        (["bench", *BRIEFLY], "model.keras"),
    ):
        result = run_fmnist(tmp_path, *arguments)
        assert result.returncode == 0, result.stderr
        assert promise in result.stdout + result.stderr
    assert run_fmnist(tmp_path, "train", "--epochs", "1").returncode == 0
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"fashion-mnist", "fashion-mnist-2"}
    first, second = (
        tmp_path / "runs" / name / "history.csv" for name in ("fashion-mnist", "fashion-mnist-2")
    )
    columns = ("loss", "accuracy", "val_loss", "val_accuracy")
    rows = [next(csv.DictReader(path.open())) for path in (first, second)]
    assert [rows[0][column] for column in columns] == [rows[1][column] for column in columns]  # seeded


@pytest.mark.parametrize("target", TARGETS)
def test_c_gives_the_same_bits_on_every_processor(full, target):
    try:
        TARGETS[target].require()
    except MissingExtraError as error:
        pytest.skip(str(error))
    model = "runs/fashion-mnist/export/model-int8"
    arguments = (f"{model}.c", "--reference", f"{model}.tflite", "--on", target, "--json", f"{target}.json")
    result = run_fmnist(full.folder, "parity", *arguments)
    assert result.returncode == 0, result.stderr
    [found] = json.loads((full.folder / f"{target}.json").read_text())["candidates"]
    assert found["identical_rows"] == found["answers"]["images"] == 10_000
    assert f"{target}, emulated: 10,000 of 10,000 images have the scores of this machine" in result.stdout


def test_c_and_tflite_give_the_same_answers(full):
    folder = full.folder / "runs" / "fashion-mnist" / "export"
    arguments = (folder / "model-int8.c", "--reference", folder / "model-int8.tflite", "--json", "c.json")
    result = run_fmnist(full.folder, "parity", *arguments)
    assert result.returncode == 0, result.stderr
    [found] = json.loads((full.folder / "c.json").read_text())["candidates"]
    assert found["answers"]["agreement"] == 1


def test_c_takes_little_memory_on_a_microcontroller(full):
    """The weights are 784·128 + 128·8 + 10·128·4 + 40 = 106,536 bytes of the flash."""
    try:
        TARGETS["cortex-m4"].require()
    except MissingExtraError as error:
        pytest.skip(str(error))
    model = "runs/fashion-mnist/export/model-int8.c"
    result = run_fmnist(full.folder, "inspect", model, "--on", "cortex-m4", "--json", "memory.json")
    assert result.returncode == 0, result.stderr
    footprint = json.loads((full.folder / "memory.json").read_text())["footprint"]
    assert footprint["flash"] <= 110_000
    assert footprint["ram"] + footprint["stack"] <= 2_000


@pytest.mark.parametrize("variant", VARIANTS["aarch64"], ids=lambda variant: variant.name or "plain")
def test_the_instructions_of_arm_give_the_same_bits(full, variant, t10k, tmp_path):
    if shutil.which("qemu-aarch64-static") is None:
        pytest.skip("qemu-user-static is not installed")
    path = full.folder / "runs" / "fashion-mnist" / "export" / "model-int8.c"
    with load(path) as session:
        expected = session.scores(t10k.images)
    network = read_c(path.read_bytes(), path)
    scores = emulated_library_scores(network, t10k.images, "aarch64", variant.flags, tmp_path)
    assert scores.tobytes() == expected.tobytes()


@pytest.mark.parametrize("variant", usable_variants(), ids=lambda variant: variant.name or "plain")
def test_the_instructions_of_this_processor_give_the_same_bits(full, variant, t10k):
    path = full.folder / "runs" / "fashion-mnist" / "export" / "model-int8.c"
    portable = portable_scores(read_c(path.read_bytes(), path), t10k.images)
    with NativeSession(SessionOptions(path), variant) as session:
        assert session.scores(t10k.images).tobytes() == portable.tobytes()


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_fault_in_memory_or_arithmetic_on_any_image(full, compiler, t10k, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    path = full.folder / "runs" / "fashion-mnist" / "export" / "model-int8.c"
    network = read_c(path.read_bytes(), path)
    scores = sanitized_scores(network, t10k.images, tmp_path, compiler)
    assert scores.tobytes() == portable_scores(network, t10k.images).tobytes()
