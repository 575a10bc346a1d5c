"""`fmnist predict`: which images its arguments stand for, and what is said of them."""

from __future__ import annotations

import json
import os

import pytest
from PIL import Image
from support import DATA, TINY, TRAINS
from support.predicting import INT8, T10K, encode, rows

from fmnist_runtime import Prediction
from fmnist_runtime.data.idx import idx_header


@pytest.mark.parametrize(
    "name", ["export/model-int8.tflite", "export/model-float32.onnx", *(["model.keras"] if TRAINS else [])]
)
def test_it_names_three_classes(tmp_path, predict, t10k, name):
    """The first ankle boot, enlarged, and the first trousers as a photograph on white."""
    Image.fromarray(t10k.images[0]).resize((200, 300)).save(tmp_path / "boot.png")
    Image.fromarray(255 - t10k.images[2]).convert("RGB").resize((64, 64)).save(tmp_path / "trousers.jpg")
    result = predict("boot.png", "trousers.jpg", "--json", "predict.json", model=TINY / name)
    inverted = b"inverted 1 of 2 images to light on dark, as the preparation fashion-mnist says\n"
    assert (result.returncode, result.stderr) == (0, inverted)
    record = json.loads((tmp_path / "predict.json").read_text())
    assert record["schema"] == "fmnist.predict/1"
    assert record["preparation"] == "fashion-mnist"
    assert [image["inverted"] for image in record["images"]] == [False, True]
    assert [image["file"] for image in record["images"]] == ["boot.png", "trousers.jpg"]
    guesses = [image["predictions"] for image in record["images"]]
    assert [[len(image), image[0]["label"]] for image in guesses] == [[3, "Ankle boot"], [3, "Trouser"]]
    for first, second, third in guesses:
        assert first["probability"] >= second["probability"] >= third["probability"]
    assert result.stdout.decode().splitlines()[2].startswith("boot.png      Ankle boot ")


def test_a_folder_in_natural_order_is_answered_as_its_pixels_are(predict, photos, answers):
    result = predict("photos", "--as", "csv")
    assert result.returncode == 0
    assert result.stderr == b"files skipped, as they are not named like images: 1\n"
    names = [*(f"photos/{number}.png" for number in range(12)), "photos/below/12.PNG"]
    assert rows(result) == list(zip(names, answers[:13], strict=True))


def test_more_images_than_a_block(predict, tmp_path, t10k, answers):
    """300 files: a block of 256 and the rest, in order, the broken one among them told and left out."""
    (tmp_path / "many").mkdir()
    for number in range(300):
        (tmp_path / "many" / f"{number}.png").write_bytes(encode(t10k.images[number]))
    (tmp_path / "many" / "7.png").write_bytes(b"broken")
    (tmp_path / "many" / "290.png").write_bytes(b"")
    result = predict("many", "--as", "jsonl")
    assert result.returncode == 1
    assert [line.split(":")[1] for line in result.stderr.decode().splitlines()] == [
        " many/7.png",
        " many/290.png",
    ]
    expected = [(f"many/{number}.png", answers[number]) for number in range(300) if number not in (7, 290)]
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [
        (line["file"], [Prediction(**guess) for guess in line["predictions"]]) for line in lines
    ] == expected


def test_patterns(predict, photos):
    def names(*arguments):
        return [name for name, _ in rows(predict(*arguments, "--as", "csv"))]

    assert names("photos/1?.png") == ["photos/10.png", "photos/11.png"]
    assert names(photos / "[12].png") == [str(photos / "1.png"), str(photos / "2.png")]
    assert names("photos/**/*.PNG") == ["photos/below/12.PNG"]
    (photos / "0.png").rename(photos / "[12].png")
    assert names("photos/[12].png") == ["photos/[12].png"]


def test_a_pattern_does_not_go_round_in_links(predict, photos):
    """Two links that lead back are two ways on at each of the 40 that a path may have."""
    for name in ("back", "again"):
        (photos / "below" / name).symlink_to("..")
    result = predict("photos/**/*.PNG", "photos/**/below/**", photos / "**" / "1?.png", "--as", "csv")
    assert result.returncode == 0
    found = ["photos/below/12.PNG", "photos/below/12.PNG", *(f"{photos}/{number}.png" for number in (10, 11))]
    assert [name for name, _ in rows(result)] == found


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("photos/*.jpg", "photos/*.jpg: matches no image file"),
        ("photos/*.txt", "photos/*.txt: matches no image file"),
        ("photos/.thumbnails/empty", "is a directory without image files"),
        ("photos/notes.txt", "photos/notes.txt: not an image"),
        ("photos/pipe.png", "photos/pipe.png: is a pipe or device"),
        ("photos/dangling.png", "photos/dangling.png: no such file"),
        ("photos/" + 300 * "x", "File name too long"),
        (DATA / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz", "holds 1 dimensions"),
        ("photos/none-ubyte", "photos/none-ubyte: holds no images"),
        ("-", "standard input is empty"),
    ],
)
def test_what_stands_for_no_image(predict, photos, path, complaint):
    (photos / ".thumbnails" / "empty").mkdir()
    (photos / "none-ubyte").write_bytes(idx_header((0, 28, 28)))
    (photos / "dangling.png").symlink_to("nowhere")
    os.mkfifo(photos / "pipe.png")
    result = predict(path)
    assert (result.returncode, result.stdout) == (1, b"")
    [line] = result.stderr.decode().splitlines()
    assert line.startswith("fmnist: ")
    assert complaint in line


def test_an_idx_file(predict, answers, t10k):
    result = predict(T10K, "--as", "csv")
    assert (result.returncode, result.stderr) == (0, b"")
    assert rows(result)[:300] == [(f"{T10K}[{index}]", answers[index]) for index in range(300)]
    assert len(rows(result)) == len(t10k.images)


def test_frames_without_a_stream_and_pictures_as_csv_are_wrong_usage(predict, photos):
    assert predict("photos/0.png", "--raw", "28x28").returncode == 2
    assert predict("photos/0.png", "--show", "--as", "csv").returncode == 2


def test_a_strangers_model_can_be_given_names(predict, photos, tmp_path):
    ours = INT8.read_bytes()
    (tmp_path / "foreign.tflite").write_bytes(ours[: ours.index(b"PK\x03\x04")])
    (tmp_path / "labels.txt").write_text("\n".join("abcdefghij"))
    for options, name in ((), "9"), (("--labels", "labels.txt"), "j"):
        answer = predict("photos/0.png", "--as", "csv", *options, model="foreign.tflite")
        assert answer.stdout.decode().splitlines()[1].split(",")[1] == name
    (tmp_path / "labels.txt").write_text("a\nb\n")
    refused = predict("photos/0.png", "--labels", "labels.txt", model="foreign.tflite")
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert (
        refused.stderr.decode()
        == "fmnist: foreign.tflite: has 10 classes, but there are 2 labels; each class needs one\n"
    )


def test_a_picture_of_an_idx_file_is_a_picture(predict, photos):
    (photos / "0.png").rename(photos / "t10k-images-idx3-ubyte.png")
    answer = predict("photos/t10k-images-idx3-ubyte.png", "--as", "csv", "--top", 1)
    assert (
        answer.stdout.decode().splitlines()[1].startswith("photos/t10k-images-idx3-ubyte.png,Ankle boot,9,")
    )
