"""Whether an engine was built for the NumPy that is here.

What was built for NumPy 2 runs on NumPy 1, too, but not the other way round
(https://numpy.org/doc/stable/dev/depending_on_numpy.html). pip installs such an engine all the same, as most
wheels set no upper bound for NumPy. It prints a page when it is imported, or ends in a traceback or a
segmentation fault when it runs a model.
"""

from __future__ import annotations

import re
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np

from fmnist_runtime.errors import MissingExtraError

_FIRST_FOR_NUMPY_2 = {
    "onnxruntime": ((1, 19), "pip install --upgrade onnxruntime"),
    "ai_edge_litert": ((1, 1), "pip install --upgrade ai-edge-litert"),
    # The last wheel is 2.14; TensorFlow, which it is built from, takes NumPy 2 since 2.18.
    "tflite_runtime": ((2, 18), "pip install 'numpy<2'"),
}
"""By package the first version that was built for NumPy 2, as found by trying them, and what to type."""
_VERSION = re.compile(r"""^__version__ = ['"]((\d+)\.(\d+)[^'"]*)""", re.MULTILINE)


def require_fit(package: str) -> None:
    """Check, before an engine is imported, that it was built for the NumPy that is here.

    Its version is read from its ``__init__.py``, as importing it would be too late, and asking
    `importlib.metadata` would take a tenth of the time of a whole prediction.

    Args:
        package: The name it is imported by. One that is not installed fits.

    Raises:
        MissingExtraError: It was not.
    """
    if np.__version__.startswith("1."):
        return
    spec = PathFinder.find_spec(package)
    if spec is None or spec.origin is None:
        return
    found = _VERSION.search(Path(spec.origin).read_text(encoding="utf-8", errors="replace"))
    first, remedy = _FIRST_FOR_NUMPY_2[package]
    if found and (int(found[2]), int(found[3])) < first:
        raise MissingExtraError(
            f"{package.replace('_', '-')} {found[1]} fails with numpy {np.__version__}, "
            f"as it was built for NumPy 1: {remedy}"
        )
