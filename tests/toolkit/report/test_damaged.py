"""A result that cannot be is one line that names the file and what is wrong with it, and no page."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda record: record.clear(), "is not a result of fmnist parity; remove it and make it again"),
        (
            lambda record: record.update(schema="fmnist.parity/9"),
            "is fmnist.parity/9, this fmnist reads fmnist.parity/4; update fmnist",
        ),
        (lambda record: record["candidates"][0].pop("answers"), "candidates[0].answers is missing"),
        (
            lambda record: record["candidates"][0]["answers"].update(worse="many"),
            "candidates[0].answers.worse is not an integer",
        ),
        (
            lambda record: record["candidates"][4]["changes"]["flips"]["true"].append(3),
            "candidates[4].changes is not of 10 classes",
        ),
        (
            lambda record: record["candidates"][4]["changes"]["pairs"][0].update(candidate=10),
            "candidates[4].changes is not of 10 classes",
        ),
        (
            lambda record: record["candidates"][4]["changes"]["flips"]["images"].__setitem__(0, 10_000),
            "candidates[4].changes names images beyond the last",
        ),
        (
            lambda record: record["candidates"][0]["answers"]["accuracy_difference_interval"].update(
                low=None
            ),
            "candidates[0].answers.accuracy_difference_interval.low is not a number",
        ),
        (
            lambda record: record["candidates"][0]["calibration"]["candidate_bins"]["accuracy"].pop(),
            "candidates[0].calibration is not of 15 bins",
        ),
        (
            lambda record: record["candidates"][0]["calibration"]["reference_bins"]["images"].__setitem__(
                14, -1
            ),
            "candidates[0].calibration is not of 15 bins",
        ),
        (
            lambda record: record["candidates"][0]["gate"].update(max_drop=-1),
            "candidates[0].gate is invalid: a gate's limits are fractions",
        ),
    ],
)
def test_a_damaged_result_is_one_line_and_no_page(run, fmnist, change, reason):
    record = json.loads((run / "parity.json").read_text())
    change(record)
    (run / "parity.json").write_text(json.dumps(record))
    result = fmnist("report", run)
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line.startswith(f"fmnist: {run / 'parity.json'}: is ")
    assert reason in line
    assert not (run / "report.html").exists()


def test_a_result_that_was_cut_off_is_one_line_with_what_to_do(run, fmnist):
    content = (run / "bench.json").read_bytes()
    for rest in (content[: len(content) // 2], b""):
        (run / "bench.json").write_bytes(rest)
        result = fmnist("report", run)
        assert result.returncode == 1
        [line] = result.stderr.splitlines()
        assert line.startswith(f"fmnist: {run / 'bench.json'}: is ")
        assert line.endswith("; remove it and make it again")
