"""Mutated files, the same for the same seed, and how a user would use each of them.

As a program, this is the child that reads the mutants, because a mutant may end the process: ``python
fuzzing.py KIND FIRST LAST FOLDER`` prints each seed before it tries it.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import resource
import signal
import struct
import sys
import time
import warnings
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from fmnist_runtime import load
from fmnist_runtime.artifact.container import read_container, seal
from fmnist_runtime.data.idx import idx_header, read_idx
from fmnist_runtime.data.images import read_image
from fmnist_runtime.data.labels import fit_labels, read_labels
from fmnist_runtime.errors import FmnistError
from fmnist_runtime.recorded import read_reference
from support import TINY, peak_memory
from support.foreign_onnx import onnx_models
from support.foreign_tflite import tflite_models
from support.mutants_onnx import mutate_onnx
from support.mutants_tflite import mutate_tflite
from support.strangers import tflite, with_metadata

HANG_SECONDS = 10
MOST_MEMORY = 1_000_000_000
"""Maximum resident memory in bytes, including Python and the engine."""
_FLOATS = (0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), 255.0)
_NUMBERS = (0, 1, 2, 3, 4, 7, 8, 127, 128, 255, 256, 65535, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)


def corrupt(content: bytes, rng: random.Random, other: bytes) -> bytes:
    """Apply one to eight flips, cuts, splices and wrong numbers, anywhere."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        if not data:
            break
        place = _place(len(data), rng)
        match rng.randrange(8):
            case 0 | 1:
                data[place] ^= 1 << rng.randrange(8)
            case 2:
                data[place] = rng.randrange(256)
            case 3 | 4:
                number = rng.choice(_NUMBERS).to_bytes(4, rng.choice(("little", "big")))
                data[place & ~3 : (place & ~3) + 4] = number
            case 5:
                del data[place : place + rng.choice((1, 4, 64, len(data)))]
            case 6:
                start = rng.randrange(len(other))
                data[place:place] = other[start : start + rng.randrange(1, 200)]
            case 7:
                start, length = rng.randrange(len(other)), rng.randrange(1, 200)
                data[place : place + length] = other[start : start + length]
    return bytes(data)


def _place(length: int, rng: random.Random) -> int:
    """Return any position, more often near an end, where formats keep their structure."""
    match rng.randrange(4):
        case 0:
            return rng.randrange(min(length, 200))
        case 1:
            return length - 1 - rng.randrange(min(length, 3000))
    return rng.randrange(length)


def model_mutant(suffix: str, seed: int) -> tuple[str, bytes]:
    """Return a broken model file: as it is, without our metadata, or sealed again."""
    rng = random.Random(f"{suffix} {seed}")
    ours = sorted((TINY / "export").glob(f"*{suffix}"))
    path, other = rng.choice(ours), rng.choice(ours).read_bytes()
    content = path.read_bytes()
    container = read_container(path)
    assert container is not None
    way = rng.choice(("raw", "sealed", "sealed", "foreign", "foreign", "structure", "structure", "structure"))
    if way == "structure" and suffix == ".tflite":
        content = mutate_tflite(rng)
    elif way == "structure" and suffix == ".onnx":
        content = mutate_onnx(rng)
    elif way == "structure":
        content = mutate_npz(path, rng)
    elif way == "foreign" and suffix != ".npz":
        foreign = (tflite_models if suffix == ".tflite" else onnx_models)()
        base = rng.choice([content[: container.model_bytes], *foreign])
        content = corrupt(base, rng, other)
    elif way == "raw":
        content = corrupt(content, rng, other)
    else:
        body = corrupt(content[: container.model_bytes], rng, other)
        whole = body + content[container.model_bytes : -64]
        content = whole + seal(whole)
    return f"mutant{suffix}", content


