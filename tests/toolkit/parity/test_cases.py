"""Conversions that went wrong, each judged on the 10,000 real test images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from support import DATA, TINY
from support.artifacts import BY_NAME, SOURCE
from support.judging import broken_limits, judge

from fmnist_exporters.export import Exporter
from fmnist_runtime import load
from fmnist_runtime.data.datasets import Dataset, load_dataset
from fmnist_runtime.recorded import read_reference, write_reference

REFERENCE = ("--reference", TINY / "reference.npz")
INT8 = TINY / "export" / "model-int8.tflite"
CALIBRATION = 200
ANY_FLIPS = ("--max-confident-flips", 10_000)
DRESS, SANDAL = 3, 5
ZEROED = (0, 1, 4)
"""Seeds; with the last, some of the lost weights are of the last layer, and mattered."""


def tiny() -> keras.Sequential:
    return keras.saving.load_model(TINY / "model.keras", compile=False)


def rescaled(scale: float, offset: float) -> keras.Sequential:
    """The tiny model behind another normalisation than the one it was trained with."""
    first = [keras.Input((28, 28)), keras.layers.Rescaling(scale, offset=offset)]
    return keras.Sequential([*first, *tiny().layers[1:]])


def with_swapped_labels() -> keras.Sequential:
    model = tiny()
    order = np.arange(10)
    order[[DRESS, SANDAL]] = SANDAL, DRESS
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel[:, order], bias[order]])
    return model


def with_zeroed_weights(seed: int) -> keras.Sequential:
    """One weight in a hundred is 0."""
    model, generator = tiny(), np.random.default_rng(seed)
    model.set_weights([np.where(generator.random(w.shape) < 0.01, 0, w) for w in model.get_weights()])
    return model


@dataclass(frozen=True)
class Workshop:
    """Where models are made, once for all tests."""

    folder: Path
    training: Dataset

    @property
    def pixels(self) -> NDArray[np.float32]:
        return self.training.images[:CALIBRATION].astype(np.float32)

    def convert(self, name: str, model: keras.Model, calibration: NDArray[np.float32] | None = None) -> Path:
        """As TensorFlow's guide to quantisation has it; float32 without calibration images."""
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if calibration is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([image[np.newaxis]] for image in calibration)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        path = self.folder / f"{name}.tflite"
        path.write_bytes(converter.convert())
        return path

    def export(self, name: str, model: keras.Model, scheme: str, training: Dataset | None = None) -> Path:
        """As `fmnist export` has it, which finds that the file answers like the model it was made from."""
        path, recipe = self.folder / f"{name}.keras", BY_NAME["tflite", scheme]
        model.save(path)
        source = replace(
            SOURCE, path=path, load_training=lambda: training or self.training, allow_chance=True
        )
        return Exporter(source).export(recipe, recipe.artifact_path(name, self.folder)).path


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"), load_dataset("fashion-mnist", "train", DATA))


@pytest.fixture(scope="module")
def sound(workshop) -> Path:
    return workshop.convert("sound", tiny(), workshop.pixels)


@pytest.fixture(scope="module")
def swapped(workshop) -> Path:
    return workshop.export("swapped", with_swapped_labels(), "int8")


@pytest.fixture(scope="module")
def zeroed(workshop) -> list[Path]:
    return [workshop.export(f"zeroed-{seed}", with_zeroed_weights(seed), "float32") for seed in ZEROED]


def net_losses(entry) -> dict[int, int]:
    """Images that each class lost, less those it won."""
    return {change["index"]: change["worse"] - change["better"] for change in entry["changes"]["classes"]}


def test_a_keras_model_is_given_the_pixels_that_it_takes(tmp_path):
    """As a candidate, too: named, or those of the original that it would replace."""
    rescaled(1.0, 0.0).save(tmp_path / "unit.keras")
    named = judge(tmp_path, "unit.keras", *REFERENCE, "--input-range", "0-1")
    assert (named.code, named.entry["answers"]["agreement"]) == (0, 1)
    recorded = replace(read_reference(TINY / "reference.npz"), source_range="0-1")
    write_reference(tmp_path / "unit-reference.npz", recorded)
    found = judge(tmp_path, "unit.keras", "--reference", "unit-reference.npz").entry
    assert found == named.entry | {"range_known_from": "labelled images"}
    wrong = judge(tmp_path, TINY / "model.keras", *REFERENCE, "--input-range", "0-1")
    assert (wrong.code, wrong.failed) == (3, ["max-drop"])


