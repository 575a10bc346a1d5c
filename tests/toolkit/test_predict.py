"""`fmnist predict`: which images its arguments stand for, what it prints of them, and streams."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support import DATA, TINY

from fmnist.image_stream import Frame, parse_frame, split_files
from fmnist.prediction_output import cards, comma_separated, json_lines, table
from fmnist.predictions import Answer
from fmnist_runtime import Prediction, load
from fmnist_runtime.errors import ImageError
from fmnist_runtime.idx import idx_header
from fmnist_runtime.images import Picture, fit_picture

INT8 = TINY / "export" / "model-int8.tflite"
T10K = DATA / "fashion-mnist" / "t10k-images-idx3-ubyte.gz"


def encode(pixels, form="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


@pytest.fixture
def predict(tmp_path):
    """The verb on the int8 artifact, in the test's own folder; standard input is bytes."""

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
    """Images 0 to 11 under their numbers, one more in a folder below, and what is to be passed over."""
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
    """What the model itself says of the first 300 test images."""
    with load(INT8) as session:
        return [session.top(image, 3) for image in t10k.images[:300]]


def rows(result):
    """CSV as a list of the file and its predictions."""
    return [
        (
            row["file"],
            [
                Prediction(row[f"label_{n}"], int(row[f"index_{n}"]), float(row[f"probability_{n}"]))
                for n in (1, 2, 3)
            ],
        )
        for row in csv.DictReader(io.StringIO(result.stdout.decode(), newline=""))
    ]


@pytest.mark.parametrize("name", ["export/model-int8.tflite", "export/model-float32.onnx", "model.keras"])
def test_it_names_three_classes(tmp_path, predict, t10k, name):
    """The first ankle boot, enlarged, and the first trousers as a photograph on white."""
    Image.fromarray(t10k.images[0]).resize((200, 300)).save(tmp_path / "boot.png")
    Image.fromarray(255 - t10k.images[2]).convert("RGB").resize((64, 64)).save(tmp_path / "trousers.jpg")
    result = predict("boot.png", "trousers.jpg", "--json", "predict.json", model=TINY / name)
    assert (result.returncode, result.stderr) == (0, b"")
    record = json.loads((tmp_path / "predict.json").read_text())
    assert record["schema"] == "fmnist.predict/1"
    assert [image["file"] for image in record["images"]] == ["boot.png", "trousers.jpg"]
    guesses = [image["predictions"] for image in record["images"]]
    assert [[len(image), image[0]["label"]] for image in guesses] == [[3, "Ankle boot"], [3, "Trouser"]]
    for first, second, third in guesses:
        assert first["probability"] >= second["probability"] >= third["probability"]
    assert result.stdout.decode().splitlines()[2].startswith("boot.png      Ankle boot ")


def test_a_folder_in_natural_order_is_answered_as_its_pixels_are(predict, photos, answers):
    result = predict("photos", "--as", "csv")
    assert result.returncode == 0
    assert result.stderr == b"files passed over, as they are not named like images: 1\n"
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
    (photos / "none-ubyte").write_bytes(idx_header(np.empty((0, 28, 28), np.uint8)))
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


def test_a_stream_of_raw_frames(predict, t10k, answers):
    frames = t10k.images[:20].tobytes()
    result = predict("-", "--raw", "28x28", "--as", "csv", stdin=frames)
    assert (result.returncode, result.stderr) == (0, b"")
    assert rows(result) == [(f"stdin[{index}]", answers[index]) for index in range(20)]
    cut = predict("-", "--raw", "28x28", "--as", "csv", stdin=frames[:-1])
    assert cut.returncode == 1
    assert rows(cut) == rows(result)[:19]
    assert b"stdin[19]: ends within a frame, 783 of 784 bytes" in cut.stderr