def mutate_npz(path: Path, rng: random.Random) -> bytes:
    """Return an npz model with another array, list of layers or entry, and correct checksums."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(["network.json", *(name for name in entries if name.endswith(".npy"))])
    match rng.randrange(4):
        case 0:
            entries[name] = corrupt(entries[name], rng, entries[name])
        case 1 if name == "network.json":
            old = rng.choice((b"28", b'"relu"', b'"softmax"', b"["))
            new = rng.choice((b"0", b"-1", b"1e9", b"99999999999", b'"tanh"', b'"linear"', b"null", b"[["))
            entries[name] = entries[name].replace(old, new, 1)
        case 2:
            entries[name] = entries[rng.choice(list(entries))]
        case _:
            shape = rng.choice(((784, 16), (16, 10), (16,), (10,), (1 << 20,), (0,), (1, 1 << 18), ()))
            buffer = io.BytesIO()
            np.save(
                buffer, np.full(shape, rng.choice((0, 1e38, np.nan, -1)), rng.choice(("<f4", "<f8", ">f4")))
            )
            entries[name] = buffer.getvalue()
    made = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    del entries["fmnist.json"]  # nothing of ours is sealed, so it is somebody's who knows the format
    with zipfile.ZipFile(made, "w", method) as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    return made.getvalue()


def tflite_metadata_mutant(seed: int) -> tuple[str, bytes]:
    """Return a valid TFLite model with broken metadata of its own, or a broken ZIP of its label file."""
    rng = random.Random(f"tflite metadata {seed}")
    labels = "\n".join(f"{number} {letter}" for number, letter in enumerate("abcdefghij")).encode()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    content = with_metadata(tflite(), (0.0,), (255.0,), labels, method)
    start = content.index(b"M001") - 4
    end, archive = start + content[start:].index(b"labels.txt") + 10, content.index(b"PK\x03\x04")
    if rng.random() < 0.6:
        region = bytearray(content[start:end])
        for _ in range(rng.choice((1, 1, 2, 4))):
            place = rng.randrange(len(region) - 3)
            match rng.randrange(3):
                case 0:
                    region[place] ^= 1 << rng.randrange(8)
                case 1:
                    region[place & ~3 : (place & ~3) + 4] = rng.choice(_NUMBERS).to_bytes(4, "little")
                case 2:
                    region[place & ~3 : (place & ~3) + 4] = struct.pack("<f", rng.choice(_FLOATS))
        content = content[:start] + bytes(region) + content[end:]
    else:
        content = content[:archive] + corrupt(content[archive:], rng, content)
    return "mutant.tflite", content


def onnx_metadata_mutant(seed: int) -> tuple[str, bytes]:
    """Return an ONNX model with odd properties."""
    import onnx

    rng = random.Random(f"onnx metadata {seed}")
    props = onnx.ModelProto()
    keys = (
        "Image.NominalPixelRange",
        "Image.BitmapPixelFormat",
        "names",
        "labels",
        "author",
        "task",
        "fmnist",
    )
    values = (
        "Normalized_0_1",
        "Bgr8",
        "{0: 'a', 1: 'b'}",
        '["a", "b"]',
        "Ultralytics",
        "classify",
        "[" * 5000,
    )
    for _ in range(rng.choice((1, 2, 5))):
        value = rng.choice((*values, rng.choice(values)[::-1], "x" * rng.choice((0, 100, 100_000))))
        props.metadata_props.add(key=rng.choice(keys), value=value)
    tail = bytes(props.SerializeToString())
    return "mutant.onnx", onnx_models()[-2] + (corrupt(tail, rng, tail) if rng.random() < 0.5 else tail)


def idx_mutant(seed: int) -> tuple[str, bytes]:
    """Return an IDX file, plain or gzipped, corrupted before or after compression."""
    rng = random.Random(f"idx {seed}")
    shape = rng.choice(((20, 28, 28), (50,), (5, 8, 8, 3)))
    array = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    content = idx_header(array.shape) + array.tobytes()
    if rng.random() < 0.7:
        content = corrupt(content, rng, content)
    if rng.random() < 0.5:
        content = gzip.compress(content + bytes(rng.choice((0, 0, 10, 50_000_000))), 1)
        if rng.random() < 0.5:
            content = corrupt(content, rng, content)
    return "mutant-idx3-ubyte", content


def image_mutant(seed: int) -> tuple[str, bytes]:
    """Return an image file of a common format."""
    from PIL import Image

    rng = random.Random(f"image {seed}")
    mode = rng.choice(("L", "RGB", "RGBA", "P", "1"))
    suffix = rng.choice(("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"))
    size = (rng.randrange(1, 64), rng.randrange(1, 64))
    image = Image.effect_noise(size, 100).convert(mode)
    image.putdata(
        np.random.default_rng(seed).integers(0, 2, size[0] * size[1]).tolist()
    ) if mode in "P1" else None
    buffer = io.BytesIO()
    image = image.convert("RGB") if suffix in ("JPEG", "WEBP") else image
    image.save(buffer, suffix)
    content = buffer.getvalue()
    return f"mutant.{suffix.lower()}", corrupt(content, rng, content)


_LABEL_FILES = (
    "".join(f"{index} Class {index}\n" for index in range(30)).encode(),
    "".join(f"n{index:08} tench, Tinca tinca\n" for index in range(30)).encode(),
    ("{" + ",\n ".join(f"{index}: 'tench, Tinca tinca'" for index in range(30)) + "}").encode(),
    json.dumps({str(index): [f"n{index:08}", "tench"] for index in range(30)}).encode(),
    json.dumps({f"class {index}": index for index in range(30)}).encode(),
    ("nc: 30\nnames:\n" + "".join(f"  {index}: tench\n" for index in range(30)) + "train: x\n").encode(),
    "\n".join(["background", *("crane",) * 30]).encode("utf-16"),
)
"""Label files in the forms of public ones."""


def labels_mutant(seed: int) -> tuple[str, bytes]:
    """Return class names, in any of their forms."""
    rng = random.Random(f"labels {seed}")
    content = corrupt(rng.choice(_LABEL_FILES), rng, rng.choice(_LABEL_FILES))
    if rng.random() < 0.1:
        content *= rng.choice((100, 100_000))
    return "labels.txt", content[: 1 << 25]


def reference_mutant(seed: int) -> tuple[str, bytes]:
    """Return the original's scores."""
    rng = random.Random(f"reference {seed}")
    content = (TINY / "reference.npz").read_bytes()
    return "mutant.npz", corrupt(content, rng, content)


