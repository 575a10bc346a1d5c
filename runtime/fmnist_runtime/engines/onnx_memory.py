"""A bound on the memory that ONNX Runtime takes, because a file of a kilobyte can ask for terabytes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

MAX_BYTES = 2**29
"""512 MB for all sessions of the process together, weights included."""
_FOLDING = "optimization.constant_folding_max_output_size_in_bytes"
_MAX_FOLDED = 2**24
"""What an operator on constants alone may make when a model is loaded, outside of the arena: 16 MB."""
_BOUNDS_FOLDING = (1, 27)
"""The first version that knows this option; the others pass over it."""


def bound_memory(options: onnxruntime.SessionOptions) -> None:
    """Let a session take its memory from the bounded arena; what needs more ends in the engine's error."""
    _register_arena()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry(_FOLDING, str(_MAX_FOLDED))


def unbounded_optimizers() -> list[str]:
    """Steps of the engine's optimisation that may take any memory, and so are left out.

    Before version 1.27 that is folding constants: a file of a kilobyte took 4.6 GB when it was loaded.
    """
    import onnxruntime

    version = tuple(int(part) for part in onnxruntime.__version__.split(".")[:2])
    return [] if version >= _BOUNDS_FOLDING else ["ConstantFolding"]


@functools.cache
def _register_arena() -> None:
    """Make the arena, once in a process. It grows by what is asked for, not by powers of two."""
    import onnxruntime

    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    arena = onnxruntime.OrtArenaCfg({"max_mem": MAX_BYTES, "arena_extend_strategy": 1})
    onnxruntime.create_and_register_allocator(memory, arena)