def test_frames_of_cameras(t10k):
    """Grey, RGB and the planes of YUV 4:2:0 give the same image."""
    grey = t10k.images[0]
    chroma = np.full(2 * 14 * 14, 128, np.uint8)
    for text, content in (
        ("28x28", grey.tobytes()),
        ("28x28x3", np.repeat(grey, 3).tobytes()),
        ("28x28x1.5", grey.tobytes() + chroma.tobytes()),
    ):
        frame = parse_frame(text)
        assert len(content) == frame.size
        seen = fit_picture(frame.pixels(content), "frame", (28, 28))
        assert np.array_equal(seen.pixels, grey)
    assert parse_frame("640x480") == Frame(width=640, height=480, bytes_per_pixel=1)


@pytest.mark.parametrize("text", ["28", "0x28", "28x28x2", "28x28x", "-1x28", "27x28x1.5", "99999x99999"])
def test_no_frame(predict, text):
    result = predict("-", "--raw", text)
    assert result.returncode == 2
    assert text.encode() in result.stderr


def test_the_limit_that_is_told_is_kept(predict):
    """It is 33.55 megapixels; a frame of 33.8 is refused and must not be told that 34 will do."""
    assert "33 megapixels or fewer" in predict("-", "--raw", "5817x5817").stderr.decode()


def test_frames_without_a_stream_and_pictures_as_csv_are_wrong_usage(predict, photos):
    assert predict("photos/0.png", "--raw", "28x28").returncode == 2
    assert predict("photos/0.png", "--show", "--as", "csv").returncode == 2


def photograph(t10k, number):
    """A JPEG with a thumbnail in its EXIF data, which has an end marker of its own, and restart markers."""
    exif = Image.Exif()
    exif[0x010E] = b"\xff\xd9" + encode(t10k.images[1], "JPEG")
    large = np.kron(255 - t10k.images[number], np.ones((10, 10), np.uint8))
    return encode(large, "JPEG", exif=exif, quality=95, progressive=number % 2 == 1, restart_marker_rows=1)


def test_a_stream_of_image_files(predict, t10k, answers):
    files = [photograph(t10k, n) if n % 3 else encode(t10k.images[n]) for n in range(12)]
    assert list(split_files(io.BufferedReader(io.BytesIO(b"".join(files))))) == files
    result = predict("-", "--as", "csv", stdin=b"".join(files))
    assert (result.returncode, result.stderr) == (0, b"")
    assert [(name, guesses[0].label) for name, guesses in rows(result)] == [
        (f"stdin[{number}]", answers[number][0].label) for number in range(12)
    ]


def test_a_stream_that_does_not_go_on_as_it_should(predict, t10k):
    first, second = encode(t10k.images[0]), photograph(t10k, 2)
    damaged = bytearray(first)
    damaged[45] ^= 0xFF  # in the pixels, so that only the checksum of the chunk is wrong
    for rest, answered, complaint in (
        (second[:-1], 1, "stdin[1]: ends within an image"),
        (first[:30], 1, "stdin[1]: ends within an image"),
        (b"\n", 1, "stdin[1]: is neither PNG nor JPEG"),
        (b"GIF89a and so on", 1, "stdin[1]: is neither PNG nor JPEG; for raw frames give their size: --raw"),
        (b"\xff\xd8\xff\xe0\x00\x02no marker", 1, "stdin[1]: is a damaged JPEG"),
        (bytes(damaged) + second, 2, "stdin[1]: image file is cut off or cannot be read"),
    ):
        result = predict("-", "--as", "csv", stdin=first + rest)
        assert result.returncode == 1
        assert len(rows(result)) == answered
        [line] = result.stderr.decode().splitlines()
        assert complaint in line


class Endless(io.RawIOBase):
    """A start, and then zeros for ever, which are counted."""

    def __init__(self, start):
        self.start, self.given = start, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        part = self.start[self.given : self.given + len(buffer)] or bytes(len(buffer))
        buffer[: len(part)] = part
        self.given += len(part)
        return len(part)


