"""What the page opens its changed images with, and what the script needs to show those of another model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fmnist.report.changed import ChangedAnswer, Flipped
from fmnist.report.decision import Decision
from fmnist.runs.results import ModelResults, RunResults
from fmnist_runtime.parity import Parity

PAGE = 60
"""Images that are shown at once; more on demand."""
KINDS = {"worse": "✗ worse", "better": "✓ better", "wrong": "· wrong to wrong"}
"""What the page calls each kind of `ChangedAnswer`."""


@dataclass(frozen=True)
class Gallery:
    """The changed images of the model that the page opens with."""

    index: int
    """The model's number among the run's models, of which the original is 0."""
    model: ModelResults
    """The model."""
    parity: Parity
    """How it compares with the original."""
    why: str
    """Why it is this one."""
    answers: tuple[ChangedAnswer, ...]
    """The first of its changed answers."""


def open_gallery(run: RunResults, decision: Decision, flipped: Flipped) -> Gallery | None:
    """The model to ship where it changed any answer, else that which changed the most; None if none did."""
    changed = [
        (index, model, model.parity)
        for index, (model, answers) in enumerate(zip(run.artifacts, flipped.answers, strict=True), start=1)
        if model.parity and answers
    ]
    if not changed:
        return None
    index, model, parity = max(
        changed, key=lambda item: (item[1] is decision.model, len(item[2].changes.flips.images))
    )
    why = "the one to ship" if model is decision.model else "of all artifacts it changes the most answers"
    return Gallery(index, model, parity, why, flipped.answers[index - 1][:PAGE])


def changes_data(run: RunResults, flipped: Flipped, gallery: Gallery | None) -> dict[str, Any]:
    """What the script shows: counts of all changes, and the answers that the page has room for.

    The pictures that stand in the page already are not repeated; the script takes them from there.
    """
    there = {answer.image for answer in gallery.answers} if gallery else set()
    models: list[dict[str, Any] | None] = [None]
    for model, answers in zip(run.artifacts, flipped.answers, strict=True):
        models.append(_model_data(model.parity, answers) if model.parity else None)
    return {
        "changes": models,
        "opens": [gallery.index, gallery.why] if gallery else None,
        "absent": bool(flipped.absent),
        "pictures": {number: uri for number, uri in flipped.pictures.items() if number not in there},
    }


def _model_data(parity: Parity, answers: tuple[ChangedAnswer, ...]) -> dict[str, Any]:
    found = parity.answers
    moves = {(answer.before, answer.after) for answer in answers}  # of many classes not all have room
    listed = (pair for pair in parity.changes.pairs if (pair.reference, pair.candidate) in moves)
    return {
        "kinds": {"worse": found.worse, "better": found.better, "wrong": found.wrong_to_wrong},
        "pairs": [[pair.reference, pair.candidate, pair.images] for pair in listed],
        "answers": [
            [item.image, item.true, item.before, item.after, *_rounded(item.before_margin, item.after_margin)]
            for item in answers
        ],
    }


def _rounded(*margins: float) -> list[float]:
    """As exact as they are shown."""
    return [round(margin, 3) for margin in margins]
