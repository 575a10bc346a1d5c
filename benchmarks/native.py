"""Time the C of the default network beside LiteRT, ONNX Runtime, tflite-micro and emlearn.

One image goes through `Session.scores` with all of its checks, beside bare loops of the engines, which take
their own input and check nothing. A loop in C is compared with LiteRT's bare `invoke`. All images go through
each engine at its best block size. A static program answers one image from a cold start. All contenders run
in turn, on one thread. Exits 1 if a limit is broken. Writes results/native.json.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import emlearn_code
import numpy as np
from bare_engines import bare, bare_loop, converted
from claims import Claim, conclude
from numpy.typing import NDArray
from processes import FMNIST, output
from side_by_side import Measure, in_turn, milliseconds, once, ratio, report
from trained import DATA, artifacts, named_or_trained

from fmnist_runtime import load
from fmnist_runtime.data.datasets import load_dataset
from fmnist_runtime.engines.native import NativeSession
from fmnist_runtime.native.compiler import compile_library, find_compiler, usable_variants
from fmnist_runtime.native.source import library_source, scratch_floats

ROUNDS, CALLS, ALL_ROUNDS = 60, 200, 25
BLOCKS = (32, 64, 128, 256, 512, 1024)
OURS, SCORES, LOOP = "C int8", "C int8, Session.scores", "C int8, loop in C"
LITERT, INVOKE = "LiteRT int8, bare loop", "LiteRT int8, invoke alone"
ONNX, TFLM, EMLEARN = "ONNX Runtime int8, bare loop", "tflite-micro int8-full", "emlearn float32, loop in C"
LOOP_SOURCE = """
int32_t benchmark_loop(const uint8_t *pixels, int32_t images, const struct fmnist_call *call)
{
    int32_t finite = 1;
    for (int32_t i = 0; i < images; i++) finite &= fmnist_run(pixels + i * UPPER_PIXELS, call);
    return finite;
}
"""
EMLEARN_SOURCE = """
#include "theirs.h"
void benchmark_loop(const float *pixels, int images, float *scores)
{
    for (int i = 0; i < images; i++) eml_net_predict_proba(&theirs, pixels + 784 * i, 784, scores, 10);
}
"""


def main() -> None:
    """Measure, print and record; exit 1 if a limit is broken."""
    images = load_dataset("fashion-mnist", "test", DATA).images
    with named_or_trained() as run, tempfile.TemporaryDirectory() as folder:
        files = artifacts(run)
        one = in_turn(_single(files, images, Path(folder)), ROUNDS)
        blocks = _best_blocks(files["tflite int8"], images)
        with load(files["c int8"]) as session:
            everything = {OURS: once(partial(session.scores, images))}
            for block in blocks:
                everything[f"LiteRT int8, blocks of {block}"] = once(
                    _loop(files["tflite int8"], images, block)
                )
            whole = in_turn(everything, ALL_ROUNDS)
        program = Path(folder, "classify")
        output(
            [FMNIST, "bundle", str(run.folder), "--format", "c", "--program", "x86_64", "--out", str(program)]
        )
        cold = in_turn({"program": _cold(program, images[0])}, 100)["program"]
        resident = _resident(program, images[0])
        sizes = {name: path.stat().st_size for name, path in files.items()} | {
            "program": program.stat().st_size
        }
    rows = [
        [name, f"{item.percentile(50) / 1e3:.2f}", f"{item.percentile(99) / 1e3:.2f}"]
        for name, item in one.items()
    ]
    report(f"One image ({ROUNDS} rounds of {CALLS})", ["", "p50 µs", "p99 µs"], rows)
    rows = [[name, f"{item.percentile(50) / 1e6:.2f}"] for name, item in whole.items()]
    report(f"All {len(images):,} images ({ALL_ROUNDS} rounds)", ["", "ms"], rows)
    best = min((name for name in whole if name != OURS), key=lambda name: whole[name].percentile(50))
    claims = [
        Claim(
            "one image: Session.scores of C ÷ bare loop of LiteRT",
            ratio(one[SCORES], one[LITERT]),
            "times",
            0.65,
        ),
        Claim("one image: loop in C ÷ invoke of LiteRT", ratio(one[LOOP], one[INVOKE]), "times", 0.5),
        Claim("all images: C ÷ LiteRT's best block", ratio(whole[OURS], whole[best]), "times", 1.1),
        Claim("cold start of the static program", cold.percentile(50) / 1e6, "ms", 10),
        Claim("resident memory of the static program", resident / 1e6, "MB", 5),
    ]
    figures = {
        "one_image_us": {name: item.percentile(50) / 1e3 for name, item in one.items()},
        "all_images_ms": milliseconds(whole),
        "bytes": sizes,
    }
    conclude("native", claims, figures)


def _single(files: dict[str, Path], images: NDArray[np.uint8], folder: Path) -> dict[str, Measure]:
    """Return the contenders for one image; each measure is the time of a call, in ns."""
    session = load(files["c int8"])
    assert isinstance(session, NativeSession)
    singles = [images[i : i + 1] for i in range(CALLS)]
    contenders = {SCORES: _per_call(session.scores, singles), LOOP: _c_loop(session, images, files["c int8"])}
    for name, recipe in ((LITERT, "tflite int8"), (ONNX, "onnx int8")):
        stored = converted(files[recipe], images[:CALLS])
        contenders[name] = _per_call(bare(files[recipe], 1), [stored[i : i + 1] for i in range(CALLS)])
    contenders[INVOKE] = _invoke(files["tflite int8"], images)
    contenders |= _tflm(files["tflite int8-full"], images) | _emlearn(files["npz float32"], images, folder)
    return contenders


def _per_call(function: Callable[[Any], object], inputs: list[Any]) -> Measure:
    def measure(_number: int) -> list[float]:
        start = time.perf_counter_ns()
        for item in inputs:
            function(item)
        return [(time.perf_counter_ns() - start) / len(inputs)]

    measure(0)
    return measure


def _c_loop(session: NativeSession, images: NDArray[np.uint8], path: Path) -> Measure:
    """Return the time of an image in a loop in C, which no call from Python is part of."""
    variant = usable_variants()[-1]
    source = library_source(session.network, fast=bool(variant.flags))
    source += LOOP_SOURCE.replace("UPPER", session.network.name.upper())
    library = ctypes.CDLL(str(compile_library(source, variant, path)))
    if not library.fmnist_ready():
        raise SystemExit(f"the system does not allow {variant.name}")
    scratch = np.empty(scratch_floats(session.network) + 1, np.float32)
    scores = np.empty(session.network.classes, np.float32)
    call = _Call(1, scratch.ctypes.data, scores.ctypes.data)
    pixels = np.ascontiguousarray(images[:CALLS])
    arguments = (ctypes.c_void_p(pixels.ctypes.data), ctypes.c_int32(CALLS), ctypes.byref(call))
    function = partial(library.benchmark_loop, *arguments)
    return _whole(partial(_keeping, function, (scratch, scores)))


class _Call(ctypes.Structure):
    """``struct fmnist_call`` of the engine's library."""

    _fields_ = (("images", ctypes.c_int32), ("scratch", ctypes.c_void_p), ("scores", ctypes.c_void_p))