def use_model(path: Path, engine: str = "auto") -> None:
    """Load the model, and score one image and 300, or 20 if the model is really slow."""
    with load(path, engine=engine) as session:
        known = session.info.contract.range
        said = (*session.info.labels, *session.info.notes)
        assert not any("\n" in text or "\x1b" in text for text in said)
    with load(path, engine=engine, input_range=None if known else "0-1") as session:
        shape = session.info.input_shape
        start = time.perf_counter()
        session.scores(np.zeros((1, *shape), np.uint8))
        many = 300 if time.perf_counter() - start < HANG_SECONDS / 1000 else 20
        for count in (1, many, 1):
            if count * np.prod(shape, dtype=object) > 30_000_000:
                continue  # more images than this test has memory for
            images = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
            scores = session.scores(images)
            assert scores.shape == (count, len(session.info.labels))
            assert scores.dtype == np.float32


def use_idx(path: Path) -> None:
    """Read the file."""
    assert read_idx(path).dtype == np.uint8


def use_image(path: Path) -> None:
    """Read the file for a grey model."""
    assert read_image(path, (28, 28)).shape == (28, 28)


def use_labels(path: Path) -> None:
    """Read the file, and name the classes of a model with it."""
    names = read_labels(path).names
    for classes in {len(names), 1000, 1001}:
        try:
            fitted = fit_labels(names, classes).names
        except ValueError:
            continue
        assert len(set(fitted)) == classes
        assert not any("\n" in name or "\x1b" in name for name in fitted)


KINDS: dict[str, tuple[Callable[[int], tuple[str, bytes]], Callable[[Path], object]]] = {
    "tflite": (lambda seed: model_mutant(".tflite", seed), use_model),
    "onnx": (lambda seed: model_mutant(".onnx", seed), use_model),
    "tflite on numpy": (lambda seed: model_mutant(".tflite", seed), partial(use_model, engine="numpy")),
    "onnx on numpy": (lambda seed: model_mutant(".onnx", seed), partial(use_model, engine="numpy")),
    "npz": (lambda seed: model_mutant(".npz", seed), use_model),
    "tflite metadata": (tflite_metadata_mutant, use_model),
    "onnx metadata": (onnx_metadata_mutant, use_model),
    "idx": (idx_mutant, use_idx),
    "image": (image_mutant, use_image),
    "labels": (labels_mutant, use_labels),
    "reference": (reference_mutant, read_reference),
}
"""For each kind, the function that makes mutants and the function that uses them."""


def main(kind: str, first: int, last: int, folder: Path) -> None:
    """Try the mutants of these seeds, and stop at the first with a wrong result."""
    make, use = KINDS[kind]
    counts = {"used": 0, "refused": 0}
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))  # spares the machine, not the mutant
    for seed in range(first, last):
        name, content = make(seed)
        path = folder / name
        path.write_bytes(content)
        print(seed, flush=True)
        signal.alarm(HANG_SECONDS)
        try:
            use(path)
            counts["used"] += 1
        except FmnistError as error:
            counts["refused"] += 1
            if "\n" in str(error):
                sys.exit("an error of several lines")
        signal.alarm(0)
        peak = peak_memory()
        if peak > MOST_MEMORY:
            sys.exit(f"{peak:,} bytes of memory")
    print(json.dumps(counts))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
