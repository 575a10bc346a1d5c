from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import TINY

from fmnist_runtime import FmnistError, load
from fmnist_runtime.artifact.container import METADATA_FILE
from fmnist_runtime.artifact.metadata import parse_metadata
from fmnist_runtime.errors import ModelError, ShapeError
from fmnist_runtime.evaluate import evaluate
from fmnist_runtime.recorded import read_reference

ARTIFACTS = sorted(path for path in (TINY / "export").iterdir() if path.suffix != ".json")
FLOAT32 = [path for path in ARTIFACTS if "float32" in path.name]
LABELS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@pytest.fixture(params=ARTIFACTS, ids=lambda path: path.name)
def session(request):
    with load(request.param) as session:
        yield session


def test_scores_are_probabilities(session, t10k):
    scores = session.scores(t10k.images[:1000])
    assert scores.dtype == np.float32
    assert scores.shape == (1000, 10)
    assert scores.min() >= 0
    # float32 softmax sums to 1 within ten roundings; ten int8 scores of 1/256 each round by up to half.
    tolerance = 10 / 512 if session.info.scheme == "int8-full" else 10 * np.finfo(np.float32).eps
    assert np.abs(scores.sum(axis=1) - 1).max() <= tolerance


def test_the_artifact_says_what_it_is(session):
    info = session.info
    assert info.labels == LABELS
    assert info.input_shape == (28, 28)
    assert info.metadata is not None
    assert info.metadata.dataset == "fashion-mnist"
    assert info.metadata.dataset_digest == read_reference(TINY / "reference.npz").dataset_digest
    assert info.path.name == f"model-{info.scheme}.{info.format}"
    assert info.size_bytes == info.path.stat().st_size


@pytest.mark.parametrize("path", FLOAT32, ids=lambda path: path.name)
def test_float32_answers_like_the_original(path, t10k):
    """On all 10,000 images; 1e-5 is five times the largest difference that was ever measured."""
    reference = read_reference(TINY / "reference.npz")
    with load(path) as session:
        scores = session.scores(t10k.images)
    assert np.abs(scores - reference.scores).max() < 1e-5
    assert evaluate(scores, t10k.targets).correct == evaluate(reference.scores, t10k.targets).correct


def test_scores_do_not_depend_on_the_batch(session, t10k):
    """Integers exactly. Floats may be summed in another order: within the float32 gate."""
    images = t10k.images[:300]  # more than one block, and a remainder
    together = session.scores(images)
    one_by_one = np.concatenate([session.scores(images[i : i + 1]) for i in range(len(images))])
    difference = np.abs(together - one_by_one).max()
    assert difference == 0 if session.info.scheme == "int8-full" else difference < 1e-5


def test_scores_belong_to_the_caller(session, t10k):
    first = session.scores(t10k.images[:1])
    kept = first.copy()
    session.scores(t10k.images[1:2])
    assert np.array_equal(first, kept)


@pytest.mark.parametrize("count", [1, 5, 300])
def test_scores_go_where_they_are_wanted(session, t10k, count):
    images = t10k.images[:count]
    out = np.full((count + 2, 10), -1, np.float32)
    assert session.scores(images, out=out[1:-1]).base is out
    assert np.array_equal(out[1:-1], session.scores(images))
    assert (out[[0, -1]] == -1).all()


def test_with_room_given_nothing_is_allocated(session, t10k):
    """The smallest array that could be made anew, the answer, has 10,240 bytes; the hidden layer 32,768.

    NumPy's own loops buffer what they spread over rows, in the sums of an npz model.
    """
    images, out = t10k.images[:256], np.empty((256, 10), np.float32)
    session.scores(images, out=out)
    tracemalloc.start()
    try:
        session.scores(images, out=out)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < (32_768 if session.info.format == "npz" else 10_240)


@pytest.mark.parametrize(
    "out",
    [np.zeros((1, 10)), np.zeros((2, 10), np.float32), np.zeros(10, np.float32)],
    ids=lambda out: f"{out.dtype} {out.shape}",
)
def test_room_that_does_not_fit_is_refused(session, t10k, out):
    """A row would spread over all rows, were NumPy asked."""
    with pytest.raises(ShapeError, match=r"the scores are float32 of shape \(1, 10\)"):
        session.scores(t10k.images[:1], out=out)


def test_room_that_cannot_be_written_to_is_refused(session, t10k):
    out = np.empty((1, 10), np.float32)
    out.flags.writeable = False
    with pytest.raises(ShapeError, match="out is read-only"):
        session.scores(t10k.images[:1], out=out)


