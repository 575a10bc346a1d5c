"""What can be asserted of a benchmark is read before anything is measured, and what cannot is said."""

from __future__ import annotations

import pytest
from support import TINY
from support.bench_files import document, entry, write

from fmnist.bench.assertions import FIGURES, parse_assertion


def parse(text: str, scenario: str = "latency"):
    return parse_assertion(text, scenario)


@pytest.mark.parametrize(
    ("text", "name", "operator", "number"),
    [
        ("p99<200us", "p99", "<", 200),
        ("p50 <= 2.614 us", "p50", "<=", 2.614),
        ("p99.9<0.5ms", "p99.9", "<", 500),
        ("p90>2614ns", "p90", ">", 2.614),
        ("max<1s", "max", "<", 1e6),
        ("first<1e3\u00b5s", "first", "<", 1000),
        ("load<1\u03bcs", "load", "<", 1),
        ("size<=118.346kB", "size", "<=", 118_346),
        ("memory < 50 MB", "memory", "<", 50_000_000),
        ("size>=.5B", "size", ">=", 0.5),
    ],
)
def test_limits_are_exact_in_the_unit_that_figures_are_recorded_in(text, name, operator, number):
    found = parse(text)
    assert (found.text, found.name, found.operator, found.number) == (text, name, operator, number)
    assert not found.of_baseline


@pytest.mark.parametrize("unit", ["images/s", "/s"])
def test_throughput(unit):
    assert parse(f"throughput>=1000{unit}", "throughput").number == 1000


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("p50<=1.05*baseline", 1.05),
        ("p50<baseline", 1),
        ("p50 > 0.9 * baseline", 0.9),
        ("size<=2e0*baseline", 2),
    ],
)
def test_limits_of_the_baseline(text, factor):
    found = parse(text)
    assert (found.number, found.of_baseline) == (factor, True)


FORM = "is not FIGURE<LIMIT, in quotes, such as 'p99<200us'; <=, > and >= do, too"
POSITIVE = "a limit is a number more than 0 and at most 1e+18"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("p99", f"'p99' {FORM}"),
        ("p99<", f"'p99<' {FORM}"),
        ("", f"'' {FORM}"),
        ("p99=3us", f"'p99=3us' {FORM}"),
        ("p99<>3us", f"'p99<>3us' {FORM}"),
        ("1us<p99<3us", f"'1us<p99<3us' {FORM}"),
        ("P99<3us", f"'P99<3us': unknown figure 'P99': give {', '.join(list(FIGURES)[:-1])} or throughput"),
        ("p99<200usec", "'p99<200usec': unknown unit 'usec': give ns, us, ms or s"),
        ("p99<200", "'p99<200': 200 has no unit: give ns, us, ms or s"),
        ("p99<200kB", "'p99<200kB': unknown unit 'kB': give ns, us, ms or s"),
        ("size<1KB", "'size<1KB': unknown unit 'KB': give B, kB or MB"),
        ("p99<us", "'p99<us': 'us' is neither a number with a unit nor FACTOR*baseline"),
        ("p99<fast", "'p99<fast': 'fast' is neither a number with a unit nor FACTOR*baseline"),
        ("p99<1.2.3us", "'p99<1.2.3us': '1.2.3' is not a number"),
        ("p99<x*baseline", "'p99<x*baseline': 'x' is not a number"),
        ("p99<*baseline", "'p99<*baseline': '' is not a number"),
        ("p99<1,05*baseline", "'p99<1,05*baseline': '1,05' is not a number"),
        ("p99<-1us", f"'p99<-1us': {POSITIVE}"),
        ("p99<0us", f"'p99<0us': {POSITIVE}"),
        ("p99<nan us", f"'p99<nan us': {POSITIVE}"),
        ("p99<infus", f"'p99<infus': {POSITIVE}"),
        ("p99<1e999us", f"'p99<1e999us': {POSITIVE}"),
        ("p99<1e17s", f"'p99<1e17s': {POSITIVE}"),
        ("p99<nan*baseline", f"'p99<nan*baseline': {POSITIVE}"),
        ("p99<snan*baseline", "'p99<snan*baseline': 'snan' is not a number"),
        ("p99<-2*baseline", f"'p99<-2*baseline': {POSITIVE}"),
    ],
)
def test_what_is_no_assertion(text, said):
    with pytest.raises(ValueError, match="'") as error:
        parse(text)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("text", "scenario", "measures"),
    [
        ("throughput>1/s", "latency", "p50, p90, p99, p99.9, max, load, first, memory or size"),
        ("p50<1us", "throughput", "load, first, memory, size or throughput"),
    ],
)
def test_what_a_scenario_does_not_measure(text, scenario, measures):
    with pytest.raises(
        ValueError, match=f"--scenario {scenario} does not measure .*; it measures {measures}$"
    ):
        parse(text, scenario)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--assert", "p99<200usec"], "--assert 'p99<200usec': unknown unit 'usec': give ns, us, ms or s"),
        (
            ["--assert", "p50<=1.05*baseline"],
            "--assert refers to a baseline; give its JSON with --baseline FILE",
        ),
        (
            ["--baseline", "a.json"],
            "--baseline is for --assert, such as 'p50<=1.05*baseline'; give that, too",
        ),
        (
            ["--baseline", "a.json", "--assert", "p50<3us"],
            "--baseline is for --assert, such as 'p50<=1.05*baseline'; give that, too",
        ),
        (
            ["--baseline", "a.json", "--assert", "p50<=baseline", "--json", "a.json"],
            "a.json is read, and would be replaced; give another file for the result",
        ),
    ],
)
def test_usage_is_checked_before_anything_is_measured(fmnist, arguments, said):
    result = fmnist("bench", TINY / "export" / "model-int8.tflite", *arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert said in result.stderr


def test_a_baseline_that_is_none_is_told_of_before_anything_is_measured(tmp_path, fails):
    gate = ("bench", TINY / "export" / "model-int8.tflite", "--assert", "p50<=baseline", "--baseline")
    assert "absent.json: no such file" in fails(*gate, "absent.json")
    write(tmp_path / "new.json", document(entry(), schema="fmnist.bench/3"))
    assert "is fmnist.bench/3, this fmnist reads fmnist.bench/2; update fmnist" in fails(*gate, "new.json")
    write(tmp_path / "cold.json", document(entry(), scenario="cold-start"))
    assert "is of --scenario latency, and cold.json of cold-start" in fails(*gate, "cold.json")
