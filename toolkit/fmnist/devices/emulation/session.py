"""C models on an emulated processor, behind the interface of all sessions."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.devices.emulation.targets import HOST, TARGETS, CheckedModel, Target, WasmTarget
from fmnist.text.progress import Progress
from fmnist_runtime.engines.base import BaseSession
from fmnist_runtime.engines.native import NativeSession
from fmnist_runtime.engines.plan import Plan
from fmnist_runtime.engines.session_options import ImageTensor, SessionOptions
from fmnist_runtime.errors import MissingExtraError, ModelError
from fmnist_runtime.native.network import Network
from fmnist_runtime.native.source import patch_floats, read_c, scratch_floats

_BLOCK = 1000
"""Images for which an emulator is started once."""
_TIMEOUT_S = 3600
Scorer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Returns the scores of images, float32 ``[N, classes]``."""


class EmulatedSession(BaseSession):
    """A C model on an emulated processor, which counts how often the answers are those of this machine."""

    def __init__(self, options: SessionOptions, name: str) -> None:
        """Compile a model for a target.

        Raises:
            ModelError: There is no such target, or the model does not fit into it.
            MissingExtraError: A compiler or an emulator is not installed.
        """
        target = find_target(name, options.path)
        options = options.checked()
        content = bytes(options.file.content)
        network = read_c(content, options.path)
        target.require()
        self.identical: int | None = 0
        """Images of the last call whose scores were those of this machine, bit for bit; None if it has no
        compiler."""
        self._host: NativeSession | None = None
        try:
            self._host = NativeSession(options)
        except MissingExtraError:
            self.identical = None
        self._network, self._engine = network, target
        self._folder = tempfile.TemporaryDirectory(prefix="fmnist-")
        self._scorer = _scorer(
            target, CheckedModel(options.path, network.name, content), network, Path(self._folder.name)
        )
        image = ImageTensor(network.image.shape, np.dtype(np.uint8))
        info = options.info("c", f"{target.name}, emulated", image, network.classes, threads=1)
        if self._host is None:
            note = f"{options.path}: its answers are not compared with this machine's, which has no compiler"
            info = replace(info, notes=(*info.notes, note))
        super().__init__(info, _BLOCK, "none")

    def scores(
        self, images: NDArray[np.uint8], out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return the class probabilities of images; see `Session.scores`. Shows progress."""
        progress = Progress(self._engine.name, max(0, len(images) - 1) // _BLOCK)
        self._on_block = progress.step
        try:
            scores = super().scores(images, out)
        finally:
            progress.remove()
        if self._host and self.identical is not None:
            same = scores.view(np.uint32) == self._host.scores(images).view(np.uint32)
            self.identical = int(same.all(axis=1).sum())
        return scores

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        pixels = np.empty(shape, np.uint8)
        scores = np.empty((shape[0], self._network.classes), np.float32)

        def write(images: NDArray[np.uint8]) -> None:
            pixels[...] = images.reshape(shape)

        def invoke() -> None:
            scores[...] = self._scorer(pixels)
            self._on_block()

        return Plan(write, invoke, scores)

    def close(self) -> None:
        """Release everything, and remove the program."""
        super().close()
        self._folder.cleanup()
        if self._host:
            self._host.close()


def find_target(name: str, path: Path) -> Target:
    """Return the target of a name.

    Raises:
        ModelError: There is none.
    """
    if name not in TARGETS:
        raise ModelError(f"{path}: there is no target {name!r}; there are {', '.join((HOST, *TARGETS))}")
    return TARGETS[name]


def _scorer(target: Target, model: CheckedModel, network: Network, folder: Path) -> Scorer:
    """Compile a model, and return what runs it."""
    program = target.build(model, folder)
    if isinstance(target, WasmTarget):
        return _wasm_scorer(program, network)
    return partial(run_program, target.command(program), network, folder, model.path)


def run_program(
    command: list[str], network: Network, folder: Path, source: Path, images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Run a program in its folder on images, uint8 ``[N, ...]``, and return their scores.

    Raises:
        ModelError: It fails its self-test, or ends too early.
    """
    answers = folder / "scores"
    answers.unlink(missing_ok=True)
    (folder / "images").write_bytes(images.tobytes())
    try:
        result = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        name = Path(command[0]).name
        raise ModelError(f"{source}: takes {name} more than {_TIMEOUT_S} s") from error
    held = np.fromfile(answers, "<f4") if answers.is_file() else np.empty(0, np.float32)
    if result.returncode or held.size != len(images) * network.classes:
        reason = result.stderr.strip().splitlines()[-1:] or [f"exit {result.returncode}"]
        raise ModelError(
            f"{source}: fails its self-test on {Path(command[0]).name}, or is ended there ({reason[0]})"
        )
    return held.reshape(len(images), network.classes)


def _wasm_scorer(module: Path, network: Network) -> Scorer:
    import wasmtime

    store = wasmtime.Store()
    instance = wasmtime.Instance(store, wasmtime.Module.from_file(store.engine, str(module)), [])
    exports: Any = instance.exports(store)
    memory, function = exports["memory"], exports[f"{network.name}_scores"]
    start = -(-exports["__heap_base"].value(store) // 64) * 64
    size = network.image.elements
    scores_at = start + -(-size // 4) * 4
    scratch_at = scores_at + 4 * network.classes
    needed = scratch_at + 4 * (scratch_floats(network) + patch_floats(network))
    memory.grow(store, max(0, -(-(needed - memory.data_len(store)) // 65536)))

    def score(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        scores = np.empty((len(images), network.classes), np.float32)
        for image, row in zip(images, scores, strict=True):
            memory.write(store, image.tobytes(), start)
            function(store, 1, start, scratch_at, scores_at)
            row[...] = np.frombuffer(memory.read(store, scores_at, scratch_at), "<f4")
        return scores

    return score
