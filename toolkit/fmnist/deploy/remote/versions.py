"""Versions on a device side by side, and links to the ones in use now and before."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from fmnist.deploy.remote.command import CommandResult, run_command
from fmnist.deploy.remote.store import Store, WantedFile, sha256_of

_DIGITS = 64
"""Length of a SHA-256 in hexadecimal, at the start of a line of a manifest."""
_OURS = re.compile("[0-9a-f]{12}")
"""Names of versions."""


class Versions:
    """The folder ``~/fmnist``."""

    def __init__(self, home: Path) -> None:
        """Use an existing folder."""
        self._home = home
        self._folders = home / "versions"

    def folder(self, version: str) -> Path:
        """Return the folder of a version, whether it exists or not."""
        return self._folders / version

    def linked(self, name: str) -> str | None:
        """Return the version that ``current`` or ``previous`` points to, or None."""
        link = self._home / name
        return link.readlink().name if link.is_symlink() and link.is_dir() else None

    def works(self, version: str, files: Sequence[WantedFile], store: Store) -> bool:
        """Return whether a version is complete, installed, and passes `fmnist verify`."""
        folder = self.folder(version)
        command = folder / ".venv" / "bin" / "fmnist"
        if not command.is_file() or not all(_same(folder / f.name, store.path(f.sha256)) for f in files):
            return False
        silence = subprocess.DEVNULL
        try:
            code = subprocess.call(
                [command, "verify"], cwd=folder, stdin=silence, stdout=silence, stderr=silence
            )
        except OSError:  # such as a missing Python
            return False
        return code == 0

    def place(self, version: str, files: Sequence[WantedFile], store: Store) -> None:
        """Make a version's folder of links to the received files; replace files that differ."""
        for file in files:
            path, content = self.folder(version) / file.name, store.path(file.sha256)
            if _same(path, content):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            try:
                path.hardlink_to(content)
            except OSError:  # the file system has no hard links
                shutil.copy2(content, path)

    def install(self, version: str, lock: int) -> CommandResult:
        """Run a version's ``install.sh``; lock and errors as of `run_command`."""
        return run_command("exec sh install.sh 2>&1", [], self.folder(version), lock)

    def run(self, version: str, arguments: list[str], lock: int) -> CommandResult:
        """Run the ``fmnist`` of a version in its folder; lock and errors as of `run_command`."""
        return run_command('exec .venv/bin/fmnist "$@"', arguments, self.folder(version), lock)

    def discard(self, version: str) -> None:
        """Remove a version that could not be installed, unless it is in use."""
        if version not in (self.linked("current"), self.linked("previous")):
            shutil.rmtree(self.folder(version), ignore_errors=True)

    def switch(self, version: str) -> None:
        """Use a version from now on, and remember the one before."""
        before = self.linked("current")
        if before == version:
            return
        os.sync()  # boards lose power at any time: the files must be on the card before the link
        if before:
            self._link("previous", before)
        self._link("current", version)

    def tidy(self, version: str, files: Sequence[WantedFile], store: Store) -> None:
        """Keep the version in use, the one before it, and the one being deployed; remove the others.

        So a version that failed its gate, or was not sent completely, stays until the next deployment.
        """
        kept = {self.linked("current"), self.linked("previous"), version}
        if self._folders.is_dir():
            for folder in self._folders.iterdir():
                if _OURS.fullmatch(folder.name) and folder.name not in kept:
                    shutil.rmtree(folder, ignore_errors=True)
        contents = {content for one in kept if one for content in self._contents(one)}
        store.keep_only(contents | {file.sha256 for file in files})

    def _contents(self, version: str) -> set[str]:
        """Return the SHA-256 of all files of a version, from its manifest in the format of sha256sum."""
        manifest = self.folder(version) / "SHA256SUMS"
        if not manifest.is_file():
            return set()
        # Read as bytes, as names are in UTF-8 whatever the locale, and the user may have edited the file.
        lines = manifest.read_bytes().splitlines()
        return {sha256_of(manifest), *(line[:_DIGITS].decode(errors="replace") for line in lines)}

    def _link(self, name: str, version: str) -> None:
        """Point a link to a version atomically."""
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
    """Return whether a file of a version has the received content."""
    if not path.is_file():
        return False
    return path.samefile(content) or path.read_bytes() == content.read_bytes()
