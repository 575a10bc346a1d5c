"""C models on emulated processors: the same bits, and the memory that they take."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from typing import get_args

import numpy as np
import pytest
from support import TINY, TRAINS, run_fmnist
from support.c_models import dense_network, random_images, write_c_model

from fmnist.cli.options import TargetName
from fmnist.devices.emulation.session import EmulatedSession
from fmnist.devices.emulation.targets import HOST, TARGETS, CortexTarget
from fmnist_runtime.engines.session_options import SessionOptions
from fmnist_runtime.errors import MissingExtraError, ModelError

CORTEX = [name for name, target in TARGETS.items() if isinstance(target, CortexTarget)]


def require(target: str) -> None:
    try:
        TARGETS[target].require()
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.fixture
def model(tmp_path):
    return write_c_model(tmp_path / "made.c", dense_network())


@pytest.fixture(scope="module")
def cnn(tmp_path_factory):
    """The convolutional network of our tests, in int8."""
    if not TRAINS:
        pytest.skip("the extra train is not installed")
    from support import DATA
    from support.networks import train

    from fmnist_runtime.data.datasets import load_dataset

    folder = tmp_path_factory.mktemp("cnn")
    train("cnn", load_dataset("fashion-mnist", "train", DATA)).save(folder / "cnn.keras")
    arguments = ("--dataset", "fashion-mnist", "--input-range", "0-255", "--out", "cnn.c")
    result = run_fmnist(folder, "export", "cnn.keras", "--format", "c", "--quantize", "int8", *arguments)
    assert result.returncode == 0, result.stderr
    return folder / "cnn.c"


def test_the_option_knows_all_targets():
    assert get_args(TargetName) == (HOST, *TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_a_convolutional_network_gives_the_same_bits(cnn, t10k, target):
    require(target)
    with EmulatedSession(SessionOptions(cnn), target) as session:
        session.scores(t10k.images[:1000])
        assert session.identical == 1000


@pytest.mark.parametrize("target", CORTEX)
def test_inspect_says_what_memory_it_takes(model, tmp_path, target):
    """Weights, biases and scales alone are 63·21 + 21·8 + 5·22·4 bytes; the scratch has 21 bytes and 21 + 5
    floats, and the answer 5."""
    require(target)
    result = run_fmnist(tmp_path, "inspect", model, "--on", target, "--json", "inspect.json")
    assert result.returncode == 0, result.stderr
    footprint = json.loads((tmp_path / "inspect.json").read_text())["footprint"]
    assert footprint["target"] == target
    assert 63 * 21 + 21 * 8 + 22 * 5 * 4 < footprint["flash"] < 10_000
    assert 24 + 4 * 21 + 4 * 5 <= footprint["ram"] <= 24 + 4 * 21 + 8 * 5
    assert 0 < footprint["stack"] < 1000
    assert 63 * 21 < footprint["instructions"] < 40 * 63 * 21
    assert re.search(rf"^{target} +[\d,]+ bytes", result.stdout, re.MULTILINE)


def test_verify_runs_the_golden_images_there(model, tmp_path):
    require("aarch64")
    result = run_fmnist(tmp_path, "verify", model, "--on", "aarch64")
    assert result.returncode == 0, result.stderr
    assert "aarch64, emulated" in result.stdout


def test_eval_says_no_speed_of_an_emulator(tiny, fmnist):
    require("cortex-m4")
    assert fmnist("export", "runs/tiny/export/model-int8.tflite", "--format", "c").returncode == 0
    arguments = ("runs/tiny/export/model-int8.c", "--on", "cortex-m4", "--json", "eval.json")
    result = fmnist("eval", *arguments)
    assert result.returncode == 0, result.stderr
    [found] = json.loads((tiny.parents[1] / "eval.json").read_text())["models"]
    assert found["images_per_second"] is None
    assert found["engine"] == "cortex-m4, emulated"


def test_other_models_are_for_this_machine(fmnist):
    result = fmnist("eval", TINY / "export" / "model-int8.tflite", "--on", "cortex-m4")
    assert result.returncode == 1
    assert "only a C model runs on cortex-m4; make one with: fmnist export MODEL --format c" in result.stderr


@pytest.mark.parametrize(
    ("target", "needs"),
    [("cortex-m4", "apt-get install gcc-arm-none-eabi"), ("aarch64", "apt-get install qemu-user-static")],
)
def test_what_is_not_installed_is_named_with_what_installs_it(model, tmp_path, target, needs):
    if target == "aarch64" and find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed")
    result = run_fmnist(tmp_path, "verify", model, "--on", target, environment={"PATH": str(tmp_path)})
    assert result.returncode == 1
    assert needs in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_memory_is_measured_on_microcontrollers(model, tmp_path):
    result = run_fmnist(tmp_path, "inspect", model, "--on", "wasm")
    assert result.returncode == 1
    assert "flash and RAM are measured on a microcontroller: --on cortex-m0" in result.stderr


def test_what_does_not_fit_into_a_board_says_so(tmp_path):
    """The micro:bit has 256 kB of flash."""
    require("cortex-m0")
    model = write_c_model(tmp_path / "large.c", dense_network((50, 50), 130))
    with pytest.raises(ModelError, match="does not fit into the emulated microbit, 262 kB of flash"):
        EmulatedSession(SessionOptions(model), "cortex-m0")


def test_answers_are_counted_by_their_bits(model):
    require("wasm")
    images = random_images(dense_network(), 20)
    with EmulatedSession(SessionOptions(model), "wasm") as session:
        scores = session.scores(images)
        assert session.identical == 20
    assert np.isfinite(scores).all()
