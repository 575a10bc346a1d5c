"""How many images to run at once: as many as the processor's cache has room for."""

from __future__ import annotations

from functools import cache
from pathlib import Path

LARGEST = 256
"""From 64 to 1,024 images of the 784-128-10 MLP it makes no difference that can be measured."""
_USUAL_CACHE = 512 * 1024
"""Second-level cache of a core of the Raspberry Pi 5, and of all four of the Pi 3."""
_SECOND_LEVEL = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")


@cache
def cache_bytes() -> int:
    """Size of the first core's second-level cache, as Linux tells; a usual one elsewhere."""
    try:
        kibibytes = int(_SECOND_LEVEL.read_text().strip().removesuffix("K"))
    except (OSError, ValueError):
        return _USUAL_CACHE
    return kibibytes * 1024 or _USUAL_CACHE


def block_size(image_bytes: int) -> int:
    """The largest power of two, up to `LARGEST`, of images whose activations fit the cache together.

    Args:
        image_bytes: What the widest operator reads and writes for one image.
    """
    fitting = cache_bytes() // max(image_bytes, 1)
    return min(LARGEST, 1 << max(fitting, 1).bit_length() - 1)
