"""What `fmnist predict` prints: tables, CSV, JSON, pictures, progress."""

from __future__ import annotations

import csv
import io
import json
import re

import numpy as np
from support.predicting import encode, on_a_terminal, rows

from fmnist.predict.output import cards, comma_separated, json_lines, table
from fmnist.predict.predict import ClassifiedImage, ImageAnswer
from fmnist_runtime import Prediction
from fmnist_runtime.data.images import Picture


def test_names_move_no_cursor(tmp_path, t10k):
    """On a terminal; what is no terminal gets the name as it is, quoted as CSV wants it."""
    path = tmp_path / 'a\x1b[2J\n"b",c.png'
    path.write_bytes(encode(t10k.images[0]))
    for form in ("table", "csv", "jsonl"):
        code, text = on_a_terminal(tmp_path, "--as", form)
        assert code == 0
        assert "\x1b[2J" not in text
    code, text = on_a_terminal(path, "--show")
    assert 'a?[2J?"b",c.png: 28×28 L, not inverted' in text


def test_csv_is_quoted_and_works_out_nothing(tmp_path, predict, t10k):
    names = ['a\n"b",c.png', "=1+1.png", "@a.png", "+a.png", "ü.png"]
    for name in names:
        (tmp_path / name).write_bytes(encode(t10k.images[0]))
    result = predict(*names, "--as", "csv")
    assert [name for name, _ in rows(result)] == [names[0], "./=1+1.png", "./@a.png", "./+a.png", "ü.png"]


def test_labels_of_any_kind():
    labels = ["=1+1", "a,b", 'c"d', "ü", "\n", "\x1b[2J"]
    guesses = [Prediction(label, index, 1 / 8) for index, label in enumerate(labels)]
    picture = Picture(np.zeros((28, 28), np.uint8), False, 28, 28, "L")
    image = ClassifiedImage(ImageAnswer("boot.png", guesses, False, ()), picture)

    layout = comma_separated(6, for_terminal=False)
    [row] = csv.DictReader(io.StringIO(layout.header + layout.text(image), newline=""))
    assert [row[f"label_{rank}"] for rank in range(1, 7)] == labels
    assert [guess["label"] for guess in json.loads(json_lines().text(image))["predictions"]] == labels
    cells = ["boot.png", *(f"{label} 12.5%" for label in ("=1+1", "a,b", 'c"d', "ü", "?", "?[2J"))]
    assert re.split(r" {2,}", table(labels, 6, 8).text(image).rstrip("\n")) == cells


def test_what_was_inverted_is_said_once_and_of_each_image(predict, photos, t10k):
    (photos / "1.png").write_bytes(encode(255 - t10k.images[1]))
    (photos / "2.png").write_bytes(encode(255 - t10k.images[2]))
    (photos / "3.png").write_bytes(b"broken")
    for form, read in (
        ("csv", lambda text: [row["inverted"] for row in csv.DictReader(io.StringIO(text, newline=""))]),
        ("jsonl", lambda text: [json.dumps(json.loads(line)["inverted"]) for line in text.splitlines()]),
    ):
        result = predict("photos/[0-4].png", "--as", form)
        assert read(result.stdout.decode()) == ["false", "true", "true", "false"]
        [_, line] = result.stderr.decode().splitlines()
        assert line == "inverted 2 of 4 images to light on dark, as the preparation fashion-mnist says"
    assert predict("photos/[0-2].png", "--preparation", "stretch").stderr == b""
    asked = predict("photos/[0-2].png", "--preparation", "Stretch,polarity=inverted").stderr
    assert (
        asked
        == b"inverted 3 of 3 images to light on dark, as the preparation stretch,polarity=inverted says\n"
    )


def test_no_more_ranks_than_classes(predict, photos):
    result = predict("photos/0.png", "--top", 99, "--as", "csv")
    assert result.stdout.decode().splitlines()[0].split(",")[-3:] == ["probability_10", "inverted", "unlike"]


def test_progress_is_for_many_images_whose_answers_go_elsewhere(tmp_path, predict, photos, t10k):
    assert predict("photos/?.png").stderr == b""
    (tmp_path / "many").mkdir()
    for number in range(1000):
        (tmp_path / "many" / f"{number}.png").write_bytes(encode(t10k.images[number]))
    assert predict("many").stderr == b"images 1,000 of 1,000\n"


def test_json_on_stdout_stands_alone(predict, photos):
    record = json.loads(predict("photos/0.png", "--json", "-").stdout)
    assert [image["file"] for image in record["images"]] == ["photos/0.png"]


def test_show_draws_what_the_model_saw(predict, tmp_path, t10k):
    """White trousers on black, though the file has black ones on white; answers stand beside them."""
    large = np.kron(255 - t10k.images[2], np.ones((5, 5), np.uint8))
    (tmp_path / "trousers.png").write_bytes(encode(np.stack([large] * 3, axis=-1)))
    lines = predict("trousers.png", "--show").stdout.decode().splitlines()
    assert lines[0] == "trousers.png: 140×140 RGB, inverted to light on dark"
    assert lines[1][30:].split()[0] == "Trouser"
    assert [line[:28].strip()[:1] for line in lines[2:14]].count("") == 0
    assert all(line[:8].strip() == "" for line in lines[1:15])
    upright = predict("trousers.png", "--show", "--preparation", "stretch").stdout.decode().splitlines()
    assert upright[0] == "trousers.png: 140×140 RGB, not inverted"
    assert upright[5][:8] == "@@@@@@@@"


def test_show_of_a_large_model_leaves_room_for_answers():
    picture = Picture(np.zeros((224, 224, 3), np.uint8), False, 640, 480, "RGB")
    answer = ImageAnswer("a.png", [Prediction("Bag", 8, 0.5)], False, None)
    text = cards(80, False).text(ClassifiedImage(answer, picture))
    # 224 pixels by fives, the least whole factor that fits in 80 - 32 characters, are 45.
    assert text.splitlines()[1] == " " * 45 + "  Bag   50.0%"
