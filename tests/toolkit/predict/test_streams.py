"""`fmnist predict -`: images and raw frames through a pipe."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support.predicting import INT8, encode, on_a_terminal, rows

from fmnist.predict.stream import Frame, parse_frame, split_files
from fmnist_runtime.data.images import fit_picture
from fmnist_runtime.errors import ImageError


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


def photograph(t10k, number):
    """A JPEG with a thumbnail in its EXIF data, which has an end marker of its own, and restart markers."""
    exif = Image.Exif()
    exif[0x010E] = b"\xff\xd9" + encode(t10k.images[1], "JPEG")
    large = np.kron(255 - t10k.images[number], np.ones((10, 10), np.uint8))
    return encode(large, "JPEG", exif=exif, quality=95, progressive=number % 2 == 1, restart_marker_rows=1)


def test_a_stream_of_image_files(predict, t10k, answers):
    files = [photograph(t10k, n) if n % 3 else encode(t10k.images[n]) for n in range(12)]
    assert list(split_files(io.BufferedReader(io.BytesIO(b"".join(files))))) == files
    preparation = "stretch,polarity=light-on-dark"
    result = predict("-", "--as", "csv", "--preparation", preparation, stdin=b"".join(files))
    assert result.returncode == 0
    assert result.stderr.startswith(b"inverted 8 of 12 images to light on dark")  # the photographs
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
        [line, *_] = result.stderr.decode().splitlines()
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
    monkeypatch.setattr("fmnist.predict.stream.MAX_BYTES", 2**20)  # 2**27 take their time
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


def test_who_ends_a_live_stream_is_told_what_was_inverted(t10k):
    with subprocess.Popen(
        [sys.executable, "-m", "fmnist", "predict", str(INT8), "-", "--as", "jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdin.write(photograph(t10k, 2))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["inverted"]
        process.send_signal(signal.SIGINT)
        assert b"inverted 1 of 1 images to light on dark" in process.stderr.read()
        assert process.wait() != 0


def test_a_terminal_as_standard_input_is_refused():
    code, text = on_a_terminal("-")
    assert code == 1
    assert "standard input is a terminal; pipe images into it" in text
