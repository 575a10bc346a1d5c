"""What goes wrong in `fmnist bench`: wrong words, models that fail, and Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import DATA, TINY, foreign_onnx, told

from fmnist.bench.configuration import Configuration, Method, harness
from fmnist.bench.measure import measure

EXPORT = TINY / "export"
INT8 = EXPORT / "model-int8.tflite"


@pytest.fixture
def int8(tmp_path) -> Path:
    """An artifact that lies in no run."""
    return Path(shutil.copy(INT8, tmp_path))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--duration", "0"], "'--duration': 0 is not more than 0 and at most 86,400"),
        (["--duration", "-3"], "'--duration': -3 is not more than 0"),
        (["--duration", "nan"], "'--duration': nan is not more than 0"),
        (["--duration", "inf"], "'--duration': inf is not more than 0"),
        (["--duration", "soon"], "'soon' is not a valid float"),
        (["--processes", "0"], "0 is not in the range"),
        (["--batch", "0"], "0 is not in the range"),
        (["--threads", "1", "--threads", "0"], "0 is not in the range"),
        (["--engine", "auto", "--engine", "tensorrt"], "'tensorrt' is not one of auto, tflite"),
        (["--scenario", "burst"], "'burst' is not one of"),
        (["--scenario", "periodic", "--hz", "0"], "0.0 is not in the range"),
        (["--scenario", "periodic", "--hz", "nan"], "'--hz': nan is not a number."),
        (
            ["--scenario", "periodic", "--hz", "0.01", "--processes", "2"],
            "--hz 0.01 for 3 s is less than one call for each of 2 processes; give --duration 200 or more",
        ),
        (["--hz", "30"], "--hz is the pace of --scenario periodic; give that, too"),
    ],
)
def test_wrong_words(fmnist, tmp_path, arguments, complaint):
    result = fmnist("bench", INT8, *arguments)
    assert result.returncode == 2
    assert complaint in result.stderr
    assert not any(tmp_path.iterdir())


def test_a_model_that_fails_stops_no_other(int8, fmnist, tmp_path):
    """One answers NaN for dark images. The first is bright, so that it fails in its warm-up."""
    (tmp_path / "nan.onnx").write_bytes(foreign_onnx.nan_when_dark())
    result = fmnist(
        *("bench", "nan.onnx", int8, "absent.tflite", "--dataset", "fashion-mnist"),
        *("--duration", 0.06, "--processes", 3, "--json", "bench.json"),
    )
    assert result.returncode == 1
    assert sorted(told(result.stderr)) == [
        "fmnist: absent.tflite: no such file; give the path of a model file",
        "fmnist: nan.onnx: answers NaN or infinity instead of probabilities; export it again",
    ]
    assert "model-int8.tflite" in result.stdout
    assert "nan.onnx" not in result.stdout
    record = json.loads((tmp_path / "bench.json").read_text())
    assert [(model["name"], len(model["processes"])) for model in record["models"]] == [(int8.name, 3)]
    assert {Path(failure["path"]).name for failure in record["failures"]} == {"nan.onnx", "absent.tflite"}


def test_a_model_that_fails_midway_has_no_figures(int8, tmp_path, t10k):
    """Deleted after the second process: what it had measured by then is of a model that is not there."""
    gone = Path(shutil.copy(int8, tmp_path / "gone.tflite"))
    configurations = [Configuration(path, "tflite", 1, 1) for path in (int8, gone)]
    done = []

    def on_process():
        done.append(None)
        if len(done) == 2:
            gone.unlink()

    benchmark = measure(configurations, t10k.images, Method(seconds=0.06, processes=3), on_process)
    [result] = benchmark.models
    assert (result.path, len(result.processes)) == (int8, 3)
    [failure] = benchmark.failures
    assert failure.error == f"{gone}: no such file; give the path of a model file"
    assert len(done) == 5  # it was not tried again


def test_a_model_that_is_replaced_midway_has_no_figures(int8, t10k):
    """They would be of two models."""
    configuration = Configuration(int8, "tflite", 1, 1)

    def on_process():
        shutil.copy(EXPORT / "model-float32.tflite", int8)

    benchmark = measure([configuration], t10k.images, Method(seconds=0.06, processes=3), on_process)
    assert benchmark.models == ()
    [failure] = benchmark.failures
    assert failure.error == f"{int8}: was replaced while it was timed; run fmnist bench again"


def test_an_engine_that_crashes_stops_no_other(int8, tmp_path, t10k, monkeypatch):
    """As if a worker's engine had a fault: the process of one configuration is killed by a signal."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif any('crash.tflite' in word for word in sys.orig_argv): os.kill(os.getpid(), 11)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    crashing = Path(shutil.copy(int8, tmp_path / "crash.tflite"))
    configurations = [Configuration(path, "tflite", 1, 1) for path in (crashing, int8)]
    benchmark = measure(configurations, t10k.images, Method(seconds=0.02, processes=1))
    assert [result.path for result in benchmark.models] == [int8]
    [failure] = benchmark.failures
    assert failure.error == f"{crashing}: its engine crashed (SIGSEGV); it cannot be timed here"