def test_an_endless_stream_fills_no_memory(monkeypatch):
    monkeypatch.setattr("fmnist.image_stream.MAX_BYTES", 2**20)  # 2**27 take their time
    for start in (
        b"",
        b"\xff\xd8\xff\xda\x00\x02",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n\x7f\xff\xff\xff",
    ):
        stream = Endless(start)
        with pytest.raises(ImageError):
            next(split_files(io.BufferedReader(stream)))
        assert stream.given < 2**20 + 2**16  # the largest image, and a buffer


def test_a_live_stream_is_answered_image_by_image(tmp_path, t10k, answers):
    """Each answer is there before the next image is sent."""
    files = [encode(t10k.images[0]), encode(t10k.images[1], "JPEG", quality=100), encode(t10k.images[2])]
    with subprocess.Popen(
        [sys.executable, "-m", "fmnist", "predict", str(INT8), "-", "--as", "jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        for number, content in enumerate(files):
            process.stdin.write(content)
            process.stdin.flush()
            line = json.loads(process.stdout.readline())
            assert line["predictions"][0]["label"] == answers[number][0].label
        process.stdin.close()
        assert process.wait() == 0


def on_a_terminal(*arguments, stdin=None):
    """Standard output and error of the verb on a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fmnist", "predict", str(INT8), *map(str, arguments)],
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm", "PYTHONUTF8": "1", "NO_COLOR": ""},
        stdin=theirs if stdin is None else stdin,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not part:
            break
        text += part
    os.close(ours)
    return process.wait(), text.decode()


def test_a_terminal_as_standard_input_is_refused():
    code, text = on_a_terminal("-")
    assert code == 1
    assert "standard input is a terminal; pipe images into it" in text


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
    answer = Answer("boot.png", Picture(np.zeros((28, 28), np.uint8), False, 28, 28, "L"), guesses)

    layout = comma_separated(6, for_terminal=False)
    [row] = csv.DictReader(io.StringIO(layout.header + layout.text(answer), newline=""))
    assert [row[f"label_{rank}"] for rank in range(1, 7)] == labels
    assert [guess["label"] for guess in json.loads(json_lines().text(answer))["predictions"]] == labels
    cells = ["boot.png", *(f"{label} 12.5 %" for label in ("=1+1", "a,b", 'c"d', "ü", "?", "?[2J"))]
    assert re.split(r" {2,}", table(labels, 6, 8).text(answer).rstrip("\n")) == cells


def test_no_more_ranks_than_classes(predict, photos):
    result = predict("photos/0.png", "--top", 99, "--as", "csv")
    assert result.stdout.decode().splitlines()[0].split(",")[-1] == "probability_10"


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
    upright = predict("trousers.png", "--show", "--invert", "never").stdout.decode().splitlines()
    assert upright[0] == "trousers.png: 140×140 RGB, not inverted"
    assert upright[5][:8] == "@@@@@@@@"


def test_show_of_a_large_model_leaves_room_for_answers():
    picture = Picture(np.zeros((224, 224, 3), np.uint8), False, 640, 480, "RGB")
    text = cards(80, False).text(Answer("a.png", picture, [Prediction("Bag", 8, 0.5)]))
    # 224 pixels by fives, the least whole factor that fits in 80 - 32 characters, are 45.
    assert text.splitlines()[1] == " " * 45 + "  Bag   50.0 %"


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
    assert refused.stderr.decode() == "fmnist: foreign.tflite: has 10 classes, but there are 2 labels\n"


def test_a_picture_of_an_idx_file_is_a_picture(predict, photos):
    (photos / "0.png").rename(photos / "t10k-images-idx3-ubyte.png")
    answer = predict("photos/t10k-images-idx3-ubyte.png", "--as", "csv", "--top", 1)
    assert (
        answer.stdout.decode().splitlines()[1].startswith("photos/t10k-images-idx3-ubyte.png,Ankle boot,9,")
    )
