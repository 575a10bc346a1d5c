"""The pictures of parity: which files they are, and what is drawn into them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist.parity.models import ModelParity
from fmnist.plots.changed import changed_figure
from fmnist.plots.reliability import reliability_figure
from fmnist.plots.scatter import scatter_figure
from fmnist.plots.style import write_figure
from fmnist.results.ours import require_picture_free
from fmnist_runtime.errors import OutputError

_KINDS = ("changed", "reliability", "probabilities")


def require_pictures_free(folder: Path, models: Sequence[Path]) -> None:
    """Check, before anything is measured, that the pictures of some models may be written to a folder.

    Raises:
        OutputError: Files are there that are not pictures of ours, none can be written there, or two models
            have the same name.
    """
    seen: dict[str, Path] = {}
    for model in models:
        if model.name in seen:
            raise OutputError(
                f"{model}: has the same file name as {seen[model.name]}, and so would their pictures; "
                "compare one at a time, each with its own folder for --plots"
            )
        seen[model.name] = model
        for path in _paths(folder, model.name):
            require_picture_free(path, remedy="choose another folder")


def write_pictures(item: ModelParity, images: NDArray[np.uint8], folder: Path) -> list[Path]:
    """Draw one model beside its original: changed images if there are any, reliability, probabilities.

    Args:
        item: The model.
        images: uint8 ``[N, H, W]`` or ``[N, H, W, C]``, the test split that both are of.
        folder: Where to; it is made if need be.

    Returns:
        What was written. Without changed images there is no picture of them, and an older one is removed:
        it would tell of another model.

    Raises:
        OutputError: A file cannot be written.
    """
    reference, flips = item.reference, item.candidate.changes.flips
    names = (reference.model, item.candidate.name)
    changed, calibrated, scattered = _paths(folder, item.candidate.name)
    if flips.images:
        write_figure(changed, changed_figure(images, flips, reference.labels, names))
    else:
        changed.unlink(missing_ok=True)
    write_figure(calibrated, reliability_figure(item.candidate.calibration, names))
    write_figure(scattered, scatter_figure(reference.scores, item.scores, flips, names))
    return [changed, calibrated, scattered] if flips.images else [calibrated, scattered]


def _paths(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}-{kind}.png" for kind in _KINDS]