def test_the_default_int8_passes(tmp_path):
    judgement = judge(tmp_path, INT8, *REFERENCE)
    assert (judgement.code, judgement.failed) == (0, [])
    answers, changes = judgement.entry["answers"], judgement.entry["changes"]
    assert answers["images"] == 10_000
    assert answers["accuracy_difference_interval"]["low"] > -judgement.entry["gate"]["max_drop"] == -0.005
    assert answers["agreement"] >= judgement.entry["gate"]["min_agreement"] == 0.95
    assert changes["confident"] == []


def test_one_that_a_user_converts_with_care_passes(tmp_path, sound):
    judgement = judge(tmp_path, sound, *REFERENCE)
    assert judgement.code == 0
    assert judgement.entry["scheme"] == "unknown"


def test_a_range_forgotten_in_calibration_fails(tmp_path, workshop, t10k):
    """Pixels beyond 1 become 1, and what the model divides by 255 is black: all get the answer to black."""
    path = workshop.convert("forgotten", tiny(), workshop.pixels / 255)
    judgement = judge(tmp_path, path, *REFERENCE)
    assert judgement.failed == ["max-drop"]
    with load(TINY / "export" / "model-float32.npz") as session:
        [black] = session.scores(np.zeros((1, 28, 28), np.uint8)).argmax(axis=1)
    losses = net_losses(judgement.entry)
    assert {index for index, loss in losses.items() if loss > 0} == set(range(10)) - {int(black)}
    assert {pair["candidate"] for pair in judgement.entry["changes"]["pairs"]} == {black}
    assert judgement.entry["answers"]["candidate_accuracy"] == (t10k.targets == black).mean()
    [breach] = judgement.entry["breaches"]
    assert breach["certain"]
    assert breach["measured"] == -judgement.entry["answers"]["accuracy_difference_interval"]["low"]
    beyond = 100 * (breach["measured"] - breach["limit"])
    assert f"{beyond:.2g} beyond the 0.5 allowed" in judgement.text
    wanted = judge(tmp_path, path, *REFERENCE, "--min-agreement", 0.95)
    assert wanted.failed == ["max-drop", "min-agreement"]


def test_what_an_export_cannot_know_parity_tells(tmp_path, workshop):
    """Of training images that are divided already, all are black: nothing there shows what is lost."""
    divided = replace(workshop.training, images=np.uint8(workshop.training.images > 127))
    path = workshop.export("divided", tiny(), "int8", divided)
    assert judge(tmp_path, path, *REFERENCE).failed[:2] == ["max-drop", "min-agreement"]


def test_two_swapped_labels_fail_and_are_named(tmp_path, swapped):
    judgement = judge(tmp_path, swapped, *REFERENCE)
    assert judgement.failed == ["max-drop", "min-agreement", "max-confident-flips"]
    changes = judgement.entry["changes"]

    # All that the original had right of the two is lost; of the others, what int8 itself changes.
    noise = len(judge(tmp_path, INT8, *REFERENCE).entry["changes"]["flips"]["images"])
    for change in changes["classes"]:
        if change["index"] in (DRESS, SANDAL):
            assert change["worse"] == round(change["reference_accuracy"] * change["images"]) > 850
        else:
            assert change["worse"] + change["better"] <= noise

    first, second, third = changes["pairs"][:3]
    assert {(pair["reference"], pair["candidate"]) for pair in (first, second)} == {
        (DRESS, SANDAL),
        (SANDAL, DRESS),
    }
    assert second["images"] > 900 > noise > third["images"]
    rows = [line.split() for line in judgement.text.splitlines()]
    top = rows.index(["answered", "before", "answers", "now", "images"]) + 2
    assert [set(row[:2]) for row in rows[top : top + 2]] == [{"Dress", "Sandal"}] * 2

    before = dict(zip(changes["flips"]["images"], changes["flips"]["reference"], strict=True))
    assert {before[image] for image in changes["confident"]} == {DRESS, SANDAL}
    listed = ", ".join(map(str, changes["confident"][:20]))
    more = len(changes["confident"]) - 20
    assert f"changed at a margin of 0.5 or more: test images {listed} and {more:,} more" in judgement.text


