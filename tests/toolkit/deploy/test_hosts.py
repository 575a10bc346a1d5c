"""Devices that cannot be talked to, or cannot take anything; each in a line that says what to do."""

from __future__ import annotations

import pytest
from support import sshd
from support.handmade import handmade


def reason(deploy, host="pi"):
    [outcome] = deploy(handmade(), host)
    assert outcome.failure.startswith(f"{host}: ")
    assert outcome.failure.endswith("; nothing was sent")
    assert outcome.sent_bytes == 0
    return outcome.failure.removeprefix(f"{host}: ").removesuffix("; nothing was sent")


def test_a_host_that_refuses_connections(deploy, network):
    network.add_closed("pi")

    assert reason(deploy) == "refuses connections; is SSH switched on there? (sudo raspi-config)"


def test_a_host_that_is_unknown(deploy, network):
    network.add_stranger("pi")

    assert reason(deploy) == "there is no host of that name; check it, or give its address"


@pytest.mark.parametrize("host", ["@pi", "ssh://pi:99999", "a pi", "pi;true"])
def test_what_ssh_takes_for_no_host(deploy, host):
    assert reason(deploy, host) == "is not a destination of ssh; use a form such as pi@raspberrypi.local"


def test_a_host_that_never_answers(deploy, network, tmp_path, monkeypatch):
    monkeypatch.setattr("fmnist.deploy.ssh.TIMEOUT_S", 1.0)
    network.add("pi", tmp_path / "home", ["sh", "-c", "echo Welcome; sleep 30", "sh"])

    assert reason(deploy) == "does not respond for 1 s; log in and see what it waits for: ssh pi"


def test_a_host_whose_python_never_ends(deploy, network, tmp_path, monkeypatch):
    monkeypatch.setattr("fmnist.deploy.ssh.TIMEOUT_S", 1.0)
    path = sshd.tools(tmp_path / "bin", "import time\ntime.sleep(30)")
    network.add("pi", tmp_path / "home", sshd.environment(tmp_path / "home", path))

    assert reason(deploy) == "does not respond for 1 s; log in and see what it waits for: ssh pi"


def test_a_host_key_that_was_never_seen(deploy, network, tmp_path):
    network.add("pi", tmp_path / "home", known=False)

    assert reason(deploy) == "is not known yet; look at its host key once: ssh pi"


def test_a_host_key_that_changed(deploy, network, pi):
    network.change_host_key("pi")

    assert reason(deploy).startswith("has another host key than before")


def test_a_host_that_knows_no_key_of_ours(deploy, network, pi):
    network.forget_key("pi")

    assert reason(deploy) == (
        "asks for a password; copy your key to it once: ssh-copy-id pi (or unlock it: ssh-add)"
    )


def test_a_host_without_python(deploy, network, tmp_path):
    path = sshd.without_python(tmp_path / "bin")
    network.add("pi", tmp_path / "home", sshd.environment(tmp_path / "home", path))

    assert reason(deploy) == "there is no python3; sudo apt install python3"


@pytest.mark.parametrize(
    ("preamble", "words"),
    [
        (
            "import platform, sys\nsys.version_info = (3, 9, 2, 'final', 0)\n"
            "platform.python_version = lambda: '3.9.2'",
            "Python 3.9.2 is too old",
        ),
        (
            "import platform\nplatform.machine = lambda: 'riscv64'",
            "no engine has wheels for riscv64, and there is no NumPy",
        ),
        ("import platform\nplatform.system = lambda: 'Darwin'", "wrong system: bundles are for Linux"),
    ],
)
def test_a_machine_that_cannot_run_it(deploy, network, tmp_path, preamble, words):
    path = sshd.tools(tmp_path / "bin", preamble)
    network.add("pi", tmp_path / "home", sshd.environment(tmp_path / "home", path))

    assert words in reason(deploy)


def test_what_is_amiss_with_a_machine_is_said_before_it_is_sent_anything(deploy, network, tmp_path, capsys):
    free = (
        "import shutil\nshutil.disk_usage = lambda _: shutil._ntuple_diskusage(10**9, 6 * 10**8, 4 * 10**8)"
    )
    path = sshd.tools(tmp_path / "bin", free)
    network.add("pi", tmp_path / "home", sshd.environment(tmp_path / "home", path))

    assert deploy(handmade()).failure is None

    said = capsys.readouterr().err.splitlines()
    assert said[0] == "pi: probe"
    assert "pi: disk: 400 MB free at home; two bundles side by side need 500 MB; " in said[1]


def test_a_machine_without_ssh(deploy, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert reason(deploy).endswith("sudo apt install openssh-client")


def test_what_start_up_files_print_is_passed_over(deploy, network, tmp_path):
    banner = '{"schema": "fmnist.probe/1", "python": "2.7"}\n\x1b[2JWelcome to my Pi! '
    network.add("pi", tmp_path / "home", banner=banner)

    assert deploy(handmade()).failure is None


def test_start_up_files_that_print_for_ever_are_given_up(deploy, network, tmp_path):
    network.add("pi", tmp_path / "home", ["sh", "-c", "yes", "sh"])

    assert reason(deploy) == "sends more output than expected; see what it prints: ssh pi true"


def test_what_a_device_says_cannot_move_the_cursor(deploy, network, tmp_path):
    network.add("pi", tmp_path / "home", ["sh", "-c", "printf '\\033[2Jgone\\n' >&2; exit 1", "sh"])

    assert "\x1b" not in reason(deploy)


def test_one_that_fails_stops_no_other(deploy, network, pi):
    network.add_closed("shut")
    bundle = handmade()

    shut, works = deploy(bundle, "shut", "pi")

    assert shut.failure is not None
    assert works.failure is None
    assert (pi / "fmnist" / "current").readlink().name == bundle.version


def test_files_in_the_home_folder_do_not_take_the_place_of_pythons_own(deploy, pi):
    for name in ("types.py", "signal.py", "fmnist.py", "hashlib.py"):
        (pi / name).write_text("raise SystemExit('not meant')")

    assert deploy(handmade()).failure is None