def test_more_numbers_of_images_than_are_kept_ready(session, t10k):
    for count in (1, 2, 3, 4, 5, 6, 7, 1, 3, 5):
        scores = session.scores(t10k.images[:count])
        assert np.abs(scores - session.scores(t10k.images[:7])[:count]).max() < 1e-5  # as above


def test_images_need_not_lie_side_by_side(session, t10k):
    images = t10k.images[:20]
    assert np.array_equal(session.scores(images[::2]), session.scores(images[::2].copy()))


def test_no_images_give_no_scores(session, t10k):
    assert session.scores(t10k.images[:0]).shape == (0, 10)


def test_the_images_are_left_alone(session, t10k):
    images = t10k.images[:10].copy()
    session.scores(images)
    assert np.array_equal(images, t10k.images[:10])


def test_a_channel_axis_of_one_is_no_obstacle(session, t10k):
    images = t10k.images[:5]
    with_axis = session.scores(images[..., np.newaxis])
    assert np.abs(with_axis - session.scores(images)).max() < 1e-5  # prepared anew, so the float32 gate


def test_top_is_best_first(session, t10k):
    best = session.top(t10k.images[0], 3)
    assert [guess.index for guess in best] == np.argsort(-session.scores(t10k.images[:1])[0])[:3].tolist()
    assert best[0].label == LABELS[best[0].index] == "Ankle boot"
    assert best[0].probability >= best[1].probability >= best[2].probability
    assert session.classify(t10k.images[0]) == best[0]


def test_of_equal_scores_the_lowest_index_wins(session):
    session.scores = lambda images: np.full((1, 10), 0.1, np.float32)
    assert [guess.index for guess in session.top(np.zeros((28, 28), np.uint8), 4)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 28, 28), np.float32),
        np.zeros((1, 32, 32), np.uint8),
        np.zeros((28, 28), np.uint8),
        np.zeros((1, 28, 28, 3), np.uint8),
        np.zeros(784, np.uint8),
    ],
    ids=lambda images: f"{images.shape} {images.dtype}",
)
def test_images_that_do_not_fit_are_refused(session, images):
    with pytest.raises(
        ShapeError, match=r"takes (images of shape 28×28, but |raw pixels, 0 to 255, as uint8)"
    ):
        session.scores(images)


def test_one_image_is_no_batch(session, t10k):
    with pytest.raises(ShapeError, match=r"28×28, but this is one: image\[np.newaxis\] is a batch$"):
        session.scores(t10k.images[0])


@pytest.mark.parametrize("images", [[[[0]]], "boot.png", None, Image.new("L", (28, 28))], ids=type)
@pytest.mark.parametrize("ask", ["scores", "classify", "top"])
def test_what_is_no_array_is_not_the_engines_fault(session, images, ask):
    with pytest.raises(
        ShapeError, match=f"takes a NumPy array of uint8, not {type(images).__name__}; np.array"
    ):
        getattr(session, ask)(images)


@pytest.mark.parametrize("ask", ["classify", "top"])
def test_pixels_from_0_to_1_are_told_how_to_become_raw_ones(session, t10k, ask):
    with pytest.raises(ShapeError, match=r"not float32; multiply by 255 if they reach from 0 to 1, then use"):
        getattr(session, ask)(t10k.images[0].astype(np.float32) / 255)


def test_room_that_is_no_array_is_not_the_engines_fault(session, t10k):
    with pytest.raises(ShapeError, match=r"out is a list, not a NumPy array of float32 of shape \(1, 10\)"):
        session.scores(t10k.images[:1], out=[[0.0] * 10])


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.name)
@pytest.mark.parametrize("threads", [0, -1, 1.5])
def test_no_threads_run_nothing(path, threads):
    with pytest.raises(ModelError, match=f"cannot be run by {threads} threads; give 1 to 256"):
        load(path, threads=threads)


def test_the_path_of_a_label_file_is_not_ten_labels():
    path = TINY / "export" / "model-int8.tflite"
    with pytest.raises(ModelError, match=r"labels are names, not 'labels\.txt'"):
        load(path, labels="labels.txt")
    with pytest.raises(ModelError, match="has 10 classes, but there are 0 labels"):
        load(path, labels=[])
    with load(path, labels=list("abcdefghij")) as session:
        assert session.info.labels == tuple("abcdefghij")


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.name)
def test_labels_can_be_given(path):
    names = tuple("abcdefghij")
    with load(path, labels=names) as session:
        assert session.info.labels == names
    with pytest.raises(ModelError, match="has 10 classes, but there are 2 labels"):
        load(path, labels=("a", "b"))


