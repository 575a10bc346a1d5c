"""C models, compiled for this machine once. Only C that fmnist wrote is compiled."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.engines.base import BaseSession
from fmnist_runtime.engines.plan import Plan, Run, block_size, non_finite
from fmnist_runtime.engines.session_options import ImageTensor, SessionOptions
from fmnist_runtime.errors import MissingExtraError, ModelError
from fmnist_runtime.machine.environment import package_version
from fmnist_runtime.native.compiler import Variant, compile_library, usable_variants
from fmnist_runtime.native.network import Network
from fmnist_runtime.native.source import PATCHES, library_source, patch_floats, read_c, scratch_floats


class _Call(ctypes.Structure):
    """``struct fmnist_call`` of ``native/fast/end.c``."""

    _fields_ = (("images", ctypes.c_int32), ("scratch", ctypes.c_void_p), ("scores", ctypes.c_void_p))


class NativeSession(BaseSession):
    """A C model in a library of its own."""

    def __init__(self, options: SessionOptions, variant: Variant | None = None) -> None:
        """Open it with the fastest instructions of this processor, or with others."""
        options = options.checked()
        path = options.path
        network = read_c(bytes(options.file.content), path)
        self.network = network
        self._engine, chosen = _open(network, [variant] if variant else usable_variants(), path)
        image = ImageTensor(network.image.shape, np.dtype(np.uint8))
        engine = f"native {package_version()}{f' ({chosen.name})' if chosen.name else ''}"
        info = options.info("c", engine, image, network.classes, threads=1)
        largest = max(scratch_floats(network), *(tensor.elements for tensor in network.tensors))
        super().__init__(info, min(block_size(_image_bytes(network)), (2**31 - 1) // largest), "none")

    def _prepare(self, shape: tuple[int, ...]) -> Plan:
        pixels = np.empty(shape, np.uint8)
        scores, call, scratch = self._memory(shape[0])
        function = self._engine.fmnist_run
        address, held = ctypes.c_void_p(pixels.ctypes.data), ctypes.byref(call)

        def write(images: NDArray[np.uint8]) -> None:
            pixels[...] = images.reshape(shape)

        def invoke(_owners: object = (call, scratch)) -> None:
            function(address, held)

        return Plan(write, invoke, scores)

    def _memory(self, images: int) -> tuple[NDArray[np.float32], _Call, NDArray[np.float32]]:
        """Return the scores of images, the call that writes them, and its scratch, which must be kept."""
        network = self.network
        scores = np.empty((images, network.classes), np.float32)
        size = scratch_floats(network) * images + patch_floats(network, PATCHES)
        scratch = np.empty(max(1, size), np.float32)
        return scores, _Call(images, scratch.ctypes.data, scores.ctypes.data), scratch

    def _run(self, shape: tuple[int, ...]) -> Run:
        """Return the run for a shape. The library itself checks the scores."""
        if self._info.order:
            return super()._run(shape)
        scores, call, scratch = self._memory(shape[0])
        function, held, copy, path = self._engine.fmnist_run, ctypes.byref(call), scores.copy, self._info.path

        def run(
            images: NDArray[np.uint8], out: NDArray[np.float32] | None, _owners: object = (call, scratch)
        ) -> NDArray[np.float32]:
            # A copy of one image takes a quarter of the time of finding its address, and one of many images
            # brings them into the cache in order, which is faster than reading them where they are.
            if not function(images.tobytes(), held):
                raise non_finite(path)
            if out is None:
                return copy()
            out[...] = scores
            return out

        return run


def _open(network: Network, variants: list[Variant], path: Path) -> tuple[ctypes.CDLL, Variant]:
    """Return the library of the last variant that works, as a compiler or system may lack the newest ones."""
    for variant in reversed(variants):
        try:
            source = library_source(network, fast=bool(variant.flags))
            library = _load(compile_library(source, variant, path), path)
        except (MissingExtraError, ModelError):
            if variant is variants[0]:
                raise
            continue
        if library.fmnist_ready():
            return library, variant
    raise ModelError(f"{path}: this system does not let it use {variants[0].name}")


def _load(library: Path, path: Path) -> ctypes.CDLL:
    try:
        # No types of arguments are declared: their conversion would take a fifth of the time of an image.
        return ctypes.CDLL(str(library))
    except OSError as error:
        raise ModelError(f"{path}: its library cannot be loaded ({error}); remove {library}") from error


def _image_bytes(network: Network) -> int:
    """Return the bytes that the widest layer reads and writes for one image."""
    tensors = network.tensors
    return max(
        tensors[layer.output].size + sum(tensors[index].size for index in layer.inputs)
        for layer in network.layers
    )
