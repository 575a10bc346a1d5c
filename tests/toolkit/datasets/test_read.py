"""Data sets as people have them: pictures in folders and archives, Parquet, CSV and npz, read into IDX."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import DATA

from fmnist.datasets.read import TEST_SHARE, Wanted, as_idx
from fmnist_runtime.data.datasets import load_dataset, preparation_of
from fmnist_runtime.errors import DatasetError, OutputError

LABELS = ("bag", "boot", "coat")
_TARGETS = {"bag": 8, "boot": 9, "coat": 4}
"""Their numbers in Fashion-MNIST."""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "fmnist" / "read"


def garments(label: str, count: int, start: int = 0) -> list[np.ndarray]:
    """Real pictures of a class; of the second half of the training images no two are the same."""
    training = load_dataset("fashion-mnist", "train", DATA)
    chosen = np.flatnonzero(training.targets == _TARGETS[label])[start : start + count]
    return list(training.images[chosen])


def encoded(pixels: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def fill(folder: Path, count: int = 20, start: int = 0, form: str = "png") -> Path:
    """Write a folder for each class, with pictures in it."""
    for label in LABELS:
        for number, pixels in enumerate(garments(label, count, start)):
            write(folder / label / f"{number}.{form}", encoded(pixels, "JPEG" if form == "jpg" else form))
    return folder


def splits(name: str) -> dict[str, tuple[np.ndarray, np.ndarray, tuple[str, ...]]]:
    sets = {split: load_dataset(name, split) for split in ("train", "test")}
    return {split: (each.images, each.targets, each.labels) for split, each in sets.items()}


def files(name: str) -> dict[str, bytes]:
    """The IDX files."""
    return {path.name: path.read_bytes() for path in Path(name).iterdir() if "ubyte" in path.name}


def photos(folder: Path) -> Path:
    """Train and test, of other pictures."""
    fill(folder / "train", 20)
    fill(folder / "test", 5, start=20)
    return folder


def test_a_folder_of_splits_and_classes(tmp_path, capsys):
    found = splits(as_idx(str(photos(tmp_path / "photos"))))
    for split, count, start in (("train", 20, 0), ("test", 5, 20)):
        images, targets, labels = found[split]
        assert labels == LABELS
        assert images.shape == (3 * count, 28, 28)
        for index, label in enumerate(LABELS):
            wanted = {pixels.tobytes() for pixels in garments(label, count, start)}
            assert {pixels.tobytes() for pixels in images[targets == index]} == wanted
        assert len(set(targets[:10])) > 1  # validation images are taken from the end, so classes are mixed
    assert "photos: read as 28×28: 60 training images, 15 test images\n" in capsys.readouterr().err


def in_zip(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, Path("some folder", file.relative_to(folder)))
    return path


def in_tar(folder: Path) -> Path:
    path = folder.with_name("photos.tar.gz")
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, "photos")
    return path


def listed(folder: Path, split: str) -> list[tuple[bytes, int]]:
    return [
        (path.read_bytes(), LABELS.index(path.parent.name))
        for path in sorted((folder / split).rglob("*.png"))
    ]


def in_parquet(folder: Path) -> Path:
    """As Hugging Face's `datasets` writes it."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    features = {
        "image": {"_type": "Image"},
        "label": {"_type": "ClassLabel", "names": list(LABELS)},
    }
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", image), ("label", pa.int64())], metadata=metadata)
    out = folder.with_name("parquet") / "data"
    out.mkdir(parents=True)
    for split in ("train", "test"):
        rows = [
            {"image": {"bytes": content, "path": None}, "label": n} for content, n in listed(folder, split)
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema), out / f"{split}-00000-of-00001.parquet")
    return out.parent


def arrays(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    pairs = listed(folder, split)
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(content))) for content, _ in pairs])
    return pixels, np.array([number for _, number in pairs])


def in_npz(folder: Path) -> Path:
    path = folder.with_suffix(".npz")
    held = {}
    for split in ("train", "test"):
        held[f"x_{split}"], held[f"y_{split}"] = arrays(folder, split)
    np.savez_compressed(path, **held)
    return path