def test_a_foreign_model_has_numbers_for_labels(tmp_path, t10k):
    """The flatbuffer alone, as another converter would write it, without the ZIP behind it."""
    ours = (TINY / "export" / "model-int8.tflite").read_bytes()
    path = tmp_path / "foreign.tflite"
    path.write_bytes(ours[: ours.index(b"PK\x03\x04")])
    with load(path) as session, load(TINY / "export" / "model-int8.tflite") as original:
        assert session.info.metadata is None
        assert session.info.scheme == "unknown"
        assert session.info.labels == tuple("0123456789")
        images = t10k.images[:10]
        assert np.array_equal(session.scores(images), original.scores(images))


def damaged(folder: Path, name: str) -> Path:
    """One broken file of each kind."""
    tflite, onnx = (
        (TINY / "export" / file).read_bytes() for file in ("model-int8.tflite", "model-float32.onnx")
    )
    content = {
        "empty.tflite": b"",
        "empty.onnx": b"",
        "half.tflite": tflite[: len(tflite) // 2],
        "half.onnx": onnx[: len(onnx) // 2],
        "random.onnx": np.random.default_rng(0).bytes(5000),
        "random.tflite": np.random.default_rng(0).bytes(5000),
        "swapped.onnx": tflite,
        "swapped.tflite": onnx,
        "model.txt": b"hello",
        "none": b"hello",
    }
    path = folder / name
    path.write_bytes(content[name])
    return path


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("empty.tflite", "is empty"),
        ("empty.onnx", "is empty"),
        ("half.tflite", "not a TFLite classifier"),
        ("half.onnx", "not an ONNX classifier"),
        ("random.onnx", "not an ONNX classifier"),
        ("random.tflite", "not a TFLite classifier"),
        ("swapped.onnx", "is a TFLite model; give it a name that ends in .tflite"),
        ("swapped.tflite", "not a TFLite classifier"),
        ("model.txt", "a model file ends in .tflite or .onnx or .npz or .c, not .txt"),
        ("none", "a model file ends in .tflite or .onnx or .npz or .c, not this"),
    ],
)
def test_a_broken_file_is_named_in_one_line(tmp_path, name, complaint):
    path = damaged(tmp_path, name)
    with pytest.raises(ModelError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        load(tmp_path / "absent.tflite")
    folder = tmp_path / "folder.onnx"
    folder.mkdir()
    with pytest.raises(ModelError, match="is a directory"):
        load(folder)


def test_a_keras_model_is_sent_to_export():
    with pytest.raises(ModelError, match="fmnist export"):
        load(TINY / "model.keras")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "fmnist.artifact/99"}',
        '{"schema": "fmnist.artifact/2", "labels": 3}',
        "[" * 9999,
    ],
)
def test_damaged_metadata_is_named(text):
    with pytest.raises(FmnistError, match="metadata"):
        parse_metadata(text, Path("model.tflite"))


def test_metadata_is_where_the_formats_convention_puts_it(tmp_path):
    """`unzip -l model.tflite` lists it."""
    shutil.unpack_archive(TINY / "export" / "model-int8.tflite", tmp_path, "zip")
    assert (tmp_path / "labels.txt").read_text().splitlines() == list(LABELS)
    metadata = parse_metadata((tmp_path / METADATA_FILE).read_text(), tmp_path)
    assert metadata.calibration["split"] == "train"


def test_damaged_metadata_is_not_taken_for_a_foreign_model(tmp_path):
    """A foreign model gets numbers for labels and a gate of its own; ours must not become one."""
    content = (TINY / "export" / "model-int8.tflite").read_bytes()
    path = tmp_path / "model.tflite"
    path.write_bytes(content.replace(b"Ankle boot", b"Ankle b00t"))  # the ZIP's checksum is now wrong
    with pytest.raises(ModelError, match="is cut off or damaged"):
        load(path)


def test_what_is_closed_stays_closed(session, t10k):
    session.close()
    session.close()
    with pytest.raises(ModelError, match="its session is closed"):
        session.scores(t10k.images[:1])


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.name)
def test_a_session_is_of_the_file_that_was_loaded(path, tmp_path, t10k):
    """A number of images that comes later is prepared from it, whatever has become of the file."""
    copy = tmp_path / path.name
    shutil.copyfile(path, copy)
    with load(copy) as session, load(path) as original:
        copy.unlink()
        difference = session.scores(t10k.images[:5]) - original.scores(t10k.images[:5])
        assert np.abs(difference).max() < 1e-5  # prepared twice, so the float32 gate
