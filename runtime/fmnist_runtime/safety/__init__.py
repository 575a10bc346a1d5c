"""What an engine takes for granted in a model file, checked without the engine.

Records here are named tuples, not dataclasses, which take eight times as long to define: a device does that
each time it starts.
"""

from __future__ import annotations


class AdvisedError(ValueError):
    """Why a file is refused, with what to do about just that, to be put behind the file's name."""