def test_nothing_timed_is_no_result(fmnist, tmp_path):
    result = fmnist(
        "bench", "absent.tflite", "gone.onnx", "--dataset", "fashion-mnist", "--json", "bench.json"
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert len(told(result.stderr)) == 1
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("train.json", "a model file ends in .tflite or .onnx or .npz or .c, not .json"),
        ("reference.npz", "not an npz model that fmnist export wrote"),
        ("export", "is a directory; give the path of a model file"),
    ],
)
def test_a_file_of_a_run_that_is_no_model(fmnist, name, complaint):
    """The original, which stands beside it, is no result."""
    result = fmnist("bench", TINY / name)
    assert (result.returncode, result.stdout) == (1, "")
    [line] = told(result.stderr)
    assert line.startswith(f"fmnist: {TINY / name}: {complaint}")


def test_an_original_alone_is_no_result(tmp_path, fmnist):
    """The artifact is whole enough to say which images it takes, and is run by nothing."""
    shutil.copytree(TINY, tmp_path / "run")
    path = tmp_path / "run" / "export" / "model-float32.onnx"
    (tmp_path / "run" / "export" / "model-int8.tflite").write_bytes(path.read_bytes())
    words = ("--dataset", "fashion-mnist", "--processes", 1, "--duration", 0.01, "--json", "bench.json")
    result = fmnist("bench", "run/export/model-int8.tflite", *words)
    assert (result.returncode, result.stdout) == (1, "")
    assert "run/export/model-int8.tflite: " in result.stderr
    assert not (tmp_path / "bench.json").exists()


def test_a_run_beside_other_models(fails):
    line = fails("bench", INT8, TINY)
    assert (
        f"{TINY}: is a run, which must be the only argument; or name files, such as {TINY}/export/model-*"
        in line
    )


def test_when_every_model_has_failed_the_harness_does_not_go_on(tmp_path, t10k):
    done = []
    configurations = [Configuration(tmp_path / "absent.tflite", "tflite", 1, 1), harness(1)]
    benchmark = measure(
        configurations, t10k.images, Method(seconds=0.02, processes=50), lambda: done.append(None)
    )
    assert len(done) == 2
    assert len(benchmark.failures) == 1


def test_images_that_do_not_fit(int8, fmnist, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    for split in ("train", "t10k"):
        write_idx(small / f"{split}-images-idx3-ubyte", np.zeros((20, 8, 8), np.uint8))
        write_idx(small / f"{split}-labels-idx1-ubyte", np.arange(20, dtype=np.uint8) % 10)
    result = fmnist("bench", int8, "--dataset", small)
    assert result.returncode == 1
    assert (
        "takes images of shape 28×28, but these are 8×8; name the data set it was trained on with --dataset"
        in result.stderr
    )


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(header + array.tobytes())


def test_no_room_for_the_images_is_told(int8, tmp_path):
    """No file may have more than 100 kB; a thousand images have 784."""
    limited = ("import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
               "sys.argv[0] = 'fmnist'; from fmnist.cli.main import main; main()")  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-c", limited, "bench", int8],
        cwd=tmp_path,
        env={**os.environ, "FMNIST_DATA": str(DATA)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("fmnist: bench: the images have no room among temporary files (")
    assert result.stderr.endswith("); name another folder for those in TMPDIR\n")


def test_ctrl_c_prints_what_is_done_so_far(int8, tmp_path):
    """Pressed on a terminal, after the third of a thousand rounds: figures, JSON, and that it was stopped.

    No limit is judged then.
    """
    words = ("bench", int8, "--json", "bench.json", "--duration", "10", "--processes", "1000")
    words += ("--assert", "p50<1ns")
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fmnist", *words],
        cwd=tmp_path,
        env={**os.environ, "FMNIST_DATA": str(DATA), "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=terminal,
    )
    os.close(terminal)
    seen = b""
    while b" 6/2000" not in seen:
        seen += os.read(screen, 1000)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()
    seen += os.read(screen, 1000)
    os.close(screen)
    assert process.returncode == 1
    assert b" left" in seen
    text = output.decode()
    assert text.startswith("model ")
    assert "model-int8.tflite" in text
    assert "p50<1ns" not in text
    record = json.loads((tmp_path / "bench.json").read_text())
    assert "assertions" not in record
    rounds = record["rounds"]
    assert 3 <= rounds < 1000
    assert f"stopped after {rounds} of 1000 rounds" in seen.decode()
    assert f"{rounds} fresh processes each" in text


def test_ctrl_c_before_anything_was_timed(int8, t10k):
    def stop():
        raise KeyboardInterrupt

    configurations = [Configuration(int8, "tflite", threads, 1) for threads in (1, 2)]
    benchmark = measure(configurations, t10k.images, Method(seconds=0.02, processes=2), stop)
    assert benchmark.rounds == 0
    [result] = benchmark.models  # of the process that was done when it was pressed
    assert len(result.processes) == 1
