"""``fmnist deploy`` with real bundles: installed from wheels, and measured by the engine itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from support import TINY, run_fmnist, sshd

from fmnist_runtime.recorded import read_reference, write_reference

QUICK = ("--format", "tflite", "--duration", "0.3", "--processes", "2", "--json", "deploy.json")
TO_BOTH = ("--host", "pi", "--host", "shut")


@dataclass
class Deployed:
    """A deployment to a device that works and to one that refuses the connection."""

    network: sshd.Network
    folder: Path
    run: Path
    home: Path
    code: int
    table: list[str]
    said: list[str]
    record: dict

    def again(self, *arguments: object):
        return run_fmnist(self.folder, "deploy", *arguments, *QUICK, environment=self.network.environment)

    def json(self) -> dict:
        return json.loads((self.folder / "deploy.json").read_text())


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    sshd.require()
    folder = tmp_path_factory.mktemp("a workstation")
    network = sshd.Network(folder / "network")
    network.add("pi", folder / "home of pi")
    network.add_closed("shut")
    run = Path(shutil.copytree(TINY, folder / "runs" / "a tiny run"))
    found = Deployed(network, folder, run, folder / "home of pi", 0, [], [], {})
    result = found.again(*TO_BOTH)
    found.code, found.record = result.returncode, found.json()
    found.table, found.said = result.stdout.splitlines(), result.stderr.splitlines()
    yield found
    network.close()


def test_one_table_for_all_devices(deployed):
    header, _, *rows = deployed.table[1:]
    assert header.split("  ")[0] == "device"
    models = [row for row in rows if row.startswith("pi ")]
    assert [row.split("tflite ")[1].split()[:2] for row in models] == [
        ["float32", "pass"],
        ["int8", "pass"],
        ["int8-full", "pass"],
    ]
    [shut] = (row for row in rows if row.startswith("shut "))
    assert shut.split() == ["shut", "-", "-", "failed", "-", "-", "-", "-", "-"]
    assert rows[-2:] == [
        "runs/a tiny run/devices: everything above, and more, as JSON",
        "to look at it: fmnist report 'runs/a tiny run'",
    ]


def test_a_device_that_fails_is_said_and_told_by_the_exit_code(deployed):
    assert deployed.code == 1
    assert deployed.said[-1] == (
        "fmnist: shut: refuses connections; is SSH switched on there? (sudo raspi-config); nothing was sent"
    )
    assert any(line.startswith("shut | ssh: connect to host") for line in deployed.said)


def test_the_result_says_what_was_sent_where(deployed):
    assert deployed.record["schema"] == "fmnist.deploy/1"
    pi, shut = deployed.record["devices"]
    assert (pi["host"], pi["outcome"], pi["already_there"], pi["failure"]) == ("pi", "done", False, None)
    assert pi["version"] == (deployed.home / "fmnist" / "current").readlink().name
    assert pi["sent_bytes"] == sum(
        path.stat().st_size for path in (deployed.home / "fmnist" / "files").iterdir()
    )
    assert pi["probe"]["environment"]["machine"] == "x86_64"
    assert (shut["host"], shut["outcome"], shut["sent_bytes"], shut["probe"]) == ("shut", "failed", 0, None)


def test_what_the_device_found_lies_in_the_run(deployed):
    here = run_fmnist(deployed.folder, "eval", "--json", "eval.json")
    assert here.returncode == 0, here.stderr
    wanted = {
        model["name"]: model["correct"]
        for model in json.loads((deployed.folder / "eval.json").read_text())["models"]
    }
    there = json.loads((deployed.run / "devices/pi/eval.json").read_text())
    found = {model["name"]: model["correct"] for model in there["models"]}
    assert found.items() <= wanted.items()
    assert len(found) == 4  # the original, by its recorded scores, and three artifacts
    assert {path.name for path in (deployed.run / "devices/pi").iterdir()} == {
        "doctor.json",
        "eval.json",
        "parity.json",
        "bench.json",
    }


def test_again_nothing_is_sent(deployed):
    result = deployed.again("--host", "pi")

    assert result.returncode == 0, result.stderr
    [pi] = deployed.json()["devices"]
    assert (pi["sent_bytes"], pi["already_there"], len(pi["models"])) == (0, True, 3)


def test_a_model_that_drifted_fails_its_gate_on_the_device(deployed, tmp_path):
    spoiled = Path(shutil.copytree(TINY, tmp_path / "spoiled"))
    reference = read_reference(spoiled / "reference.npz")
    scores = reference.scores.copy()
    scores[:, [3, 5]] = scores[:, [5, 3]]  # an original for which dresses are sandals
    write_reference(spoiled / "reference.npz", replace(reference, scores=np.ascontiguousarray(scores)))

    current = deployed.home / "fmnist" / "current"
    before = current.readlink().name

    result = deployed.again(spoiled, "--host", "pi", "--host", "shut")

    assert result.returncode == 3, result.stderr
    pi = deployed.json()["devices"][0]
    assert pi["outcome"] == "drifted"
    reason = (
        f"version {pi['version']} fails its gate there in 3 of 3 models; version {before} stays in use there"
    )
    assert pi["failure"] == f"pi: {reason}"
    assert f"fmnist: pi: {reason}" in result.stderr.splitlines()
    assert current.readlink().name == before != pi["version"]
    results = {path.name for path in (spoiled / "devices/pi").iterdir()}
    assert results == {"doctor.json", "eval.json", "parity.json"}
    assert result.stdout.count("FAIL") == 3
    assert pi["sent_bytes"] < 2_000_000  # what it has already, such as wheels and test images, is not sent


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing option '--host'"),
        (("--host=-oProxyCommand=touch owned",), "is not a destination of ssh"),
        (("--host", ""), "is not a destination of ssh"),
        (("--host", "pi\n"), "is not a destination of ssh"),
        (("--host", "pi", "--host", "pi"), "is given twice"),
        (("--host", "a", "--host", "a"), "is given twice"),  # of one letter, Python has one object
        (("--host", "ssh://pi:22", "--host", "pi_22"), "would share a folder of results"),
        (("--host", "pi", "--format", "pdf"), "--format"),
    ],
)
def test_what_cannot_be_meant(tiny, fmnist, tmp_path, arguments, words):
    result = fmnist("deploy", tiny, *arguments)

    assert result.returncode == 2
    assert words in result.stderr
    assert not (tmp_path / "owned").exists()
    assert not (tiny / "devices").exists()


def test_what_is_no_run_is_not_deployed(fails, tmp_path):
    assert "is not a run" in fails("deploy", tmp_path, "--host", "pi")