def in_csv(folder: Path) -> Path:
    out = folder.with_name("csv")
    out.mkdir()
    for split in ("train", "test"):
        pixels, targets = arrays(folder, split)
        rows = np.column_stack([targets, pixels.reshape(len(pixels), -1)])
        header = ",".join(["label", *(f"pixel{number}" for number in range(784))])
        np.savetxt(out / f"garments_{split}.csv", rows, "%d", ",", header=header, comments="")
    return out


@pytest.mark.parametrize("packed", [in_zip, in_tar, in_parquet, in_npz, in_csv])
def test_the_same_pictures_give_the_same_files_whatever_they_are_in(tmp_path, packed):
    folder = photos(tmp_path / "photos")
    read, other = as_idx(str(folder)), as_idx(str(packed(folder)))
    assert files(read) == files(other)
    is_table = packed in (in_npz, in_csv)  # whose pixels may have been prepared in any way
    assert preparation_of(other) == ("" if is_table else "stretch")
    named = splits(other)["test"][2]
    assert named == (LABELS if packed not in (in_npz, in_csv) else ("0", "1", "2"))


@pytest.mark.parametrize(("name", "tests"), [("validation", 15), (None, 12)])
def test_parquet_without_a_test_file(tmp_path, name, tests):
    """The validation file is the test split; of a training file alone, a fifth of each class is."""
    source = in_parquet(photos(tmp_path / "photos")) / "data"
    other = source / "test-00000-of-00001.parquet"
    if name:
        other.rename(source / f"{name}-00000-of-00001.parquet")
    else:
        other.unlink()
    found = splits(as_idx(str(source)))
    assert len(found["test"][1]) == tests
    assert len(found["train"][1]) == (60 if name else 48)


def test_a_list_beside_pictures_is_not_the_data_set(tmp_path):
    folder = photos(tmp_path / "photos")
    (folder / "labels.csv").write_text("file,label\n1.png,3\n")
    assert len(splits(as_idx(str(folder)))["train"][1]) == 60


def test_without_a_test_split_a_fifth_of_each_class_becomes_one(tmp_path, capsys):
    name = as_idx(str(fill(tmp_path / "photos", 40)))
    found = splits(name)
    assert np.bincount(found["test"][1]).tolist() == [8, 8, 8]
    assert np.bincount(found["train"][1]).tolist() == [32, 32, 32]
    assert "24 test images, 20% of each class, as there are none of their own\n" in capsys.readouterr().err
    assert json.loads((Path(name) / "source.json").read_text())["test_share"] == TEST_SHARE
    # More pictures do not move those from one split to the other that stay below the limit.
    assert files(as_idx(str(fill(tmp_path / "again", 40)))) == files(name)


def test_equal_pictures_stay_in_one_split(tmp_path):
    folder = fill(tmp_path / "photos", 20)
    for label in LABELS:
        for path in list((folder / label).iterdir()):
            shutil.copy(path, path.with_name(f"copy of {path.name}"))
    found = splits(as_idx(str(folder)))
    training = {pixels.tobytes() for pixels in found["train"][0]}
    assert not training & {pixels.tobytes() for pixels in found["test"][0]}


def test_validation_pictures_are_for_training_or_for_the_test_if_it_has_none(tmp_path):
    folder = photos(tmp_path / "photos")
    fill(folder / "val", 4, start=30)
    assert {split: len(each[1]) for split, each in splits(as_idx(str(folder))).items()} == {
        "train": 72,
        "test": 15,
    }
    shutil.rmtree(folder / "test")
    assert len(splits(as_idx(str(folder)))["test"][1]) == 12