def _keeping(function: Callable[[], object], _owned: tuple[object, ...]) -> object:
    """Call a function that writes to memory whose owners are kept with it."""
    return function()


def _whole(function: Callable[[], object]) -> Measure:
    """Return the time of an image of a function that runs all of a round."""

    def measure(_number: int) -> list[float]:
        start = time.perf_counter_ns()
        function()
        return [(time.perf_counter_ns() - start) / CALLS]

    measure(0)
    return measure


def _invoke(path: Path, images: NDArray[np.uint8]) -> Measure:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], converted(path, images[:1]))
    return _per_call(lambda _: interpreter.invoke(), list(range(CALLS)))


def _tflm(path: Path, images: NDArray[np.uint8]) -> dict[str, Measure]:
    try:
        from tflite_micro.python.tflite_micro import runtime
    except ImportError:
        return {}
    interpreter = runtime.Interpreter.from_file(str(path))

    def run(item: NDArray[np.int8]) -> None:
        interpreter.set_input(item, 0)
        interpreter.invoke()
        interpreter.get_output(0)

    stored = converted(path, images[:CALLS])
    return {TFLM: _per_call(run, [stored[i : i + 1] for i in range(20)])}


def _emlearn(npz: Path, images: NDArray[np.uint8], folder: Path) -> dict[str, Measure]:
    if not emlearn_code.available():
        return {}
    headers = emlearn_code.write(npz, folder / "theirs.h")
    source, library = folder / "theirs.c", folder / "theirs.so"
    source.write_text(EMLEARN_SOURCE)
    flags = ["-O3", "-march=native", "-shared", "-fPIC", f"-I{headers}"]
    compiler = [part for part in find_compiler() if part != "-mcpu=baseline"]
    subprocess.run([*compiler, *flags, source, "-o", library, "-lm"], check=True)
    floats, scores = images[:CALLS].reshape(CALLS, -1).astype(np.float32), np.empty(10, np.float32)
    function = ctypes.CDLL(str(library)).benchmark_loop
    arguments = (ctypes.c_void_p(floats.ctypes.data), CALLS, ctypes.c_void_p(scores.ctypes.data))
    return {EMLEARN: _whole(partial(function, *arguments))}


def _loop(path: Path, images: NDArray[np.uint8], block: int) -> Callable[[], object]:
    return bare_loop(path, converted(path, images), block)


def _best_blocks(path: Path, images: NDArray[np.uint8]) -> list[int]:
    """Return the block size at which LiteRT is fastest, and its neighbours."""
    times = in_turn({str(block): once(_loop(path, images, block)) for block in BLOCKS}, 5)
    best = min(range(len(BLOCKS)), key=lambda place: times[str(BLOCKS[place])].percentile(50))
    return list(BLOCKS[max(0, best - 1) : best + 2])


def _resident(program: Path, image: NDArray[np.uint8]) -> int:
    """Return the peak memory of a program, in bytes, once it has answered one image and waits for another."""
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(image.tobytes())
        process.stdin.flush()
        process.stdout.readline()
        status = Path("/proc", str(process.pid), "status").read_text()
        process.stdin.close()
    [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return 1024 * int(peak)


def _cold(program: Path, image: NDArray[np.uint8]) -> Measure:
    pixels = image.tobytes()
    return once(partial(subprocess.run, [program], input=pixels, capture_output=True, check=True))


if __name__ == "__main__":
    main()