@pytest.mark.parametrize(
    ("scale", "offset"), [(1 / 127.5, -1), (1 / 255, -128 / 255)], ids=["-1 to 1", "int8 bytes as pixels"]
)
@pytest.mark.parametrize("calibrated", [True, False], ids=["int8", "float32"])
def test_a_shifted_input_range_fails(tmp_path, workshop, scale, offset, calibrated):
    calibration = workshop.pixels if calibrated else None
    path = workshop.convert("shifted", rescaled(scale, offset), calibration)
    judgement = judge(tmp_path, path, *REFERENCE)
    assert judgement.failed == ["max-drop"]
    answers = judgement.entry["answers"]
    assert judgement.entry["breaches"][0]["certain"]
    assert answers["candidate_accuracy"] < 0.5 < answers["reference_accuracy"]
    assert len(judgement.entry["changes"]["confident"]) > 1000


@pytest.mark.parametrize("number", range(len(ZEROED)))
def test_zeroed_weights_fail_by_what_they_broke(tmp_path, zeroed, number, t10k):
    """Whatever accuracy they cost: float32 must give the same probabilities."""
    judgement = judge(tmp_path, zeroed[number], *REFERENCE)
    assert "max-difference" in judgement.failed
    assert judgement.failed == broken_limits(judgement.entry)
    with load(zeroed[number]) as session, load(TINY / "export" / "model-float32.npz") as original:
        difference = session.scores(t10k.images) - original.scores(t10k.images)
    # Another engine's float32 is at most 1e-5 from the recorded scores.
    measured = judgement.entry["probabilities"]["max_difference"]
    assert abs(measured - np.abs(difference).max()) < 1e-5
    assert "was made from another model than this reference" in judgement.text


def test_what_zeroed_weights_cost_in_accuracy_is_told_apart(tmp_path, zeroed):
    """Held against the accuracy gate of int8 alone: too little, too little to be sure of, too much."""
    limits = ("--max-difference", 1, "--min-agreement", 0, "--max-drop", 0.5, *ANY_FLIPS)
    judgement = judge(tmp_path, *zeroed, *REFERENCE, *limits)
    entries = judgement.entries.values()
    assert [entry["passed"] for entry in entries] == [True, False, False]
    for entry in entries:
        low = entry["answers"]["accuracy_difference_interval"]["low"]
        assert entry["passed"] is (low > -0.005)
    _, unsure, sure = (entry["breaches"] for entry in entries)
    assert ([breach["certain"] for breach in unsure], [breach["certain"] for breach in sure]) == (
        [False],
        [True],
    )
    assert judgement.text.count("; 10,000 images are too few to rule it out") == 1


def test_a_float_model_of_unknown_scheme_is_held_to_the_limits_one_names(tmp_path, workshop):
    path = workshop.convert("foreign", with_zeroed_weights(0))
    judgement = judge(tmp_path, path, *REFERENCE, "--max-difference", 1e-5)
    assert "max-difference" in judgement.failed
    assert judgement.failed == broken_limits(judgement.entry)


def test_one_that_is_better_than_the_original_passes(tmp_path, workshop, zeroed):
    """The sound int8 model, held against an original that has lost weights."""
    original = workshop.folder / "zeroed-0.keras"
    judgement = judge(tmp_path, INT8, "--reference", original, "--dataset", "fashion-mnist", *ANY_FLIPS)
    assert judgement.code == 0
    answers = judgement.entry["answers"]
    assert answers["better"] > answers["worse"]
    assert answers["accuracy_difference_interval"]["low"] > 0
    assert answers["error_growth"] < 0


def test_each_verdict_is_of_that_model_alone(tmp_path, sound, swapped):
    together = judge(tmp_path, swapped, INT8, sound, *REFERENCE)
    assert together.code == 3
    alone = [judge(tmp_path, path, *REFERENCE) for path in (swapped, INT8, sound)]
    assert [judgement.code for judgement in alone] == [3, 0, 0]
    assert list(together.entries.values()) == [judgement.entry for judgement in alone]
