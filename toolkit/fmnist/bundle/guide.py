"""The README of a bundle: what to type on the device that it is made for."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from fmnist.bundle.run_files import ExportedFile
from fmnist.devices.targets import Target

_FMNIST = ".venv/bin/fmnist"


@dataclass(frozen=True)
class Guide:
    """What there is to say of a bundle."""

    name: str
    """Its folder."""
    target: Target
    """Where it is to be installed."""
    artifacts: Sequence[ExportedFile]
    """What is in it to run."""
    home: str
    """Folder of the run in it."""
    data: bool
    """Whether it has test images."""
    wheels: bool
    """Whether it has all wheels."""
    room: int
    """Disk that it takes when it is installed, in bytes."""

    def text(self) -> bytes:
        """The README, in Markdown."""
        commands = self._commands()
        width = max(len(command) for command, _ in commands)
        lines = "\n".join(f"{command.ljust(width)}  # {what}" for command, what in commands)
        formats = ", ".join(dict.fromkeys(artifact.format for artifact in self.artifacts))
        return f"""# {self.name}

Artifacts of a run ({formats}) and fmnist {version("fmnist")}, to be installed on {self._machine()}.
In this folder, there:

```sh
{lines}
```

Everything stays in this folder: to be rid of it, delete it; after moving it, run `install.sh` again.
""".encode()

    def _machine(self) -> str:
        if self.target.has_engines:
            return f"{self.target.platform} with Python {self.target.python}"
        return f"any machine with Python {self.target.python} or newer and NumPy"

    def _commands(self) -> list[tuple[str, str]]:
        """What to type, and why."""
        model = next((item for item in self.artifacts if item.scheme == "int8"), self.artifacts[0])
        path = shlex.quote(f"{self.home}/export/{model.path.name}")
        where = "" if self.data else " --data-dir FOLDER"
        network = "without network" if self.wheels else "packages come from the network"
        commands = [
            ("sh install.sh", f"makes .venv, at most {self.room / 1e6:.0f} MB, {network}; ends with verify"),
            (f"{_FMNIST} verify", "do the artifacts answer here as where they were made?"),
            (f"{_FMNIST} eval{where}", "accuracy on the test images"),
            (f"{_FMNIST} parity{where}", "may they replace the original?"),
            (f"{_FMNIST} bench{where}", "how long does one image take here?"),
            (f"{_FMNIST} predict {path} photo.jpg", "what is on a photo"),
            (f"{_FMNIST} --help", "everything else"),
        ]
        if not self.target.has_engines:
            commands.insert(0, ("sudo apt install python3-numpy python3-pil", "unless they are there"))
        return commands
