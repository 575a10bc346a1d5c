"""The pictures of parity: changed answers, reliability, and all probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist.figures import reliability
from fmnist.figures.grids import changed_picture
from fmnist.figures.reliability import calibration_errors, draw_reliability
from fmnist.figures.scatter import scatter_picture
from fmnist.figures.standalone import picture, write_picture
from fmnist.parity.models import ModelParity
from fmnist.results.write import PICTURE
from fmnist.text.tables import shortened
from fmnist_runtime.errors import OutputError
from fmnist_runtime.files import require_writable

_KINDS = ("changed", "reliability", "probabilities")
_LONGEST, _SCALE = 48, 1.4
"""Characters of a name in a title, and size of the small chart of the page."""


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
            require_writable(path, PICTURE, remedy="choose another folder")


def write_pictures(item: ModelParity, images: NDArray[np.uint8], folder: Path) -> list[Path]:
    """Draw one model beside its original: changed images if there are any, reliability and probabilities.

    The images, uint8 ``[N, H, W]`` or ``[N, H, W, C]``, are the test split of both. The folder is made if
    need be.

    Returns:
        The files. Without changed images there is no picture of them, and an older one is removed, as it
        would show another model.

    Raises:
        OutputError: A file cannot be written.
    """
    reference, flips = item.reference, item.candidate.changes.flips
    names = (reference.model, item.candidate.name)
    changed, calibrated, scattered = _paths(folder, item.candidate.name)
    if flips.images:
        write_picture(changed, changed_picture(images, flips, reference.labels, names))
    else:
        changed.unlink(missing_ok=True)
    write_picture(calibrated, _reliability_picture(item))
    write_picture(scattered, scatter_picture(reference.scores, item.scores, flips, names))
    return [changed, calibrated, scattered] if flips.images else [calibrated, scattered]


def _reliability_picture(item: ModelParity) -> str:
    model, found = item.candidate, item.candidate.calibration
    drawing = draw_reliability(model.name, model.format, found)
    original, candidate = (shortened(name, _LONGEST) for name in (item.reference.model, model.name))
    title = f"{candidate} against {original}"
    return picture(title, [("", drawing)], calibration_errors(found), [reliability.KEY], scale=_SCALE)


def _paths(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}-{kind}.svg" for kind in _KINDS]
