"""The emulated boards are what the other tests take them for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from arm64.emulated_pi import USER, EmulatedPi
from arm64.kept import keep


def shell(pi: EmulatedPi, home: Path, command: str) -> str:
    done = pi.run("sh", "-c", command, home=home)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_is_the_board_it_says(pi: EmulatedPi, tmp_path: Path) -> None:
    machine = {"arm64": "aarch64", "armhf": "armv7l"}[pi.system.architecture]
    assert shell(pi, tmp_path, "uname -m") == machine
    assert shell(pi, tmp_path, "python3 --version").startswith(f"Python {pi.system.python}.")
    assert shell(pi, tmp_path, "grep -c ^processor /proc/cpuinfo") == "4"
    assert shell(pi, tmp_path, "grep ^Model /proc/cpuinfo").endswith(pi.system.board)
    assert shell(pi, tmp_path, "cat /sys/devices/system/cpu/possible") == "0-3"


def test_its_user_can_write_at_home_and_nowhere_else(pi: EmulatedPi, tmp_path: Path) -> None:
    assert shell(pi, tmp_path, "whoami; pwd; echo mine > file; cat file") == "pi\n/home/pi\nmine"
    assert (tmp_path / "file").read_text() == "mine\n"
    assert (tmp_path / "file").stat().st_uid == USER
    assert pi.run("touch", "/usr/bin/anything", home=tmp_path).returncode == 1
    shell(pi, tmp_path, "touch /tmp/gone")
    assert pi.run("test", "-e", "/tmp/gone", home=tmp_path).returncode == 1


def test_it_has_no_network(pi: EmulatedPi, tmp_path: Path) -> None:
    connect = "import socket; socket.create_connection(('192.0.2.1', 80))"
    assert "Network is unreachable" in pi.run("python3", "-c", connect, home=tmp_path).stderr


def test_bytes_and_exit_codes_pass(pi: EmulatedPi, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    command = [*pi.entering(tmp_path), "sh", "-c", "cat; exit 7"]
    done = subprocess.run(command, input=content, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (7, content)
    assert pi.run("sh", "-c", "kill -ABRT $$", home=tmp_path).returncode == 128 + 6


def test_nothing_of_this_machines_environment_gets_in(
    pi: EmulatedPi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/of/this/machine")
    command = 'echo "$PYTHONPATH-$GIVEN"'
    assert pi.run("sh", "-c", command, home=tmp_path, env={"GIVEN": "a b"}).stdout == "-a b\n"


def test_what_is_kept_is_whole_and_made_once(tmp_path: Path) -> None:
    made = []

    def make(folder: Path) -> None:
        folder.mkdir()
        made.append(folder)
        if len(made) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep(tmp_path / "it", make)
    assert not (tmp_path / "it").exists()
    for _ in range(2):
        keep(tmp_path / "it", make)
    assert len(made) == 2
