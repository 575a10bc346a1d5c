"""Raspberry Pis without a board: Debian for ARM in a folder, run by QEMU and entered as its user.

``make emulated-pi`` builds all of them into the user's cache. Only root can build and enter one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from arm64.kept import cache, keep
from arm64.systems import PACKAGES, SYSTEMS, System

NEEDED = {"qemu-aarch64-static": "qemu-user-static", "mmdebstrap": "mmdebstrap"}
"""Programs and the Debian packages that they are in."""
MIRROR = "http://deb.debian.org/debian"
MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr"
"""Bookworm's packages count on /bin and /lib being links into /usr."""
BINFMT = Path("/proc/sys/fs/binfmt_misc")
USER = 1000
"""Number of the user pi and of its group."""
VARIABLES = {
    "HOME": "/home/pi",
    "USER": "pi",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
}

# Its arguments are a system, a home, and `env` with what it runs. Engines read what cores there are, and
# crash over this machine's. What is run must not be process 1, which is spared the signals that end others.
ENTER = f"""
mount --bind "$2" "$1/home/pi"
chown {USER}:{USER} "$1/home/pi"
mount -t proc proc "$1/proc"
mount --bind "$1/cpuinfo" "$1/proc/cpuinfo"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
system=$1
shift 2
set +e
chroot --userspec={USER}:{USER} "$system" "$@"
exit $?
"""


class EmulationError(Exception):
    """What keeps this machine from emulating a Pi, and what to do about it."""


@dataclass(frozen=True)
class EmulatedPi:
    """One of `SYSTEMS`; any number of processes may enter it at the same time."""

    name: str
    """Which one."""

    @property
    def system(self) -> System:
        """What it is."""
        return SYSTEMS[self.name]

    @property
    def folder(self) -> Path:
        """Its root directory: one for each recipe, as other checkouts may be using theirs now."""
        return cache() / f"{self.name}-{_recipe()[:12]}"

    def build(self) -> None:
        """Build it, unless it is there as it would be built now. Those of older recipes stay until deleted.

        Raises:
            EmulationError: This machine cannot, or a package cannot be fetched.
        """
        _require_machine()
        _register(self.system.processor.qemu)
        keep(self.folder, self._build)

    def require(self) -> None:
        """Make sure that it can be entered.

        Raises:
            EmulationError: It was not built, or not as it would be built now, or this machine cannot run it.
        """
        _require_machine()
        if not self.folder.is_dir():
            raise EmulationError(f"the emulated {self.name} is not built: make emulated-pi")
        _register(self.system.processor.qemu)

    def entering(self, home: Path, env: Mapping[str, str] | None = None) -> list[str]:
        """What to put before a command, so that the Pi's user runs it in its home, and without any network.

        Args:
            home: The folder of this machine that is the home; it will belong to the Pi's user.
            env: Variables besides the usual ones; nothing of this machine's environment gets there.
        """
        variables = {**VARIABLES, "QEMU_CPU": self.system.processor.cpu, **(env or {})}
        settings = [f"{name}={value}" for name, value in variables.items()]
        apart = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"]
        inside = ["env", "--ignore-environment", "--chdir=/home/pi", *settings]
        return [*apart, "sh", "-ec", ENTER, "sh", str(self.folder), str(home), *inside]

    def run(
        self,
        *command: object,
        home: Path,
        env: Mapping[str, str] | None = None,
        stdin: IO[bytes] | int = subprocess.DEVNULL,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there to its end, and read its output as text."""
        return subprocess.run(
            [*self.entering(home, env), *map(str, command)],
            stdin=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    def _build(self, folder: Path) -> None:
        """Unpack only: to run the scripts of all packages takes minutes under emulation."""
        packages = ",".join(f"{PACKAGES} {self.system.packages}".split())
        command = ["mmdebstrap", "--quiet", "--variant=extract", "--skip=check/qemu"]
        command += [f"--hook-dir={MERGED_USR}", f"--architectures={self.system.architecture}"]
        command += ["--aptopt=APT::Install-Recommends false"]
        command += [f"--include={packages}", self.system.suite, str(folder), MIRROR]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise EmulationError(f"{self.name}: mmdebstrap failed:\n{done.stderr.strip()}")
        self._set_up(folder)

    def _set_up(self, folder: Path) -> None:
        """What those scripts would have done, as far as it matters, and what the board would show."""
        passwd = f"root:x:0:0:root:/root:/bin/bash\npi:x:{USER}:{USER}::/home/pi:/bin/bash\n"
        (folder / "etc/passwd").write_text(passwd)
        (folder / "etc/group").write_text(f"root:x:0:\npi:x:{USER}:\n")
        (folder / "home/pi").mkdir()
        (folder / "usr/bin/awk").symlink_to("mawk")
        for library in folder.glob("usr/lib/*/*/lib*.so.3"):  # BLAS and LAPACK, of which Debian has several
            (library.parents[1] / library.name).symlink_to(library.relative_to(library.parents[1]))
        (folder / "cpuinfo").write_text(self.system.cpuinfo)
        numbers = folder / "sys/devices/system/cpu"
        numbers.mkdir(parents=True)
        for name in ("possible", "present", "online"):
            (numbers / name).write_text("0-3\n")


def _recipe() -> str:
    """What a system is built by: this code."""
    files = (Path(__file__), Path(__file__).with_name("systems.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _require_machine() -> None:
    missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if missing:
        raise EmulationError(f"an emulated Pi needs: apt-get install {' '.join(missing)}")
    if os.geteuid() != 0:
        raise EmulationError("only root can build and enter an emulated Pi: sudo make test-arm64")


def _register(qemu: str) -> None:
    """Have Linux run the architecture's programs by QEMU, which it forgets when it is booted.

    Others may be doing the same at the same time.
    """
    if not (BINFMT / "register").exists():
        command = ["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not (BINFMT / "register").exists():
            raise EmulationError(f"Linux runs no foreign programs here: {done.stderr.strip()}")
    if not (BINFMT / qemu).exists():
        with suppress(FileExistsError):
            (BINFMT / "register").write_bytes(Path(f"/usr/lib/binfmt.d/{qemu}.conf").read_bytes().strip())


def main() -> str | None:
    """Build all of them, two at a time."""

    def build(name: str) -> None:
        EmulatedPi(name).build()
        print(f"{name}: {EmulatedPi(name).folder}", flush=True)

    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(build, SYSTEMS))
    except EmulationError as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main())
