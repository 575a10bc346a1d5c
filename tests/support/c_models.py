"""C models made by hand, of all kernels, and their portable C compiled as a user would."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.artifact.metadata import Golden, Metadata
from fmnist_runtime.data.datasets import cache_folder
from fmnist_runtime.native.kernels import WINDOW
from fmnist_runtime.native.network import Layer, Network, NetworkTensor, write_network
from fmnist_runtime.native.source import (
    PATCHES,
    c_file,
    c_source,
    library_source,
    patch_floats,
    scratch_floats,
)

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")
_numbers = count()
_MOST = float(np.finfo(np.float32).max)


def window(size: tuple[int, int, int], out: tuple[int, int], filters: tuple[int, int], **others: int) -> dict:
    """The numbers of a layer that moves a filter."""
    moves = {"stride_y": 1, "stride_x": 1, "dilation_y": 1, "dilation_x": 1, "top": 0, "left": 0, **others}
    values = (*size, *out, *filters, *moves.values())
    return dict(zip(WINDOW, values, strict=True))


def dense_network(inputs: tuple[int, int] = (7, 9), units: int = 21, classes: int = 5) -> Network:
    """Integers, then floats, then a softmax; no size is a multiple of what a processor computes at once."""
    random = np.random.default_rng(1)
    size = inputs[0] * inputs[1]
    hidden, real = NetworkTensor((units,), "uint8", 0.05, 0), NetworkTensor((units,), "float32")
    scores = NetworkTensor((classes,), "float32")
    tensors = (NetworkTensor(inputs, "uint8", 1.0, 0), hidden, real, scores, scores)
    layers = (
        Layer(
            "dense_u8",
            (0,),
            1,
            {"rows": 1, "inputs": size, "units": units, "zero_point": 0, "low": 0, "high": 255},
            {},
            {
                "weights": random.integers(-127, 128, (units, size)).astype(np.int8),
                "biases": random.integers(-9000, 9000, units).astype(np.int32),
                "scales": random.uniform(1e-4, 9e-4, units).astype(np.float32),
            },
            f"{size} → {units} relu",
        ),
        Layer(
            "float_f32", (1,), 2, {"length": units, "zero_point": 0}, {"scale": float(np.float32(0.05))}, {}
        ),
        Layer(
            "dense_f32",
            (2,),
            3,
            {"rows": 1, "inputs": units, "units": classes},
            {"low": -_MOST, "high": _MOST},
            {
                "weights": random.normal(0, 0.3, (classes, units)).astype(np.float32),
                "biases": random.normal(0, 0.3, classes).astype(np.float32),
            },
        ),
        Layer("softmax_f32", (3,), 4, {"rows": 1, "length": classes}),
    )
    return Network("made", tensors, layers)


def metadata_for(network: Network, golden: Golden | None = None, labels: tuple[str, ...] = ()) -> Metadata:
    """Metadata of an artifact with this network."""
    return Metadata(
        format="c",
        scheme="int8",
        labels=labels or tuple(f"class {number}" for number in range(network.classes)),
        dataset="made by hand",
        dataset_digest="",
        source_sha256="",
        source_range="0-255",
        calibration={},
        gate={},
        versions={},
        golden=golden,
    )


def write_c_model(path: Path, network: Network, labels: tuple[str, ...] = ()) -> Path:
    """Write an artifact with golden images that answer as the network does."""
    images = random_images(network, 3)
    scores = portable_scores(network, images)
    golden = Golden(images, scores, scores, 1e-4)
    path.write_bytes(c_file(write_network(network), metadata_for(network, golden, labels).to_json()))
    return path


def random_images(network: Network, number: int) -> NDArray[np.uint8]:
    """Images of noise, some of them black in parts."""
    random = np.random.default_rng(2)
    images = random.integers(0, 256, (number, *network.image.shape), np.uint8)
    images[::2, : network.image.shape[0] // 2] = 0
    return images


def portable_scores(
    network: Network, images: NDArray[np.uint8], compiler: str = "cc", flags: tuple[str, ...] = ("-O2",)
) -> NDArray[np.float32]:
    """Compile the C of a network with all warnings as errors, and return its scores of images."""
    stem = Path(f"/tmp/fmnist-test-{np.random.SeedSequence().entropy}-{next(_numbers)}")
    source, library = stem.with_suffix(".c"), stem.with_suffix(".so")
    try:
        source.write_text(c_source(network, ["a"] * network.classes, None, "test"))
        subprocess.run([compiler, *STRICT, *flags, "-shared", "-fPIC", source, "-o", library], check=True)
        return library_scores(library, network, images)
    finally:
        source.unlink(missing_ok=True)
        library.unlink(missing_ok=True)


def library_scores(library: Path, network: Network, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Scores of images by a library of the portable C, all at once."""
    images = np.ascontiguousarray(images)
    scores = np.empty((len(images), network.classes), np.float32)
    size = scratch_floats(network) * len(images) + patch_floats(network)
    scratch = np.empty(max(1, size), np.float32)
    arguments = (array.ctypes.data_as(ctypes.c_void_p) for array in (images, scratch, scores))
    getattr(ctypes.CDLL(str(library)), f"{network.name}_scores")(ctypes.c_int32(len(images)), *arguments)
    return scores


