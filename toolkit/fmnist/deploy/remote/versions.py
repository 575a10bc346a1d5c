"""Versions on a device side by side, and the link that says which of them is in use."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from fmnist.deploy.remote.store import HungUpError, Store, Wanted, sha256_of

_DIGITS = 64
"""Of a SHA-256 in hexadecimal, with which a line of a manifest begins."""
_OURS = re.compile("[0-9a-f]{12}")
"""What versions are called."""
_TAIL = 8_000
"""Bytes of an installation's log that are told."""


class Versions:
    """The folder ``~/fmnist``."""

    def __init__(self, home: Path) -> None:
        """Use a folder, which is there."""
        self._home = home
        self._folders = home / "versions"

    def folder(self, version: str) -> Path:
        """Where a version is, or will be."""
        return self._folders / version

    def linked(self, name: str) -> str | None:
        """The version that ``current`` or ``previous`` points to; None where there is none."""
        link = self._home / name
        return link.readlink().name if link.is_symlink() and link.is_dir() else None

    def works(self, version: str, files: Sequence[Wanted], store: Store) -> bool:
        """Whether a version is whole, installed, and answers here as where it was made."""
        folder = self.folder(version)
        command = folder / ".venv" / "bin" / "fmnist"
        if not command.is_file() or not all(_same(folder / f.name, store.path(f.sha256)) for f in files):
            return False
        silence = subprocess.DEVNULL
        try:
            code = subprocess.call(
                [command, "verify"], cwd=folder, stdin=silence, stdout=silence, stderr=silence
            )
        except OSError:  # such as that its Python is gone
            return False
        return code == 0

    def place(self, version: str, files: Sequence[Wanted], store: Store) -> None:
        """Make a version's folder of links to what was sent; what is there and differs is replaced."""
        for file in files:
            path, content = self.folder(version) / file.name, store.path(file.sha256)
            if _same(path, content):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            try:
                path.hardlink_to(content)
            except OSError:  # a file system without links
                shutil.copy2(content, path)

    def install(self, version: str, lock: int) -> tuple[int, str]:
        """Run a version's ``install.sh``; gives its exit code and the last lines that it printed.

        Args:
            version: Which.
            lock: Descriptor of the lock, which is held for as long as the installation lives.

        Raises:
            HungUpError: The workstation has gone; the installation was ended.
        """
        child = subprocess.Popen(
            ["sh", "install.sh"],
            cwd=self.folder(version),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
        )
        gone = threading.Event()
        threading.Thread(target=_end_with_input, args=(child, gone), daemon=True).start()
        log = b""
        assert child.stdout is not None  # it is a pipe; a full disk has no room for a log
        while chunk := os.read(child.stdout.fileno(), _TAIL):
            log = (log + chunk)[-_TAIL:]
        code = child.wait()
        if gone.is_set():
            raise HungUpError
        return code, log.decode(errors="replace")

    def discard(self, version: str) -> None:
        """Remove a version that could not be installed, unless it is in use."""
        if version not in (self.linked("current"), self.linked("previous")):
            shutil.rmtree(self.folder(version), ignore_errors=True)

    def switch(self, version: str) -> None:
        """Use a version from now on, and remember which was used before."""
        before = self.linked("current")
        if before == version:
            return
        os.sync()  # a board is switched off by its plug: the link must not be on the card before the files
        if before:
            self._link("previous", before)
        self._link("current", version)

    def tidy(self, store: Store) -> None:
        """Keep the version in use and the one before it, and what they have links to."""
        kept = {self.linked("current"), self.linked("previous")}
        for folder in self._folders.iterdir():
            if _OURS.fullmatch(folder.name) and folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)
        store.keep_only({content for version in kept if version for content in self._contents(version)})

    def _contents(self, version: str) -> set[str]:
        """SHA-256 of all that a version was made of: its manifest names them, in the format of sha256sum."""
        manifest = self.folder(version) / "SHA256SUMS"
        if not manifest.is_file():
            return set()
        # In bytes: names in it are in UTF-8 whatever this device writes in, and somebody may have edited it.
        lines = manifest.read_bytes().splitlines()
        return {sha256_of(manifest), *(line[:_DIGITS].decode(errors="replace") for line in lines)}

    def _link(self, name: str, version: str) -> None:
        """Point a link to a version at one stroke."""
        new = self._home / f".{name}"
        new.unlink(missing_ok=True)
        new.symlink_to(Path("versions") / version)
        new.replace(self._home / name)
        folder = os.open(self._home, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _same(path: Path, content: Path) -> bool:
    """Whether a file of a version has the content that was sent for it."""
    if not path.is_file():
        return False
    return path.samefile(content) or path.read_bytes() == content.read_bytes()


def _end_with_input(child: subprocess.Popen[bytes], gone: threading.Event) -> None:
    """End an installation when nobody waits for it any more, so that the next can begin."""
    if os.read(0, 1) == b"" and child.poll() is None:  # not through sys.stdin, whose lock would outlast us
        gone.set()
        os.killpg(child.pid, signal.SIGTERM)