def test_it_is_read_once_and_again_when_it_changes(tmp_path, capsys, cache):
    folder = photos(tmp_path / "photos")
    before = {path: path.read_bytes() for path in folder.rglob("*.png")}
    first = as_idx(str(folder))
    assert "read as" in capsys.readouterr().err
    assert as_idx(str(folder)) == first
    assert capsys.readouterr().err == ""
    assert as_idx(first) == first  # which is a folder of IDX files
    assert {path: path.read_bytes() for path in folder.rglob("*.png")} == before
    write(folder / "train" / "bag" / "new.png", encoded(garments("bag", 1, 50)[0]))
    second = as_idx(str(folder))
    assert len(splits(second)["train"][1]) == 61
    assert len(splits(first)["train"][1]) == 60
    assert Path(second).name == Path(first).name == "photos"
    shutil.rmtree(cache)
    assert files(as_idx(str(folder))) == files(write_again(folder))


def write_again(folder: Path) -> str:
    return as_idx(str(shutil.copytree(folder, folder.with_name("copy"))))


def test_size_and_colour_are_those_of_most_pictures_or_as_asked(tmp_path, capsys):
    folder = fill(tmp_path / "photos", 10)
    large = np.full((40, 60, 3), (200, 30, 30), np.uint8)
    large[:20] = 7
    write(folder / "bag" / "large.png", encoded(large))
    images, _, _ = splits(as_idx(str(folder)))["train"]
    assert images.shape[1:] == (28, 28, 3)
    assert (
        "1 of 31 pictures are of another size, and prepared as 28×28 (--preparation stretch)"
        in capsys.readouterr().err
    )
    asked = splits(as_idx(str(folder), Wanted((30, 20), "grey")))["train"][0]
    assert asked.shape[1:] == (20, 30)


def test_a_photograph_is_turned_upright(tmp_path, capsys):
    folder = tmp_path / "photos"
    for label in LABELS[:2]:
        for number, pixels in enumerate(garments(label, 10)):
            exif = Image.Exif()
            exif[0x0112] = 6  # on its side
            stored = np.rot90(pixels[:, :20])
            write(folder / label / f"{number}.png", encoded(stored, exif=exif))
    images, targets, _ = splits(as_idx(str(folder)))["train"]
    assert images.shape[1:] == (28, 20)
    assert "of another size" not in capsys.readouterr().err
    write(folder / "bag" / "across.png", encoded(garments("bag", 1, 50)[0][:20]))
    as_idx(str(folder))
    assert (
        "1 of 21 pictures are of another size, and prepared as 20×28 (--preparation stretch)"
        in capsys.readouterr().err
    )
    upright = {pixels[:, :20].tobytes() for pixels in garments("bag", 10)}
    assert {pixels.tobytes() for pixels in images[targets == 0]} <= upright


def test_few_unreadable_pictures_are_named_and_many_are_refused(tmp_path, capsys):
    folder = fill(tmp_path / "photos", 100)
    write(folder / "bag" / "3.png", b"\x89PNG\r\n\x1a\n and nothing more")
    found = splits(as_idx(str(folder)))
    assert sum(len(targets) for _, targets, _ in found.values()) == 299
    assert "left out, as it cannot be read: bag/3.png (" in capsys.readouterr().err
    for number in range(4):
        write(folder / "boot" / f"{number}.png", b"no picture")
    with pytest.raises(
        DatasetError, match=r"5 of 300 pictures cannot be read; mend or remove them: bag/3\.png"
    ):
        as_idx(str(folder))


def test_a_picture_in_both_splits_is_refused(tmp_path):
    folder = photos(tmp_path / "photos")
    shutil.copy(folder / "train" / "bag" / "3.png", folder / "test" / "bag" / "same.png")
    message = r"1 test images are training images, too: test/bag/same\.png is train/bag/3\.png; remove"
    with pytest.raises(DatasetError, match=message):
        as_idx(str(folder))
    assert len(splits(as_idx(str(folder), Wanted(allow_duplicates=True)))["test"][1]) == 16


def one_class(folder: Path) -> Path:
    for label in LABELS[1:]:
        shutil.rmtree(folder / "train" / label)
        shutil.rmtree(folder / "test" / label)
    return folder


def empty_class(folder: Path) -> Path:
    (folder / "train" / "empty").mkdir()
    return folder


def class_in_test_alone(folder: Path) -> Path:
    shutil.copytree(folder / "test" / "bag", folder / "test" / "hat")
    return folder


