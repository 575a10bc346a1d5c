"""TFLite models of strangers answer as the interpreter alone does when it is fed what they were trained
on."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from support import DATA, TINY
from support.foreign_tflite import pack
from support.strangers import (
    EPSILON,
    INT8,
    UINT8,
    bare,
    recurrent,
    recurrent_int8,
    sigmoid,
    softmax,
    tflite,
    with_metadata,
)

from fmnist_runtime import load
from fmnist_runtime.errors import ModelError, UnknownInputError
from fmnist_runtime.parity import assert_parity

RANGES = {
    "0-255": lambda x: x,
    "0-1": lambda x: x / 255,
    "-1-1": lambda x: x / 127.5 - 1,
    "1-0": lambda x: 1 - x / 255,
    "mean=0.286,std=0.353": lambda x: (x / 255 - 0.286) / 0.353,
}


@pytest.fixture
def images(t10k):
    return t10k.images[:200]


def written(tmp_path, content: bytes):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    return path


def close(scores, expected) -> bool:
    return float(np.abs(scores.astype(np.float64) - expected).max()) < EPSILON


@pytest.mark.parametrize("range", RANGES)
@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (1, 28, 28), (784,)])
def test_floats_of_any_range_and_layout(range, shape, tmp_path, images, t10k):
    content = pack(tflite(range, shape))
    expected = bare(content, RANGES[range](images.astype(np.float64)).astype(np.float32))
    with load(written(tmp_path, content), input_range=range) as session:
        assert session.info.contract.range == range
        assert session.info.contract.known_from == "the user"
        assert close(session.scores(images), expected)
        assert close(session.scores(images[:1]), expected[:1])
    right = (expected.argmax(axis=1) == t10k.targets[:200]).mean()
    assert right > 0.8  # it is what the model was made for: 84.22% of all


def test_of_a_float_input_nothing_is_known(tmp_path, images):
    path = written(tmp_path, pack(tflite()))
    with load(path) as session:
        assert (session.info.contract.range, session.info.contract.known_from) == (None, "")
        for call in (lambda: session.scores(images), lambda: session.classify(images[0])):
            with pytest.raises(UnknownInputError, match=r"does not say its input range.*--input-range"):
                call()


@pytest.mark.parametrize(
    ("kind", "scale", "zero_point", "range", "shown"),
    [
        (UINT8, 1 / 255, 0, "0-1", "0-1"),
        (INT8, 1 / 255, -128, "0-1", "0-1"),
        (UINT8, 1 / 128, 128, "-1-0.992188", "-1-0.992188"),
        (INT8, 2 / 255, -1, "-0.996078-1.003922", "-0.996078-1.00392"),
        (UINT8, 1.0, 0, "0-255", "0-255"),
    ],
)
def test_of_an_integer_input_the_pixel_is_the_stored_integer(
    kind, scale, zero_point, range, shown, tmp_path, images
):
    content = pack(tflite(range, integers=(kind, scale, zero_point)))
    stored = images if kind == UINT8 else images.astype(np.int16) - 128
    expected = bare(content, stored)
    with load(written(tmp_path, content)) as session:
        assert session.info.contract.range == shown
        assert session.info.contract.known_from == "its integer input"
        assert close(session.scores(images), expected)


def test_a_range_that_an_integer_input_cannot_hold_is_refused(tmp_path):
    path = written(tmp_path, pack(tflite(integers=(UINT8, 1 / 255, 0))))
    with pytest.raises(ModelError, match=r"its uint8 input cannot hold pixels of 0-255; it stands for 0-1"):
        load(path, input_range="0-255")


@pytest.mark.parametrize(
    ("mean", "std", "range"), [((0,), (255,), "0-1"), ((127.5,), (127.5,), "-1-1"), ((0,), (1,), "0-255")]
)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_tflites_own_metadata_says_range_and_labels(mean, std, range, method, tmp_path, images):
    names = [f"class {letter}" for letter in "abcdefghij"]
    content = with_metadata(tflite(range), mean, std, "\r\n".join(names).encode("utf-8-sig"), method)
    expected = bare(content, RANGES[range](images.astype(np.float64)).astype(np.float32))
    with load(written(tmp_path, content)) as session:
        assert (session.info.contract.range, session.info.contract.known_from) == (
            range,
            "its TFLite metadata",
        )
        assert session.info.labels == tuple(names)
        assert session.info.notes == ()
        assert close(session.scores(images), expected)


def test_a_test_of_parity_says_the_range(tmp_path):
    path, reference = written(tmp_path, pack(tflite())), TINY / "reference.npz"
    with pytest.raises(UnknownInputError):
        assert_parity(path, reference, data_dir=DATA)
    assert assert_parity(path, reference, data_dir=DATA, input_range="0-1").answers.agreement > 0.9995


def test_the_users_word_is_before_the_metadata(tmp_path):
    path = written(tmp_path, with_metadata(tflite(), (127.5,), (127.5,)))
    with load(path, input_range="0-1", labels=list("abcdefghij")) as session:
        assert (session.info.contract.range, session.info.contract.known_from) == ("0-1", "the user")
        assert session.info.labels == tuple("abcdefghij")


def test_metadata_that_an_integer_input_cannot_hold_is_not_followed(tmp_path, images):
    """As of a tool that writes mean 0 and deviation 1 whatever the scale: 254 of 256 pixels would be
    clipped."""
    content = with_metadata(tflite(integers=(UINT8, 1 / 255, 0)), (0,), (1,))
    with load(written(tmp_path, content)) as session:
        assert session.info.contract.range == "0-1"
        [note] = session.info.notes
        assert "its metadata says 0-255, which its uint8 cannot hold; 0-1 is taken" in note
        assert close(session.scores(images), bare(content, images))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (b"\x00\x01", "control character"),
        (b"one\ntwo\n", r"the 2 labels in the file are not used, as it has 10"),
    ],
)
def test_labels_that_are_none_are_said_and_the_model_runs(labels, said, tmp_path, images):
    content = with_metadata(tflite(), (0,), (255,), labels)
    with load(written(tmp_path, content)) as session:
        assert session.info.labels == tuple("0123456789")
        assert any(said in note for note in session.info.notes)
        session.scores(images)


@pytest.mark.parametrize("end", ["SOFTMAX", "", "LOG_SOFTMAX"])
def test_logits_become_probabilities(end, tmp_path, images):
    content = pack(tflite(end=end))
    raw = bare(content, (images / 255).astype(np.float32))
    with load(written(tmp_path, content), input_range="0-1") as session:
        assert close(session.scores(images), raw if end == "SOFTMAX" else softmax(raw))


@pytest.mark.parametrize("end", ["LOGISTIC", "TANH", ""])
def test_one_unit_is_two_classes(end, tmp_path, images):
    content = pack(tflite(end=end, unit=9))
    raw = bare(content, (images / 255).astype(np.float32))
    positive = {"LOGISTIC": raw[:, 0], "TANH": (raw[:, 0] + 1) / 2, "": sigmoid(raw[:, 0])}[end]
    with load(written(tmp_path, content), input_range="0-1", labels=["another", "ankle boot"]) as session:
        scores = session.scores(images)
        assert scores.shape == (200, 2)
        assert close(scores[:, 1], positive)
        assert close(scores[:, 0], 1 - positive)
        assert {session.classify(image).label for image in images} == {"another", "ankle boot"}
        said = {"LOGISTIC": [], "TANH": ["it is taken to be 1 for"], "": ["it is taken for a logit"]}[end]
        assert all(part in note for part, note in zip(said, session.info.notes, strict=True))


def test_a_recurrent_model_forgets_the_image_before(tmp_path, images):
    content = pack(recurrent())
    expected = bare(content, (images / 255).astype(np.float32))
    with load(written(tmp_path, content), input_range="0-1") as session:
        assert close(session.scores(images), expected)
        assert close(session.scores(images[::-1]), expected[::-1])
        assert close(np.concatenate([session.scores(images[[n]]) for n in (5, 3, 5)]), expected[[5, 3, 5]])


def test_a_recurrent_model_in_int8(tmp_path, images):
    content = pack(recurrent_int8())
    expected = bare(content, images.astype(np.int16) - 128)
    assert np.ptp(expected, axis=0).max() > 0.001  # it says something of images
    with load(written(tmp_path, content)) as session:
        assert session.info.contract.range == "0-1"
        assert close(session.scores(images), expected)
        assert close(session.scores(images[::-1]), expected[::-1])


def test_of_two_outputs_the_probabilities_are_read(tmp_path, images):
    content = pack(tflite(logits_too=True))
    path, pixels = written(tmp_path, content), (images / 255).astype(np.float32)
    with load(path, input_range="0-1") as session:
        name = session.info.output
        assert close(session.scores(images), bare(content, pixels, 1))
    with load(path, input_range="0-1", output=name) as session:
        assert session.info.output == name
    logits = next(output for output in ("t7", "t8", "t9", "t10") if output != name and _has(path, output))
    with load(path, input_range="0-1", output=logits) as session:
        assert close(session.scores(images), softmax(bare(content, pixels, 0)))
    with pytest.raises(ModelError, match=r"it has no output 'scores'; it has t\d+ 1×10, t\d+ 1×10"):
        load(path, output="scores")


def _has(path, output: str) -> bool:
    try:
        load(path, output=output).close()
    except ModelError:
        return False
    return True
