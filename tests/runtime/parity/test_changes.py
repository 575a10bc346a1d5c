"""Where models part, against a loop over the images, and examples of the edges."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.score_matrices import answer, models, quick

from fmnist_runtime.parity.changes import CONFIDENT_MARGIN, PairChange, find_changes

EDGES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def margin(row) -> float:
    second, first = sorted(row)[-2:]
    return first - second


def band(value: float) -> int:
    """The last band that begins at the value or before it."""
    return max(index for index, low in enumerate(EDGES[:-1]) if low <= value)


@quick
@given(models(), st.sampled_from([0.0, 1e-5, 0.01]))
def test_a_loop_over_the_images(drawn, allowed):
    reference, candidate, targets = drawn
    changes = find_changes(reference, candidate, targets, allowed)
    classes = reference.shape[1]
    flips, confident, pairs, ties, outside = [], [], {}, 0, 0
    rows = [[0, 0, 0, 0, 0] for _ in range(classes)]
    bands = [[0, 0] for _ in EDGES[:-1]]
    for number, true in enumerate(targets.tolist()):
        old, new = reference[number].tolist(), candidate[number].tolist()
        before, after = answer(old), answer(new)
        margins = margin(old), margin(new)
        tied = any(value == 0 or value < 2 * allowed for value in margins)
        ties += tied
        row = rows[true]
        row[0] += 1
        row[1] += before == true
        row[2] += after == true
        row[3] += before == true != after
        row[4] += before != true == after
        bands[band(margins[0])][0] += 1
        if before != after:
            flips.append((number, true, before, after, *margins))
            outside += not tied
            pairs[before, after] = pairs.get((before, after), 0) + 1
            bands[band(margins[0])][1] += 1
            if margins[0] >= 0.5:
                confident.append((-margins[0], number))
    assert list(zip(*vars(changes.flips).values(), strict=True)) == flips
    assert list(changes.confident) == [number for _, number in sorted(confident)]
    assert (changes.ties, changes.outside_ties) == (ties, outside)
    assert [(item.reference, item.candidate, item.images) for item in changes.pairs] == [
        (*pair, count) for pair, count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    ]
    assert [(item.images, item.flips) for item in changes.margins] == [tuple(counts) for counts in bands]
    for index, (item, (images, was, now, worse, better)) in enumerate(
        zip(changes.classes, rows, strict=True)
    ):
        assert (item.index, item.images, item.worse, item.better) == (index, images, worse, better)
        accuracies = (item.reference_accuracy, item.candidate_accuracy)
        if images:
            assert accuracies == (was / images, now / images)
        else:
            assert all(map(math.isnan, accuracies))


@quick
@given(models())
def test_everything_adds_up(drawn):
    reference, candidate, targets = drawn
    changes = find_changes(reference, candidate, targets)
    flips = len(changes.flips.images)
    assert sum(item.images for item in changes.pairs) == flips
    assert sum(item.flips for item in changes.margins) == flips
    assert sum(item.images for item in changes.margins) == len(targets)
    assert sum(item.images for item in changes.classes) == len(targets)
    assert changes.margins[-1].flips == len(changes.confident)
    assert [(item.low, item.high) for item in changes.margins] == list(pairwise(EDGES))
    assert changes.margins[-1].low == CONFIDENT_MARGIN
    was, now = candidate.argmax(axis=1) == targets, reference.argmax(axis=1) == targets
    assert sum(item.worse - item.better for item in changes.classes) == now.sum() - was.sum()


@pytest.mark.parametrize(
    ("margin", "index"), [(0, 0), (0.25, 5), (0.5 - 2**-24, 5), (0.5, 6), (1.0, 6), (1 + 2**-23, 6)]
)
def test_a_margin_at_an_edge_is_in_the_band_that_begins_there(margin, index):
    """And one that rounding has put above 1 is in the last band, as 1 is."""
    rest = max(0.0, (1 - margin) / 2)
    reference = np.array([[rest + margin, rest]], np.float32)
    changes = find_changes(reference, reference[:, ::-1].copy(), np.zeros(1, np.uint8))
    assert [item.images for item in changes.margins] == [int(number == index) for number in range(7)]
    assert changes.confident == ((0,) if margin >= 0.5 else ())


def test_the_surest_and_the_most_frequent_come_first():
    reference = np.array([[0.8, 0.1, 0.1], [0.1, 0.9, 0.0], [0.8, 0.1, 0.1], [0.05, 0.9, 0.05]], np.float32)
    candidate = np.array([[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]], np.float32)
    changes = find_changes(reference, candidate, np.array([0, 1, 2, 1], np.uint8))
    assert changes.confident == (1, 0, 2)
    assert changes.pairs == (PairChange(0, 1, 2), PairChange(1, 0, 1))
    assert [item.worse for item in changes.classes] == [1, 1, 0]
