"""The program that is sent to a machine, and what it answers."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from support.machines import PI5, PI_ZERO, probe_of

from fmnist.devices.remote_probe import SCHEMA, program, read_reply
from fmnist_runtime.errors import DeviceError
from fmnist_runtime.machine.probe import read_probe

OTHER_VERSION = "import sys\nsys.version_info = (3, 9, 2, 'final', 0)\n"


def run(text: str, folder: Path) -> str:
    """What Python prints that has nothing but itself: no folder of ours, no packages, no variables."""
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-"],
        input=text,
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    assert result.returncode == 0
    assert list(folder.iterdir()) == []
    return result.stdout


def reply(probe) -> dict:
    return {"schema": SCHEMA, "probe": asdict(probe)}


def test_it_needs_nothing_but_python(tmp_path):
    answer = run(program(), tmp_path)
    assert answer.count("\n") == 1
    there, here = read_reply(answer), read_probe()
    assert there.environment.packages == {}
    assert replace(there.environment, packages={}) == replace(here.environment, packages={})
    assert (there.processor, there.features, there.libc) == (here.processor, here.features, here.libc)


def test_an_older_python_tells_its_version(tmp_path):
    answer = json.loads(run(OTHER_VERSION + program(), tmp_path))
    assert answer == {"schema": SCHEMA, "python": sys.version.split()[0]}


def test_it_is_in_the_syntax_of_old_pythons():
    text = program()
    assert text.isascii()
    ast.parse(text, feature_version=(3, 7))


def test_an_old_python_is_told_of_with_what_mends_it():
    with pytest.raises(DeviceError) as caught:
        read_reply(json.dumps({"schema": SCHEMA, "python": "3.9.2"}))
    assert str(caught.value) == (
        "Python 3.9.2 is too old: fmnist needs 3.11; install Raspberry Pi OS bookworm or newer"
    )


@pytest.mark.parametrize("machine", [PI5, PI_ZERO])
def test_a_probe_comes_back_as_it_was(tmp_path, machine):
    probe = probe_of(machine, tmp_path)
    noise = 'Linux raspberrypi 6.12.25\n{"schema": 1}\n[]\n'
    assert read_reply(f"{noise}{json.dumps(reply(probe))}\nlogout\n") == probe


@pytest.mark.parametrize("text", ["", "bash: python3: command not found\n", "{}\n", "[" * 100_000, "null"])
def test_no_answer(text):
    with pytest.raises(DeviceError, match=r"did not answer with a probe; .*python3 --version"):
        read_reply(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bits", "64"),
        ("bits", True),
        ("bits", None),
        ("features", "NEON"),
        ("features", [1]),
        ("environment", None),
        ("environment", {}),
        ("state", []),
        ("frequency_max_mhz", "fast"),
        pytest.param("frequency_max_mhz", 10**400, id="frequency_max_mhz-huge"),
        pytest.param("free_bytes", 10**400, id="free_bytes-huge"),
        ("time_utc", "yesterday"),
        ("time_utc", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_a_damaged_answer(tmp_path, field, value):
    answer = reply(probe_of(PI5, tmp_path))
    answer["probe"][field] = value
    with pytest.raises(DeviceError, match="it answered with a damaged probe"):
        read_reply(json.dumps(answer))


def test_an_answer_without_a_field(tmp_path):
    answer = reply(probe_of(PI5, tmp_path))
    del answer["probe"]["libc"]
    with pytest.raises(DeviceError, match="libc"):
        read_reply(json.dumps(answer))
