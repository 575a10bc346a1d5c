"""Devices to deploy to: real sshds on loopback, whose commands run in the test's own home folder."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

_PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
SSHD, SSH, KEYGEN = (shutil.which(name, path=_PLACES) for name in ("sshd", "ssh", "ssh-keygen"))
_SYSTEM = "/usr/bin:/bin"
_SHIM = """#!{python}
# ssh with the test's configuration. Where a file `cut` is, the connection dies after so many bytes of input.
import os, subprocess, sys
from pathlib import Path

command = ["{ssh}", "-F", "{folder}/config", *sys.argv[1:]]
cut = Path("{folder}/cut")
if not cut.exists():
    os.execv(command[0], command)
left = int(cut.read_text())
child = subprocess.Popen(command, stdin=subprocess.PIPE)
while left and (chunk := os.read(0, min(left, 65536))):
    child.stdin.write(chunk)
    child.stdin.flush()
    left -= len(chunk)
if not left:
    cut.unlink()
    child.kill()
child.stdin.close()
code = child.wait()
sys.exit(code if code >= 0 else 255)
"""


def require() -> None:
    """Skip the test if there is no sshd."""
    if not (SSHD and SSH and KEYGEN):
        pytest.skip("sshd is not installed: apt-get install openssh-server")


class Network:
    """Some devices, and an ``ssh`` that only knows them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        _key(folder / "user")
        shim = self.bin / "ssh"
        shim.write_text(_SHIM.format(python=sys.executable, ssh=SSH, folder=folder))
        shim.chmod(0o755)
        self._servers: list[subprocess.Popen[str]] = []
        self._config(
            "*",
            HostName="127.0.0.1",
            User=getpass.getuser(),
            IdentityFile=folder / "user",
            IdentitiesOnly="yes",
            UserKnownHostsFile=folder / "known_hosts",
            GlobalKnownHostsFile="/dev/null",
            StrictHostKeyChecking="ask",
        )

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make the command use that ``ssh``."""
        return {"PATH": f"{self.bin}:{os.environ['PATH']}"}

    def cut_after(self, count: int) -> None:
        """Cut the next connection after it has sent this many bytes."""
        (self.folder / "cut").write_text(str(count))

    def add(
        self,
        name: str,
        home: Path,
        entering: Sequence[str] | None = None,
        banner: str = "",
        known: bool = True,
    ) -> None:
        """Start a device.

        Args:
            name: The device's name for ``ssh``.
            home: The home folder in which commands run.
            entering: The command before the shell of each command; None for an empty environment with this
                machine's Python.
            banner: Output of the start-up files before every command.
            known: Whether its host key is known.
        """
        own = self.folder / name
        own.mkdir()
        home.mkdir(parents=True, exist_ok=True)
        _key(own / "host")
        enter = entering if entering is not None else environment(home, tools(own / "bin"))
        command = f'{shlex.join(enter)} sh -c \'cd; eval "$0"\' "$SSH_ORIGINAL_COMMAND"'
        land = own / "land"
        land.write_text(f"#!/bin/sh\nprintf %s {shlex.quote(banner)}\nexec {command}\n")
        land.chmod(0o755)
        port = self._start(own, land)
        self._config(name, Port=port)
        if known:
            key = (own / "host.pub").read_text()
            with (self.folder / "known_hosts").open("a") as file:
                file.write(f"[127.0.0.1]:{port} {key}")

    def add_closed(self, name: str) -> None:
        """Add a device that refuses connections."""
        self._config(name, Port=_free_port())

    def add_stranger(self, name: str) -> None:
        """Add a name without a host (RFC 6761)."""
        self._config(name, HostName="nowhere.invalid")

    def change_host_key(self, name: str) -> None:
        """Replace the known host key of a device by another one."""
        other = self.folder / name / "other"
        _key(other)
        old, new = ((self.folder / name / file).read_text().split()[1] for file in ("host.pub", "other.pub"))
        known = self.folder / "known_hosts"
        known.write_text(known.read_text().replace(old, new))

    def forget_key(self, name: str) -> None:
        """Make a device reject the user."""
        (self.folder / name / "authorized").write_text("")

    def close(self) -> None:
        """Stop all devices."""
        for server in self._servers:
            server.kill()
            server.communicate()
        self._servers.clear()

    def _config(self, name: str, **settings: object) -> None:
        # ssh takes the first value it finds, so what holds for all stands last.
        path = self.folder / "config"
        lines = "".join(f"    {key} {_quoted(value)}\n" for key, value in settings.items())
        path.write_text(f"Host {name}\n{lines}{path.read_text() if path.exists() else ''}")

    def _start(self, own: Path, land: Path) -> int:
        shutil.copy(self.folder / "user.pub", own / "authorized")
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd separates its privileges there
        port = _free_port()
        settings = {
            "ListenAddress": "127.0.0.1",
            "Port": port,
            "HostKey": own / "host",
            "AuthorizedKeysFile": own / "authorized",
            "PidFile": "none",
            "ForceCommand": f"exec {shlex.quote(str(land))}",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "PermitRootLogin": "yes",
            "UsePAM": "no",
            "StrictModes": "no",
            "MaxStartups": 100,
        }
        lines = (
            f"{key} {value if key == 'ForceCommand' else _quoted(value)}\n" for key, value in settings.items()
        )
        (own / "sshd_config").write_text("".join(lines))
        assert SSHD
        server = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(own / "sshd_config")], stderr=subprocess.PIPE, text=True
        )
        self._servers.append(server)
        assert server.stderr
        said = []
        while "Server listening" not in (line := server.stderr.readline()):
            said.append(line)
            assert line, f"sshd did not start: {said}"
        return port


def environment(home: Path, path: str) -> list[str]:
    """Return a fresh environment with a home folder and a search path."""
    return ["env", "-i", f"HOME={home}", f"PATH={path}", "LANG=C.UTF-8"]


def tools(folder: Path, preamble: str = "") -> str:
    """Return a search path with this Python as ``python3``.

    Args:
        folder: Where to put it.
        preamble: Python code that it runs first, to pretend to be another Python.
    """
    number = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if preamble:  # in an environment of its own, which has no packages
        venv.create(folder, symlinks=True)
        (folder / "lib" / number / "site-packages" / "sitecustomize.py").write_text(preamble)
        return f"{folder / 'bin'}:{_SYSTEM}"
    folder.mkdir(parents=True)
    (folder / "python3").symlink_to(Path(sys.base_prefix) / "bin" / number)
    return f"{folder}:{_SYSTEM}"


def without_python(folder: Path) -> str:
    """Return a search path with a shell and little else."""
    folder.mkdir(parents=True)
    for name in ("sh", "cat"):
        (folder / name).symlink_to(shutil.which(name, path=_SYSTEM) or name)
    return str(folder)


def _key(path: Path) -> None:
    assert KEYGEN
    subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


def _quoted(value: object) -> str:
    return f'"{value}"'


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
