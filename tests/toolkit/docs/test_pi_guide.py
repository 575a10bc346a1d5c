"""The commands in the guide to the Raspberry Pi work."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from support import ROOT, TINY
from typer.main import get_command

from fmnist.cli.main import app

GUIDE = (ROOT / "runtime" / "README.md").read_text(encoding="utf-8")
[CAMERA] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
PICAMERA2 = """
import numpy as np
from fmnist_runtime.data.datasets import load_dataset

class Picamera2:
    '''What it is of picamera2 that the example uses: a camera that sees test images, dark on light.'''

    def __init__(self):
        self._images = iter(load_dataset("fashion-mnist", "test").images[:5])

    def create_video_configuration(self, main):
        assert main["format"] == "YUV420"
        return main

    def configure(self, configuration):
        self._width, self._height = configuration["size"]
        assert self._width % 64 == 0

    def start(self):
        pass

    def capture_array(self):
        image = next(self._images, None)
        if image is None:
            raise SystemExit
        factors = self._height // image.shape[0], self._width // image.shape[1]
        brightness = np.kron(255 - image, np.ones(factors, np.uint8))
        colour = np.full((self._height // 2, self._width), 128, np.uint8)
        return np.concatenate([brightness, colour])
"""


def test_the_camera_example_names_what_it_sees(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "fashion-mnist").symlink_to(TINY)
    (tmp_path / "picamera2.py").write_text(PICAMERA2)
    (tmp_path / "camera.py").write_text(CAMERA)
    result = subprocess.run(
        [sys.executable, "camera.py"],
        cwd=tmp_path,
        env={**os.environ, "FMNIST_DATA": str(ROOT / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    seen = [line.rpartition(" ")[0] for line in result.stdout.splitlines()]
    assert seen == ["Ankle boot", "Pullover", "Trouser", "Trouser", "Shirt"]


def test_every_command_and_option_in_it_exists():
    commands = get_command(app).commands
    written = re.findall(r"\bfmnist ([a-z]+)([^\n`|&]*)", GUIDE)
    verbs = [(verb, re.findall(r"--[a-z-]+", rest)) for verb, rest in written]
    assert {verb for verb, _ in verbs} >= {
        "train",
        "export",
        "deploy",
        "bundle",
        "predict",
        "doctor",
        "parity",
    }
    for verb, options in verbs:
        known = {option for parameter in commands[verb].params for option in parameter.opts}
        assert set(options) <= known, verb
