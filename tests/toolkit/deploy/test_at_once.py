"""Two deployments to one device, and the user who ends one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.handmade import INSTALL, answering, handmade

WAIT = 'echo > "$HOME/begun"; cat "$HOME/go on"'
"""Says when it has begun, and waits until it is told to go on."""
WAITING = f"{INSTALL}{WAIT}\n"
"""An installation that does so."""
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import fmnist.deploy.deployment
from support.handmade import handmade
from test_at_once import waiting_at
fmnist.deploy.deployment.make_bundle = lambda *_, **__: waiting_at({step!r})
sys.argv = ["fmnist", "deploy", {run!r}, "--host", "pi"]
from fmnist.cli.main import main
main()
"""


def waiting_at(step):
    """A bundle that waits as it is installed, or measured by a verb."""
    if step == "install":
        return handmade("second", install=WAITING)
    return handmade("second", command=answering(step, WAIT))


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


@pytest.mark.parametrize("verb", ["doctor", "bench"])
def test_nothing_is_installed_beside_what_is_measured(deploy, deploy_beside, waiting_pi, verb):
    wait = f"{WAIT}; cat results/{verb}.json"
    first, second = handmade("first", command=answering(verb, wait)), handmade("second")

    finished, refused = deploy_beside(first, second)

    assert "another deployment is under way there" in str(refused.failure)
    assert finished.failure is None
    assert (waiting_pi / "fmnist" / "current").readlink().name == first.version
    assert deploy(second).failure is None


@pytest.mark.parametrize(
    ("step", "switched"), [("install", False), ("eval", False), ("parity", False), ("bench", True)]
)
def test_ctrl_c_ends_what_runs_there_and_says_what_is_in_use(
    deploy, waiting_pi, network, tiny, step, switched
):
    from support import ROOT

    first = handmade("first")
    assert deploy(first).failure is None
    places = [str(ROOT / "tests"), str(ROOT / "tests/toolkit/deploy")]
    code = f"import sys; sys.path[:0] = {places!r}" + PROGRAM.format(
        tests=places[0], run=str(tiny), step=step
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **network.environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    (waiting_pi / "begun").read_text()
    child.send_signal(signal.SIGINT)
    _, said = child.communicate()

    version = waiting_at(step).version
    stays = f"version {first.version} stays in use there"
    is_used = f"version {version} is in use there, but its results are not all here"
    assert child.returncode == 1, said
    assert said.splitlines()[-1] == f"fmnist: pi: interrupted; {is_used if switched else stays}"
    used = version if switched else first.version
    assert (waiting_pi / "fmnist" / "current").readlink().name == used
    outcome = deploy(handmade("another"))  # which waits until the device has ended the first
    assert outcome.failure is None
    assert {path.name for path in (waiting_pi / "fmnist" / "versions").iterdir()} == {used, outcome.version}
