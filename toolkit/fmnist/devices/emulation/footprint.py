"""What a C model takes on a microcontroller: flash, RAM, stack and instructions."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmnist.devices.emulation.session import find_target, run_program
from fmnist.devices.emulation.targets import TARGETS, CheckedModel, CortexTarget
from fmnist_runtime.artifact.container import read_metadata
from fmnist_runtime.errors import ModelError
from fmnist_runtime.native.source import patch_floats, read_c, scratch_floats

_NS = 10**9
"""Nanoseconds in a second; QEMU counts one for each instruction."""


@dataclass(frozen=True)
class Footprint:
    """What a C model takes on a microcontroller; memory is in bytes."""

    target: str
    """Name of the processor."""
    flash: int
    """Code and constants of the function that scores an image, as the target's own ``size`` counts them."""
    ram: int
    """What the caller gives to that function besides the image: scratch and probabilities."""
    stack: int
    """Deepest use of the stack in the emulated run of a golden image."""
    instructions: int | None
    """Instructions of the same run, to within what the board's timer resolves; None if it counts no so many.
    They are no time: a board's clock cycles for each depend on its core and its flash."""


def measure_footprint(path: Path, name: str) -> Footprint:
    """Compile a C model for a microcontroller, and run it there on one golden image.

    Raises:
        ModelError: The target is no microcontroller, or the model does not run there.
        MissingExtraError: A compiler or an emulator is not installed.
    """
    target = find_target(name, path)
    if not isinstance(target, CortexTarget):
        possible = ", ".join(name for name, each in TARGETS.items() if isinstance(each, CortexTarget))
        raise ModelError(f"{path}: flash and RAM are measured on a microcontroller: --on {possible}")
    if path.suffix != ".c":
        raise ModelError(
            f"{path}: only a C model runs on {name}; make one with: fmnist export MODEL --format c"
        )
    target.require()
    content = path.read_bytes()
    network, metadata = read_c(content, path), read_metadata(path)
    if metadata is None or metadata.golden is None:
        raise ModelError(f"{path}: has no golden images to run; export it again")
    with tempfile.TemporaryDirectory(prefix="fmnist-") as name_of_folder:
        folder = Path(name_of_folder)
        model = CheckedModel(path, network.name, content)
        linked = target.link_alone(model, folder)
        flash = _flash(target.size_command(linked), path)
        program = target.build(model, folder)
        command = target.command(program, counting=True)
        run_program(command, network, folder, path, metadata.golden.images[:1])
        stack, ticks, wrapped = map(int, np.fromfile(folder / "cost", "<u4"))
    floats = scratch_floats(network) + patch_floats(network) + network.classes
    instructions = None if wrapped else ticks * (_NS // target.clock_hz)
    return Footprint(target.name, flash, 4 * floats, stack, instructions)


def _flash(command: list[str], path: Path) -> int:
    """Return code and constants by the second line of what ``size`` prints: text, data, bss."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        text, data, *_ = result.stdout.splitlines()[1].split()
    except (IndexError, ValueError) as error:
        raise ModelError(f"{path}: {command[0]} cannot read its program ({result.stderr.strip()})") from error
    return int(text) + int(data)
