"""What became faster or slower, on figures that are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from support.bench_files import SIX, document, entry, interval, recorded, write

from fmnist.bench.compare import (
    ALIKE,
    CANNOT_TELL,
    FASTER,
    SLOWER,
    compare,
    median_interval,
    ratio_of_medians,
)
from fmnist.bench.compare_report import comparison_markdown, comparison_text
from fmnist.bench.record import read_benchmark
from fmnist_runtime.errors import ResultError


def times(factor: float) -> list[float]:
    return [factor * median for median in SIX]


@pytest.fixture
def changed(tmp_path):
    """The one change between two benchmarks of one model."""

    def run(old: dict, new: dict, **method: object):
        [pair] = compare(
            recorded(tmp_path / "old.json", old, **method), recorded(tmp_path / "new.json", new, **method)
        ).comparisons
        [change] = pair.results
        return change

    return run


@pytest.mark.parametrize("processes", [5, 6, 11])
def test_the_interval_is_that_of_scipy(processes):
    """Whose resamples are drawn in the same order, and are as many unless told otherwise."""
    random = np.random.default_rng(3)
    new, old = random.lognormal(1, 0.05, (2, processes))
    found = stats.bootstrap(
        (new, old),
        lambda new, old, axis: np.median(new, axis=axis) / np.median(old, axis=axis),
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    assert median_interval(new, old) == pytest.approx((found.low, found.high), rel=1e-12)


def test_a_ratio_is_of_medians_over_processes():
    ratio, low, _ = ratio_of_medians([11.0, 12.0, 13.0, 14.0, 99.0], [1.0, 9.0, 10.0, 11.0, 12.0])
    assert ratio == 1.3
    assert low is not None


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [(1.0, ALIKE), (1.06, CANNOT_TELL), (1.5, SLOWER), (0.94, CANNOT_TELL), (0.5, FASTER)],
)
def test_a_verdict_needs_the_whole_interval_beyond_5_percent_or_within(changed, factor, verdict):
    """The processes differ by 4%, so that 6% may be 5."""
    change = changed(entry(), entry(times(factor)))
    assert change.ratio == pytest.approx(factor, rel=1e-12)
    assert change.low < factor < change.high
    assert change.verdict == verdict
    assert change.notes == ()


def test_processes_that_agree_exactly():
    """Then the interval is the ratio; 5% itself is not beyond 5%."""
    for new, verdict in ((10.5, False), (10.51, True)):
        ratio, low, high = ratio_of_medians([new] * 6, [10.0] * 6)
        assert low == high == ratio
        assert (low > 1.05) == verdict


def test_throughput_is_faster_when_there_is_more(changed):
    old, new = (entry(rates=times(factor)) for factor in (100, 200))
    change = changed(old, new, scenario="throughput")
    assert change.ratio == pytest.approx(2)
    assert change.verdict == FASTER
    assert changed(new, old, scenario="throughput").verdict == SLOWER


def test_fewer_than_five_processes_tell_nothing(changed, tmp_path):
    change = changed(entry(), entry(times(2)[:4]))
    assert change.ratio == pytest.approx(2, rel=0.01)
    assert (change.low, change.high) == (None, None)
    assert change.verdict == CANNOT_TELL
    assert change.notes == (
        f"{tmp_path / 'new.json'} has 4 processes, and an interval needs 5; try --processes 6",
    )


def test_what_speaks_against_a_side_is_said(tmp_path):
    old = recorded(tmp_path / "old.json", entry(verdict="THROTTLED"))
    new = recorded(tmp_path / "new.json", entry(times(0.5)[:5]), rounds=4)
    [change] = compare(old, new).comparisons[0].results
    assert change.verdict == FASTER
    assert change.notes == (
        f"{old.path} is THROTTLED",
        f"{new.path} was interrupted after 4 of 6 rounds",
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            {},
            {"scenario": "cold-start"},
            "new.json: is of --scenario cold-start, and old.json of latency; time both alike",
        ),
        (
            {"scenario": "periodic", "hz": 30.0},
            {"scenario": "periodic", "hz": 60.0},
            "new.json: is of --hz 60, and old.json of 30; time both alike",
        ),
        ({}, {"batch": 8}, "new.json: has other batches (8) than old.json (1); time the same ones"),
        ({}, {"threads": 2}, "new.json: has other threads (2) than old.json (1); time the same ones"),
        (
            {},
            {"runner": "numpy"},
            "new.json: has other engines (numpy) than old.json (tflite); time the same ones",
        ),
        (
            {},
            {"name": "b.onnx"},
            "new.json: has other models (b.onnx) than old.json (model-int8.tflite); time the same ones",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path, monkeypatch, old, new, said):
    monkeypatch.chdir(tmp_path)
    method = ("scenario", "hz")
    for name, changes in (("old.json", old), ("new.json", new)):
        model = {key: value for key, value in changes.items() if key not in method}
        how = {key: value for key, value in changes.items() if key in method}
        write(tmp_path / name, document(entry(**model), **how))
    with pytest.raises(ResultError) as error:
        compare(read_benchmark(Path("old.json")), read_benchmark(Path("new.json")))
    assert str(error.value) == said


def test_the_pace_does_not_matter_where_there_is_none(tmp_path):
    assert compare(
        recorded(tmp_path / "a.json", entry(), hz=30.0), recorded(tmp_path / "b.json", entry(), hz=60.0)
    )


def test_what_only_one_has_is_listed(tmp_path):
    old = recorded(tmp_path / "old.json", entry(), entry(name="gone.onnx"), entry(threads=2))
    new = recorded(tmp_path / "new.json", entry(), entry(name="fresh.npz"), entry(threads=2))
    text = comparison_text(compare(old, new))
    assert f"in {old.path}, but not in {new.path}: gone.onnx\n" in text
    assert f"in {new.path}, but not in {old.path}: fresh.npz\n" in text
    assert "threads" in text


@pytest.fixture
def pair(tmp_path):
    """old.json and new.json, which took half as long on another machine."""
    write(tmp_path / "old.json", document(entry()))
    p50 = interval(5.0, 4.9, 5.1)
    here = {"machine": "x86_64", "cpu": "EPYC", "cores": 1, "system": "Linux"}
    environment = document()["environment"] | here
    model = entry(times(0.5), p50_us=p50, engine="ai-edge-litert 2.4.0")
    write(tmp_path / "new.json", document(model, environment=environment))


def test_the_command(pair, fmnist):
    result = fmnist("compare", "old.json", "new.json")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "old: old.json: 2026-11-22T09:30:00+00:00, Cortex-A76, aarch64, 4 cores, Linux 6.12"
    assert lines[1] == "new: new.json: 2026-11-22T09:30:00+00:00, EPYC, x86_64, 1 core, Linux"
    assert lines[2] == "the machines differ: new/old compares machines and models together"
    header = "model engine old p50 µs new p50 µs new/old 95% interval verdict"
    assert " ".join(lines[4].split()) == header
    row = " ".join(lines[6].split())
    engines = "ai-edge-litert 2.3.0, then ai-edge-litert 2.4.0"
    assert row.startswith(f"model-int8.tflite {engines} 10.0 5.00 0.500 0.49")
    assert row.endswith(" faster")


def test_several_files_beside_one(pair, fmnist):
    result = fmnist("compare", "old.json", "old.json", "new.json")
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines() if line.startswith("model-")]
    assert [("old.json" in row, "new.json" in row, row[-1]) for row in rows] == [
        (True, False, "alike"),
        (False, True, "faster"),
    ]


def test_its_json_and_markdown(pair, tmp_path, fmnist):
    for _ in range(2):  # what it wrote is its own to replace
        result = fmnist("compare", "old.json", "new.json", "--json", "c.json", "--markdown", "c.md")
        assert result.returncode == 0, result.stderr
    record = json.loads((tmp_path / "c.json").read_text())
    assert record["schema"] == "fmnist.compare/1"
    [comparison] = record["comparisons"]
    [change] = comparison["results"]
    assert (change["name"], change["runner"], change["threads"], change["batch"]) == (
        "model-int8.tflite", "tflite", 1, 1,
    )  # fmt: skip
    assert change["ratio"] == 0.5
    assert 0.48 < change["low"] < 0.5 < change["high"] < 0.52
    assert change["verdict"] == "faster"
    assert change["old"]["process_medians_us"] == list(SIX)
    assert (
        (tmp_path / "c.md")
        .read_text()
        .startswith("### Compare: 0 slower, 1 faster, 0 alike, 0 cannot tell\n\n- old: ")
    )


APART = (2.4, 2.5, 2.6, 5.0, 5.1, 5.3)
"""Half of the processes took twice as long by chance: the median of all calls may be any time between."""


class Shown:
    """A number as it stands in a table, and what it may have been before it was rounded."""

    def __init__(self, text: str) -> None:
        digits = text.replace(",", "")
        half = 0.5 * 10 ** -len(digits.partition(".")[2])
        self.low, self.high = float(digits) - half, float(digits) + half


@pytest.mark.parametrize("report", [comparison_text, comparison_markdown])
@pytest.mark.parametrize("factor", [0.31, 0.62, 1.0, 1.307, 12.5])
@pytest.mark.parametrize(
    ("scenario", "unit"),
    [("latency", 1.0), ("periodic", 40.0), ("cold-start", 50_000.0), ("throughput", 3e5)],
)
def test_old_and_new_are_what_the_ratio_is_of(tmp_path, report, factor, scenario, unit):
    """Not the medians of all calls, which count each call of a process that was fast or slow by chance."""
    sides = []
    for name, times, p50 in (("old", APART, 2.535), ("new", APART[::-1], 3.313)):
        figures = [unit * (factor if name == "new" else 1) * time for time in times]
        pooled = {"value": unit * p50, "low": 0.0, "high": unit * 100}
        rates = {"rates": figures, "images_per_second": pooled} if scenario == "throughput" else {}
        model = entry(figures, p50_us=pooled, **rates)
        sides.append(recorded(tmp_path / f"{name}.json", model, scenario=scenario))
    [row] = [line for line in report(compare(*sides)).splitlines() if "model-int8" in line]
    old, new, ratio = (Shown(cell) for cell in row.replace("|", " ").split()[3:6])
    assert ratio.low <= factor <= ratio.high
    assert new.low / old.high <= ratio.high
    assert new.high / old.low >= ratio.low
    # The halves do not overlap: the median is the mean of 2.6 and 5, to the digits that are shown.
    scale = unit / 1000 if scenario == "cold-start" else unit
    assert old.low <= scale * 3.8 <= old.high


def test_the_json_has_what_the_ratio_is_of(tmp_path, fmnist):
    for name, medians, rates in (("old", APART, SIX), ("new", SIX, APART)):
        write(tmp_path / f"{name}.json", document(entry(medians, rates)))
    assert fmnist("compare", "old.json", "new.json", "--json", "c.json").returncode == 0
    [comparison] = json.loads((tmp_path / "c.json").read_text())["comparisons"]
    [change] = comparison["results"]
    old, new = change["old"], change["new"]
    assert (old["median_us"], new["median_us"]) == pytest.approx((3.8, 10.0))
    assert (old["median_images_per_second"], new["median_images_per_second"]) == pytest.approx((10.0, 3.8))
    assert change["ratio"] == new["median_us"] / old["median_us"]
    assert (old["p50_us"], new["p50_us"]) == (10.0, 10.0)  # of all calls, as bench.json has it


def test_cold_starts_are_told_in_milliseconds(tmp_path):
    """139,279 µs are 139 ms, to whoever waits for them."""
    cold = entry([139_279.0] * 6)
    side = recorded(tmp_path / "cold.json", cold, scenario="cold-start")
    header, _, row = comparison_text(compare(side, side)).split("\n\n")[1].splitlines()
    assert "old p50 ms  new p50 ms" in header
    assert row.split()[3:5] == ["139", "139"]


def test_markdown_on_stdout_stands_alone(pair, fmnist):
    result = fmnist("compare", "old.json", "new.json", "--markdown", "-")
    assert result.stdout.startswith("### Compare: ")
    assert "─" not in result.stdout
    assert fmnist("compare", "old.json", "new.json", "--markdown", "-", "--json", "-").returncode == 2


@pytest.mark.parametrize(("option", "place"), [("--json", "./new.json"), ("--markdown", "old.json")])
def test_what_is_compared_is_not_replaced(pair, tmp_path, fmnist, option, place):
    for path in tmp_path.iterdir():
        path.write_text(json.dumps(json.loads(path.read_text()), indent=1))  # as fmnist writes it
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    result = fmnist("compare", "old.json", "new.json", option, place)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"{Path(place)} is read, and would be replaced; give another file" in result.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_slower_model_is_no_failure(pair, fmnist):
    assert fmnist("compare", "new.json", "old.json").returncode == 0


def test_a_real_result_beside_itself(timed, fmnist):
    result = fmnist("compare", timed / "bench.json", timed / "bench.json")
    assert result.returncode == 0, result.stderr
    assert "has 2 processes, and an interval needs 5; try --processes 6" in result.stdout
    assert f"{timed / 'bench.json'} is compared with itself: give another file as NEW" in result.stdout


def test_bad_files(pair, fails):
    assert fails("compare", "old.json", "absent.json").startswith("fmnist: absent.json: no such file")


def test_a_name_that_moves_the_cursor(tmp_path):
    old = recorded(tmp_path / "old.json", entry(name="a|b\x1b[2J<i>"))
    assert "a|b?[2J<i>" in comparison_text(compare(old, old))
    assert "a\\|b?\\[2J&lt;i&gt;" in comparison_markdown(compare(old, old))
