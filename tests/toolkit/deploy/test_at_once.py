"""Two deployments to one device, and the user who ends one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from handmade import COMMAND, INSTALL, handmade

WAITING = f'{INSTALL}echo > "$HOME/begun"\ncat "$HOME/go on"\n'
"""An installation that says when it has begun, and waits until it is told to go on."""
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import fmnist.deploy.deployment
from handmade import handmade
from test_at_once import WAITING
fmnist.deploy.deployment.make_bundle = lambda *_, **__: handmade(install=WAITING)
sys.argv = ["fmnist", "deploy", {run!r}, "--host", "pi"]
from fmnist.cli.main import main
main()
"""


@pytest.fixture
def waiting_pi(pi):
    for name in ("begun", "go on"):
        os.mkfifo(pi / name)
    return pi


@pytest.fixture
def deploy_beside(deploy, waiting_pi):
    """Deploy one bundle that waits, and meanwhile another; gives what became of both."""

    def run(first, second):
        with ThreadPoolExecutor() as pool:
            pending = pool.submit(deploy, first)
            (waiting_pi / "begun").read_text()
            meanwhile = deploy(second)
            (waiting_pi / "go on").write_text("")
            return pending.result(), meanwhile

    return run


def test_the_second_of_two_gives_way(deploy_beside, waiting_pi):
    first = handmade("first", install=WAITING)

    finished, refused = deploy_beside(first, handmade("second"))

    assert str(refused.failure) == (
        "pi: another deployment is under way there; try again in a minute; nothing was sent"
    )
    assert finished.failure is None
    assert (waiting_pi / "fmnist" / "current").readlink().name == first.version


def test_nothing_is_installed_beside_what_is_measured(deploy, deploy_beside):
    measuring = 'doctor) echo > "$HOME/begun"; cat "$HOME/go on"; cat results/doctor.json ;;\n    *)'
    first, second = handmade("first", command=COMMAND.replace("*)", measuring)), handmade("second")

    finished, refused = deploy_beside(first, second)

    assert "another deployment is under way there" in str(refused.failure)
    assert finished.failure is None
    assert deploy(second).failure is None


def test_ctrl_c_ends_the_installation_there_and_says_where_it_was(
    deploy, waiting_pi, network, tiny, tmp_path
):
    from support import ROOT

    places = [str(ROOT / "tests"), str(ROOT / "tests/toolkit/deploy")]
    code = f"import sys; sys.path[:0] = {places!r}" + PROGRAM.format(tests=places[0], run=str(tiny))
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **network.environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    (waiting_pi / "begun").read_text()
    child.send_signal(signal.SIGINT)
    _, said = child.communicate()

    version = handmade(install=WAITING).version
    assert child.returncode == 1, said
    assert said.splitlines()[-1] == (
        f"fmnist: pi: interrupted; whether version {version} is installed there is not known; try again"
    )
    outcome = deploy(handmade("another"))  # which waits until the device has ended the first
    assert outcome.failure is None
    assert [path.name for path in (waiting_pi / "fmnist" / "versions").iterdir()] == [outcome.version]
