"""Comparison of top-1 answers: accuracy and agreement of two models on the same images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fmnist_runtime.parity.intervals import Interval, agreement_interval, mcnemar_p, tango_interval


@dataclass(frozen=True)
class TopOneAgreement:
    """Top-1 answers of a model and its original; among equal scores the lowest index is the answer."""

    images: int
    """Number of images that both have scored."""
    reference_accuracy: float
    """Accuracy of the original."""
    candidate_accuracy: float
    """Accuracy of the converted model."""
    accuracy_difference: float
    """candidate_accuracy − reference_accuracy; negative if the converted model is worse."""
    accuracy_difference_interval: Interval
    """Tango's 95% score interval of the difference."""
    mcnemar_p: float
    """Exact two-sided p-value: how often chance alone would split worse and better at least so unevenly."""
    worse: int
    """Images that the original has right and the converted model wrong."""
    better: int
    """Images that the original has wrong and the converted model right."""
    wrong_to_wrong: int
    """Images that both have wrong, with different answers."""
    agreement: float
    """Share of images that both give the same class, right or wrong."""
    agreement_interval: Interval
    """95% interval of the agreement: Wilson's, or by the rule of three if all agree."""
    error_growth: float | None
    """Relative growth of the error rate: 0.1 is a tenth more errors. None if only the converted model
    makes errors."""


def compare_answers(
    reference: NDArray[np.intp], candidate: NDArray[np.intp], targets: NDArray[np.uint8]
) -> TopOneAgreement:
    """Count the changed answers.

    Args:
        reference: ``[N]``, the original's answers.
        candidate: ``[N]``, the converted model's.
        targets: uint8 ``[N]``, the true classes.
    """
    images = len(targets)
    was_right, is_right = reference == targets, candidate == targets
    worse, better = int((was_right & ~is_right).sum()), int((~was_right & is_right).sum())
    agreeing = int((reference == candidate).sum())
    correct = int(was_right.sum())
    errors, drop = images - correct, worse - better
    return TopOneAgreement(
        images=images,
        reference_accuracy=correct / images,
        candidate_accuracy=(correct - drop) / images,
        accuracy_difference=-drop / images,
        accuracy_difference_interval=tango_interval(worse, better, images),
        mcnemar_p=mcnemar_p(worse, better),
        worse=worse,
        better=better,
        wrong_to_wrong=images - agreeing - worse - better,
        agreement=agreeing / images,
        agreement_interval=agreement_interval(agreeing, images),
        error_growth=drop / errors if errors else (None if drop else 0.0),
    )
