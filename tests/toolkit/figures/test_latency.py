"""Times of calls: a row for each model, with its shape and its marks."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from support.drawn import (
    HOSTILE,
    NEAR,
    assert_ascending,
    model,
    of_class,
    parse,
    place,
    ticks,
    timing,
    titles,
)

from fmnist.figures.latency import latency_chart
from fmnist.runs.reading import read_run
from fmnist.runs.run import Run
from fmnist.text.tables import microseconds


def timed(name: str, *arguments, format: str = "tflite"):
    return replace(model(name, format=format), timing=timing(*arguments))


def area(row) -> list[tuple[float, float]]:
    """The corners of a row's outline."""
    [shape] = of_class(row, "area")
    x, y, corners = 0.0, 0.0, []
    for command, values in re.findall(r"([MHV])([-\d. ]+)", shape.get("d")):
        if command == "M":
            x, y = map(float, values.split())
        elif command == "H":
            x = float(values)
        else:
            y = float(values)
        corners.append((x, y))
    return corners


def test_the_fastest_is_on_top_and_every_row_has_its_mark():
    models = [timed("slow", [40, 50, 900]), timed("untimed", [1]), timed("fast", [2, 2.1])]
    models[1] = replace(models[1], timing=None)
    svg = parse(latency_chart(models))
    assert [row.get("data-mark") for row in of_class(svg, "row")] == ["2", "0"]
    assert [name.text for name in of_class(svg, "label")] == ["fast", "slow"]
    assert svg.get("aria-label") == "Times of calls. Medians: fast 2.00 µs; slow 50.0 µs."


def test_shape_and_line_reach_from_the_shortest_to_the_longest_by_the_ticks():
    svg = parse(latency_chart([timed("a", [4, 5, 90], [10, 40, 1]), timed("b", [2, 3])]))
    across = ticks(svg, "x")
    assert_ascending(across)
    [row] = [each for each in of_class(svg, "row") if each.get("data-mark") == "0"]
    [line] = of_class(row, "curve")
    ends = [place(time, across, logarithmic=True) for time in (4, 90)]
    assert [float(line.get(key)) for key in ("x1", "x2")] == pytest.approx(ends, abs=NEAR)
    corners, ground = area(row), float(line.get("y1"))
    # 51 calls: 40 fill the row's 36, 10 a quarter of that, and the last one 0.9.
    assert sorted({round(ground - y, 1) for _, y in corners}) == [0, 0.9, 9, 36]
    fullest = [x for x, y in corners if round(ground - y, 1) == 36]
    at = place(5, across, logarithmic=True)
    # A bin is a 300th of the range from 2 to 90, of some 690 places: 2.3, and no place in it is farther away.
    assert min(fullest) - 2.3 - NEAR <= at <= max(fullest) + 2.3 + NEAR
    assert corners[0][1] == corners[-1][1] == ground


def test_what_was_really_measured_is_told(tiny_run):
    run = read_run(Run(tiny_run))
    svg = parse(latency_chart(run.models))
    across = ticks(svg, "x")
    rows = {int(row.get("data-mark")): row for row in of_class(svg, "row")}
    measured = {mark: each for mark, each in enumerate(run.models) if each.timing}
    assert rows.keys() == measured.keys() == set(range(1, 7))
    for mark, each in measured.items():
        told, found = titles(rows[mark]), each.timing
        assert (
            told[0] == f"{each.name} ({found.verdict}): {found.calls:,} calls"
        )  # two processes prove nothing
        assert f"longest: {microseconds(found.max_us)} µs" in told
        for name, percentile in found.percentiles.items():
            if percentile:
                low, high = microseconds(percentile.low), microseconds(percentile.high)
                value = microseconds(percentile.value)
                assert f"{name}: {value} µs (95% interval {low} to {high})" in told
        assert len(told) == 2 + sum(each is not None for each in found.percentiles.values())
        if found.p50_us:
            [median] = of_class(rows[mark], "median")
            expected = place(found.p50_us.value, across, logarithmic=True)
            assert float(median.get("x1")) == pytest.approx(expected, abs=NEAR)


def test_names_stand_beside_their_shape_inside_the_chart():
    models = [timed("left.tflite", [2, 2.1]), timed("right-int8-full.tflite", [2000, 2100])]
    svg = parse(latency_chart(models))
    _, _, width, _ = map(float, svg.get("viewBox").split())
    for row, side in zip(of_class(svg, "row"), (1, -1), strict=True):
        [name] = of_class(row, "label")
        start = float(name.get("x"))
        end = start + 6 * len(name.text)
        shape = [x for x, _ in area(row)]
        assert start >= 0
        assert end <= width
        assert start > max(shape) if side == 1 else end < min(shape)


def test_a_coarse_clock_and_a_lone_time():
    svg = parse(latency_chart([timed("a", [0.0]), timed("b", [0.0, 0.001])]))
    assert_ascending(ticks(svg, "x"))
    assert "nan" not in str(latency_chart([timed("a", [0.0])]))
    assert len(of_class(svg, "row")) == 2


def test_without_times_there_is_no_chart():
    assert latency_chart([replace(model("a"), timing=None)]) is None


def test_a_shape_is_short_however_many_times_there_are():
    random = np.random.default_rng(0)
    times = np.unique(np.round(random.lognormal(1, 0.5, 200_000), 3))
    svg = latency_chart([timed("a", times, np.ones(len(times)))])
    assert len(str(svg)) < 12_000


def test_hostile_names_are_text():
    svg = parse(latency_chart([timed(name, [n + 1, n + 2]) for n, name in enumerate(HOSTILE)]))
    assert not [*svg.iter("script")]
    assert not [each for each in svg.iter() if any(key.startswith("on") for key in each.attrib)]
    assert max(len(name.text) for name in of_class(svg, "label")) == 60
    assert "a??[31m?b" in {name.text for name in of_class(svg, "label")}
