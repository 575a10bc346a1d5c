"""The device's side of a deployment: report what is present, receive the rest, install, measure, switch.

Standard input has a request in a line of JSON, then a line ``go``, then the missing content. Each further
line is a command: arguments of the version's ``fmnist`` in JSON, or ``use`` to switch to it. Standard output
gets the answers, a line of JSON each: what is present, then the results of the installation and of each
command. A lock is held all the time, so that nothing else is installed, removed or measured.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fmnist.deploy.remote.command import TAIL
from fmnist.deploy.remote.store import (
    READ_TIMEOUT_S,
    DisconnectedError,
    RefusedError,
    Store,
    WantedFile,
    time_limit,
)
from fmnist.deploy.remote.versions import Versions

LOCK = "lock"
"""Created first and never removed, so a folder that has it is ours."""
_GATE_FAILED = 3
"""Exit code of ``install.sh`` if everything is installed, but an artifact fails its verification."""
_LOCK_TIMEOUT_S = 5
"""Another deployment may take a moment to notice that its connection is lost."""


def main() -> None:
    """Answer a request. If the workstation disconnects, the received files are kept."""
    line = sys.stdin.buffer.readline()
    if not line:
        return
    request = json.loads(line)
    files = [WantedFile(**file) for file in request["files"]]
    home = Path.home() / "fmnist"
    with suppress(DisconnectedError, BrokenPipeError):
        try:
            _make(home)
            _require_ours(home)
            with _locked(home) as lock:
                _deploy(home, lock, request["version"], files)
        except RefusedError as error:
            _answer({"refused": str(error)})
        except BrokenPipeError:
            raise
        except OSError as error:
            _answer({"refused": f"{error.filename or home} could not be written ({error.strerror})"})


def _make(home: Path) -> None:
    """Make the folder, if needed, and check that our links would not replace other files."""
    try:
        home.mkdir(exist_ok=True)
    except FileExistsError:
        raise RefusedError(f"{home} exists and is not a folder; rename it") from None
    for path in (home / "current", home / "previous"):
        if path.exists() and not path.is_symlink():
            raise RefusedError(f"{path} exists and is not from fmnist; rename it")


def _deploy(home: Path, lock: int, version: str, files: list[WantedFile]) -> None:
    store, versions = Store(home / "files"), Versions(home)
    with suppress(OSError):  # an unused version only takes space
        versions.tidy(version, files, store)
    present = store.present(files)
    works = all(present[file.sha256] == file.size for file in files) and versions.works(version, files, store)
    _answer(
        {
            "present": present,
            "works": works,
            "current": versions.linked("current"),
            "free_bytes": shutil.disk_usage(home).free,
        }
    )
    if _next_line() != b"go\n":
        raise DisconnectedError
    for file in {file.sha256: file for file in files}.values():
        if not store.path(file.sha256).is_file():
            store.receive(sys.stdin.buffer, file)
    code, log = (0, "") if works else _install(versions, lock, version, files, store)
    _answer({"code": code, "log": log if code else ""})
    while line := _next_line():
        if line == b"use\n":
            versions.switch(version)
            _answer({"current": version})
            with suppress(OSError):
                versions.tidy(version, files, store)
        else:
            _answer(asdict(versions.run(version, json.loads(line), lock)))


def _install(
    versions: Versions, lock: int, version: str, files: list[WantedFile], store: Store
) -> tuple[int, str]:
    """Place and install a version; remove it if it cannot be installed."""
    ended = None
    try:
        versions.place(version, files, store)
        ended = versions.install(version, lock)
        return ended.code, ended.output[-TAIL:]
    finally:
        if ended is None or ended.code not in (0, _GATE_FAILED):
            versions.discard(version)


def _next_line() -> bytes:
    """Return the next line of the workstation; empty at the end."""
    with time_limit(READ_TIMEOUT_S, DisconnectedError()):
        return sys.stdin.buffer.readline()


def _require_ours(home: Path) -> None:
    """Check that the folder is ours, as old versions are removed from it without asking."""
    if any(home.iterdir()) and not (home / LOCK).is_file():
        raise RefusedError(f"{home} holds files that no deployment put there; rename it")


@contextmanager
def _locked(home: Path) -> Iterator[int]:
    """Hold the lock. The system releases it when its holders end, even after a crash."""
    descriptor = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with time_limit(
            _LOCK_TIMEOUT_S, RefusedError("another deployment is under way there; try again in a minute")
        ):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _answer(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)
