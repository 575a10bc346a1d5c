"""Results read back are what was written, and what is damaged is named."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import TINY

from fmnist.results.read import DamageError, Part, read_record
from fmnist.results.write import to_json
from fmnist_runtime.evaluate import Evaluation, evaluate
from fmnist_runtime.machine.environment import Environment, read_environment
from fmnist_runtime.parity import Parity, compare, default_gate
from fmnist_runtime.recorded import read_reference

REFERENCE = read_reference(TINY / "reference.npz")


def written(value: object) -> dict:
    return json.loads(to_json("any", {"value": value}))["value"]


def test_a_whole_comparison_comes_back_equal():
    worse = REFERENCE.scores**2 / (REFERENCE.scores**2).sum(axis=1, keepdims=True)
    worse[:100] = worse[:100, ::-1]
    parity = compare(REFERENCE.scores, worse, REFERENCE.targets, default_gate("int8"))
    assert parity.breaches
    assert read_record(Parity, Part(written(vars(parity)))) == parity


def test_an_evaluation_comes_back_with_its_array():
    found = evaluate(REFERENCE.scores, np.minimum(REFERENCE.targets, 8))  # of the last class there is none
    again = read_record(Evaluation, Part(written(found)))
    assert np.array_equal(again.confusion, found.confusion)
    assert again.confusion.dtype == found.confusion.dtype
    assert np.array_equal(again.class_accuracy, found.class_accuracy, equal_nan=True)
    assert np.isnan(again.class_accuracy[9])


def test_an_environment_comes_back_with_its_dictionary():
    environment = read_environment()
    assert read_record(Environment, Part(written(environment))) == environment


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("cpu", 3, "cpu is not a string"),
        ("cores", True, "cores is not an integer"),
        ("cores", 2.5, "cores is not an integer"),
        ("packages", [], "packages is not an object"),
        ("packages", {"numpy": None}, "packages.numpy is not a string"),
        ("memory_bytes", 10**19, "memory_bytes is not between"),
    ],
)
def test_a_field_that_is_not_what_it_must_be_is_named(key, value, reason):
    with pytest.raises(DamageError, match=f"^{reason}"):
        read_record(Environment, Part(written(read_environment()) | {key: value}))


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e300, "1", True, {}])
def test_a_number_must_be_one(value):
    damaged = written(evaluate(REFERENCE.scores, REFERENCE.targets)) | {"accuracy": value}
    with pytest.raises(DamageError, match=r"^accuracy is not "):
        read_record(Evaluation, Part(damaged))


def test_a_field_that_is_missing_is_named():
    with pytest.raises(DamageError, match=r"^correct is missing$"):
        read_record(Evaluation, Part({"images": 3}))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([[1, 2], [3]], "confusion is not an array"),
        ([1, [2]], "confusion is not an array"),
        ([[1.5]], r"confusion\[0\]\[0\] is not an integer"),
        ({}, "confusion is not a list"),
    ],
)
def test_an_array_must_be_one(value, reason):
    damaged = written(evaluate(REFERENCE.scores, REFERENCE.targets)) | {"confusion": value}
    with pytest.raises(DamageError, match=f"^{reason}$"):
        read_record(Evaluation, Part(damaged))
