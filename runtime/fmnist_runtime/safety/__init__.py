"""Checks of what an engine takes for granted in a model file. They do not need the engine.

Records here are named tuples. A dataclass takes eight times as long to define, and a device does that at each
start.
"""

from __future__ import annotations


class AdvisedError(ValueError):
    """Why a file is refused, with specific advice, to follow the file's name in a message."""