def one_picture(folder: Path) -> Path:
    """Which stands there twice."""
    for name in ("1.png", "2.png"):
        write(folder / "train" / "hat" / name, encoded(np.eye(28, dtype=np.uint8)))
    return folder / "train"


def class_in_test_csv_alone(folder: Path) -> Path:
    out = folder.parent / "tables"
    write(out / "train.csv", b"0,1,2,3,4\n1,1,2,3,5\n")
    write(out / "test.csv", b"0,1,2,3,4\n1,1,2,3,5\n2,9,9,9,9\n")
    return out


def no_classes(folder: Path) -> Path:
    return folder / "train" / "bag"


def a_picture_beside(folder: Path) -> Path:
    shutil.copy(folder / "train" / "bag" / "1.png", folder / "train" / "1.png")
    return folder


def nothing(folder: Path) -> Path:
    (folder.parent / "nothing").mkdir()
    return folder.parent / "nothing"


def link_out(folder: Path) -> Path:
    (folder / "train" / "bag" / "out.png").symlink_to("/etc/hostname")
    return folder


def two_spellings(folder: Path) -> Path:
    for form in ("NFC", "NFD"):
        shutil.copytree(folder / "train" / "bag", folder / "train" / unicodedata.normalize(form, "Mütze"))
    return folder


def huge(folder: Path) -> Path:
    """100 megapixels in a few kilobytes."""
    for number in range(3):
        Image.new("L", (10_000, 10_000)).save(folder / "train" / "bag" / f"huge{number}.jpg")
    return folder


def columns_783(folder: Path) -> Path:
    return write(folder.parent / "a.csv", b"".join(b"%d" % (n % 3) + b",7" * 782 + b"\n" for n in range(9)))


def text_in_csv(folder: Path) -> Path:
    return write(folder.parent / "a.csv", b"label" + b",p" * 4 + b"\n0,1,2,3,4\n1,2,x,4,5\n")


def csv_without_labels(folder: Path) -> Path:
    return write(folder.parent / "a.csv", b"pixel0,pixel1,pixel2,pixel3\n1,2,3,4\n")


def too_bright(folder: Path) -> Path:
    return write(folder.parent / "a.csv", b"0,1,2,3,4\n1,2,256,4,5\n")


def pickles(folder: Path) -> Path:
    path = folder.parent / "a.npz"
    np.savez(path, x_train=np.array([{}, {}], dtype=object), y_train=np.arange(2))
    return path


def fractions(folder: Path) -> Path:
    path = folder.parent / "a.npz"
    np.savez(path, x_train=np.random.default_rng(0).random((9, 4, 4)), y_train=np.arange(9) % 2)
    return path


def other_arrays(folder: Path) -> Path:
    path = folder.parent / "a.npz"
    np.savez(path, images=np.zeros((2, 4, 4), np.uint8))
    return path


def parquet_without_images(folder: Path) -> Path:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"text": ["a"], "label": [1]}), folder.parent / "a.parquet")
    return folder.parent / "a.parquet"


def name_that_leads_out(folder: Path) -> Path:
    path = folder.parent / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../bag/1.png", encoded(garments("bag", 1)[0]))
    return path


def bomb(folder: Path) -> Path:
    path = folder.parent / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bag/1.png", bytes(2**27 + 1))
    return path


def cut_archive(folder: Path) -> Path:
    return write(folder.parent / "a.tar.gz", in_tar(folder).read_bytes()[:2000])