_MAIN = """
#include <stdio.h>
static uint8_t pixels[MADE_PIXELS];
int main(void)
{
    float scratch[MADE_SCRATCH(1) + 1], scores[MADE_CLASSES];
    FILE *images = fopen("images", "rb"), *answers = fopen("scores", "wb");
    while (fread(pixels, 1, sizeof pixels, images) == sizeof pixels) {
        made_scores(1, pixels, scratch, scores);
        fwrite(scores, 1, sizeof scores, answers);
    }
    return fclose(answers);
}
"""


def sanitized_scores(
    network: Network, images: NDArray[np.uint8], folder: Path, compiler: str
) -> NDArray[np.float32]:
    """Scores of images by a program that ends at the first fault in memory or arithmetic."""
    text = c_source(network, ["a"] * network.classes, None, "test").replace(network.name.upper(), "MADE")
    (folder / "main.c").write_text(text.replace(network.name, "made") + _MAIN)
    flags = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    subprocess.run([compiler, *STRICT, *flags, "main.c", "-o", "program"], cwd=folder, check=True)
    (folder / "images").write_bytes(images.tobytes())
    subprocess.run([folder / "program"], cwd=folder, check=True)
    return np.fromfile(folder / "scores", np.float32).reshape(len(images), network.classes)


_LIBRARY_MAIN = """
#include <stdio.h>
static uint8_t pixels[UPPER_PIXELS * BLOCK];
static float scratch[UPPER_SCRATCH(BLOCK) + PATCH], scores[UPPER_CLASSES * BLOCK];
int main(void)
{
    const struct fmnist_call call = {BLOCK, scratch, scores};
    FILE *images = fopen("images", "rb"), *answers = fopen("scores", "wb");
    if (!fmnist_ready()) return 2;
    while (fread(pixels, 1, sizeof pixels, images) == sizeof pixels) {
        if (!fmnist_run(pixels, &call)) return 3;
        fwrite(scores, 1, sizeof scores, answers);
    }
    return fclose(answers);
}
"""


def emulated_library_scores(
    network: Network, images: NDArray[np.uint8], machine: str, flags: tuple[str, ...], folder: Path
) -> NDArray[np.float32]:
    """Scores of images by the engine's library for other instructions, in blocks of 20, run by QEMU."""
    triple, emulator = {
        "aarch64": ("aarch64-linux-musl", ["qemu-aarch64-static", "-cpu", "max"]),
        "x86_64": ("x86_64-linux-musl", ["qemu-x86_64-static", "-cpu", "max"]),
    }[machine]
    main = _LIBRARY_MAIN.replace("UPPER", network.name.upper()).replace("BLOCK", "20")
    main = main.replace("PATCH", str(patch_floats(network, PATCHES)))
    (folder / "main.c").write_text(library_source(network, fast=bool(flags)) + main)
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", triple]
    flags = ("-O3", "-std=gnu99", "-ffp-contract=off", *flags)
    subprocess.run([*zig, *flags, "-c", "main.c", "-o", "main.o"], cwd=folder, check=True)
    plain = {"aarch64": "generic", "x86_64": "baseline"}[machine]
    caches = {f"ZIG_{kind}_CACHE_DIR": str(cache_folder() / "zig") for kind in ("GLOBAL", "LOCAL")}
    link = [f"-mcpu={plain}", "-static", "main.o", "-o", "program"]
    subprocess.run([*zig, *link], cwd=folder, check=True, env={**os.environ, **caches})
    (folder / "images").write_bytes(images.tobytes())
    subprocess.run([*emulator, folder / "program"], cwd=folder, check=True)
    return np.fromfile(folder / "scores", np.float32).reshape(len(images), network.classes)