BAD = {
    one_class: "has one class, bag; a classifier needs two or more",
    empty_class: "the folder train/empty holds no pictures; fill or remove it",
    class_in_test_alone: "the class hat has no pictures in train; add some, or remove it",
    one_picture: "the class hat has only one image; training and test need at least one each",
    class_in_test_csv_alone: "train.csv: has no image of label 2, though 2 is the largest",
    no_classes: "lies in no folder of a class; pictures of a data set lie in one folder for each class",
    a_picture_beside: "train/1.png lies in no folder of train, val or test, one for each class",
    nothing: "holds no pictures (",
    link_out: "out.png: links to /etc/hostname, out of the data set; copy it there",
    two_spellings: "the class 'Mütze' is spelled in two ways of Unicode; rename one of its folders",
    huge: "is too large an image, 10000×10000; scale it down first",
    columns_783: "has 782 pixels in a line, which is not a square; say --image-size WxH",
    text_in_csv: "line 3 holds 'x', not an integer from 0 to 255",
    csv_without_labels: "its first line names no column label or class or target",
    too_bright: "line 2 holds '256', not an integer from 0 to 255",
    pickles: "it holds Python objects, which are code and not read; save arrays of uint8",
    fractions: "x_train is not an array of integers from 0 to 255 (float64); save raw pixels",
    other_arrays: "holds images; a data set has x_train and y_train, and x_test and y_test",
    parquet_without_images: "has 0 columns of images; a data set has one of images, as bytes",
    name_that_leads_out: "the name '../bag/1.png' in it leads out of it; pack the archive again",
    bomb: "bag/1.png in it is larger than 134 MB; remove it",
    cut_archive: "cannot be read as an archive (",
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_what_is_wrong_is_one_line_and_nothing_is_half_written(tmp_path, make, cache):
    source = make(photos(tmp_path / "photos"))
    with pytest.raises(DatasetError) as raised:
        as_idx(str(source))
    assert BAD[make] in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not cache.exists() or list(cache.iterdir()) == []


def test_no_space_for_the_cache_is_one_line(tmp_path, monkeypatch):
    folder = photos(tmp_path / "photos")
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    with pytest.raises(OutputError, match="choose another place with "):
        as_idx(str(folder))


def test_the_data_set_meant_is_named(fmnist):
    """The folder that holds data sets is not one; found before anything is loaded."""
    result = fmnist("run", "--dataset", DATA)
    assert result.returncode == 1
    assert result.stderr == (
        f"fmnist: {DATA}: holds the data sets fashion-mnist, mnist; "
        "name one: --dataset fashion-mnist or --dataset mnist\n"
    )


def test_from_a_folder_of_jpegs_to_a_report_and_a_bundle(tmp_path, fmnist):
    """Two commands, no code."""
    folder = tmp_path / "photos"
    for label in LABELS:
        for number, pixels in enumerate(garments(label, 400)):
            tinted = np.stack([pixels, pixels // 2, 255 - pixels], axis=2)
            write(folder / label / f"{number}.jpg", encoded(tinted, "JPEG", quality=90))
    brief = ("--epochs", 3, "--hidden", 32, "--duration", 0.1, "--processes", 1, "--max-drop", 5)
    made = fmnist("run", "--dataset", "photos", *brief)
    assert made.returncode == 0, made.stderr + made.stdout
    assert "photos: read as 28×28×3: 960 training images, 240 test images, 20% of each class" in made.stderr
    run = tmp_path / "runs" / "photos"
    assert (run / "report.html").is_file()
    original = json.loads((run / "eval.json").read_text())["models"][0]
    assert original["labels"] == list(LABELS)
    assert original["accuracy"] > 0.9  # one in three by guessing; these three are the easiest
    bundled = fmnist("bundle", "--platform", "any", "--wheels", "none")
    assert bundled.returncode == 0, bundled.stderr
    # The picture that it was trained on is told from another class by the artifact.
    answer = fmnist("predict", run / "export" / "model-int8.tflite", folder / "boot" / "3.jpg")
    assert "boot" in answer.stdout


def test_no_picture_is_inverted_for_a_model_of_pictures_as_they_are(tmp_path, fmnist):
    """Dark on light, as drawings are; a model of IDX files takes them for light on dark."""
    folder = tmp_path / "drawings"
    for label in LABELS:
        for number, pixels in enumerate(garments(label, 300)):
            write(folder / label / f"{number}.png", encoded(255 - pixels))
    trained = fmnist("train", "--dataset", "drawings", "--epochs", 5, "--hidden", 32)
    assert trained.returncode == 0, trained.stderr
    assert fmnist("export", "--format", "npz").returncode == 0
    run = tmp_path / "runs" / "drawings"
    for model in (run / "export" / "model-float32.npz", run / "model.keras"):
        answered = fmnist("predict", model, folder / "boot", "--as", "jsonl", "--top", 1)
        answers = [json.loads(line) for line in answered.stdout.splitlines()]
        assert not any(answer["inverted"] for answer in answers)
        right = sum(answer["predictions"][0]["label"] == "boot" for answer in answers)
        assert right > 0.9 * len(answers)
        assert "inverted" not in answered.stderr
    model, picture = run / "export" / "model-float32.npz", folder / "boot" / "1.png"
    turned = fmnist("predict", model, picture, "--preparation", "stretch,polarity=inverted", "--as", "jsonl")
    assert json.loads(turned.stdout)["inverted"]


def test_other_pictures_are_read_for_the_model_by_every_verb(tmp_path, fmnist, cache):
    """In its size and colours, and with its preparation, which no option repeats."""
    fill(tmp_path / "photos", 200)
    fill(tmp_path / "others", 100, 200)
    options = ("--image-size", "20x24", "--color", "grey", "--preparation", "pad")
    trained = fmnist("train", "--dataset", "photos", *options, "--epochs", 3, "--hidden", 16)
    assert trained.returncode == 0, trained.stderr
    for dataset in ("photos", "others"):
        exported = fmnist("export", "runs/photos", "--dataset", dataset, "--quantize", "int8", "--force")
        assert exported.returncode == 0, exported.stderr
        for verb in (["eval"], ["bench", "--duration", 0.1, "--processes", 1]):
            done = fmnist(*verb, "--dataset", dataset)
            assert done.returncode == 0, done.stderr
    against = fmnist("parity", "--dataset", "photos", "--max-drop", 9)
    assert against.returncode == 0, against.stdout + against.stderr
    listed = [line for line in fmnist("data", "list").stdout.splitlines() if "/others " in line]
    assert [line.split()[-1] for line in listed] == ["pad"]


def test_a_run_outlives_the_cache(tmp_path, fmnist, cache):
    """Reading the same pictures again gives the folder that the run names."""
    fill(tmp_path / "photos", 100)
    trained = fmnist("train", "--dataset", "photos", "--epochs", 1, "--hidden", 8)
    assert trained.returncode == 0, trained.stderr
    shutil.rmtree(cache)
    lost = fmnist("eval", "runs/photos/model.keras")
    assert lost.returncode == 1
    assert "read those again with: fmnist data verify PATH" in lost.stderr
    assert fmnist("data", "verify", "photos").returncode == 0
    assert fmnist("eval", "runs/photos/model.keras").returncode == 0


def test_options_are_for_what_is_not_idx(fmnist):
    result = fmnist("train", "--image-size", "32x32")
    assert result.returncode == 2
    assert "--image-size: is for pictures and tables; fashion-mnist is read as it is" in result.stderr
    wrong = fmnist("train", "--dataset", "photos", "--image-size", "32")
    assert wrong.returncode == 2
    assert "'32' is not WxH of 1 to 4096 pixels, such as 64x48." in wrong.stderr


def test_show_and_verify_know_them(tmp_path, fmnist):
    photos(tmp_path / "photos")
    environment = {"XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"]}
    shown = fmnist(
        *("data", "show", "--dataset", "photos", "--class", "boot", "--split", "test", "--count", 3),
        environment=environment,
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.split("\n")[-2].split() == ["boot"] * 3
    listed = fmnist("data", "list", "--json", "list.json", environment=environment)
    assert listed.returncode == 0, listed.stderr
    known, *_, read = json.loads((tmp_path / "list.json").read_text())["datasets"]
    assert known["preparation"] == "fashion-mnist"
    assert (read["name"], read["preparation"]) == (str(tmp_path / "photos"), "stretch")
    assert read["training_images"] > read["test_images"] > 0
    wrong = fmnist("data", "show", "--dataset", "photos", "--class", "hat", environment=environment)
    assert wrong.returncode == 2
    assert "'hat' is not one of bag, boot, coat" in wrong.stderr
    verified = fmnist("data", "verify", "photos", environment=environment)
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.count("readable") == 4
