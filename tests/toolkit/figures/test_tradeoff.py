"""Accuracy against time: where circles are, what they say, and where their names stand."""

from __future__ import annotations

import math
from itertools import combinations
from xml.etree import ElementTree

import pytest
from support.drawn import HOSTILE, NEAR, assert_ascending, model, of_class, parse, place, ticks, titles

from fmnist.figures.tradeoff import WIDE, TradeOff, best, draw_tradeoffs, tradeoff_chart
from fmnist.runs.reading import read_run
from fmnist.runs.run import Run
from fmnist.text.tables import microseconds, percent, printable, size
from fmnist_runtime.timing.samples import Percentile

MODELS = [
    model("model.keras", 0.875, 1400, 1_250_000, "keras"),
    model("float32.tflite", 0.875, 5, 410_000),
    model("int8.tflite", 0.874, 2.5, 118_000),
    model("int8-full.tflite", 0.872, 2.9, 120_000),
    model("int8.onnx", 0.874, 7, 117_000, "onnx"),
]


def circles(svg: ElementTree.Element) -> dict[int, tuple[float, float, float, bool]]:
    """Of each model: place, radius, and whether it is one of the best."""
    return {
        int(point.get("data-mark")): (
            *(float(point.find("circle").get(key)) for key in ("cx", "cy", "r")),
            "best" in point.get("class").split(),
        )
        for point in of_class(svg, "point")
    }


def boxes(svg: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """Where names are, in letters 6 wide and 12 high."""
    found = []
    for name in of_class(svg, "label"):
        half = 3 * len(name.text)
        x, y = float(name.get("x")), float(name.get("y"))
        found.append((x - half, y - 10, x + half, y + 2))
    return found


def assert_apart(svg: ElementTree.Element) -> None:
    places = boxes(svg)
    for (a, b, c, d), (e, f, g, h) in combinations(places, 2):
        assert c <= e or g <= a or d <= f or h <= b
    _, _, width, height = map(float, svg.get("viewBox").split())
    for left, top, right, bottom in places:
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height


def test_every_model_lies_where_it_was_measured_by_the_ticks():
    svg = parse(tradeoff_chart(MODELS).svg)
    across, upwards = ticks(svg, "x"), ticks(svg, "y")
    assert_ascending(across)
    assert_ascending(upwards)
    found = circles(svg)
    assert found.keys() == {0, 1, 2, 3, 4}
    for mark, each in enumerate(MODELS):
        x, y, radius, _ = found[mark]
        assert x == pytest.approx(place(each.timing.p50_us.value, across, logarithmic=True), abs=NEAR)
        assert y == pytest.approx(place(each.evaluation.accuracy, upwards), abs=NEAR)
        # Areas are as files; a radius of 20 for the largest is off by 0.05 like each other.
        assert radius == pytest.approx(20 * math.sqrt(each.size_bytes / 1_250_000), abs=0.05)


def test_the_best_are_filled_and_the_message_tells_them():
    svg = parse(tradeoff_chart(MODELS).svg)
    assert {mark for mark, (*_, best) in circles(svg).items() if best} == {1, 2, 4}
    assert {name.get("data-mark") for name in of_class(svg, "name", "best")} == {"1", "2", "4"}
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == (
        "Accuracy against median time. Best trade-offs: int8.tflite with 87.40%, 2.50 µs and 118.0 kB; "
        "float32.tflite with 87.50%, 5.00 µs and 410.0 kB; int8.onnx with 87.40%, 7.00 µs and 117.0 kB."
    )
    assert tradeoff_chart(MODELS).sizes == (117_000, 1_250_000)


def test_small_files_lie_on_large_ones():
    drawn = [int(point.get("data-mark")) for point in of_class(parse(tradeoff_chart(MODELS).svg), "point")]
    assert drawn == [0, 1, 3, 2, 4]


def test_the_original_has_no_difference_from_itself_to_draw():
    svg = parse(tradeoff_chart([model("model.keras", 0.875, 1400, 1_250_000, "keras")]).svg)
    [point] = of_class(svg, "point")
    [bar] = of_class(point, "interval")
    assert bar.get("y1") == bar.get("y2")


def test_what_was_really_measured_is_told(tiny_run):
    run = read_run(Run(tiny_run))
    svg = parse(tradeoff_chart(run.models).svg)
    across, upwards = ticks(svg, "x"), ticks(svg, "y")
    points = {int(point.get("data-mark")): point for point in of_class(svg, "point")}
    timed = {mark: each for mark, each in enumerate(run.models) if each.timing}
    assert points.keys() == timed.keys()
    for mark, each in timed.items():
        found = each.timing.p50_us
        [told] = titles(points[mark])
        assert told.startswith(f"{each.name}: accuracy {percent(each.evaluation.accuracy)} (")
        assert told.endswith(
            f", median {microseconds(found.value)} µs ({microseconds(found.low)} to "
            f"{microseconds(found.high)}), {size(each.size_bytes)}"
        )
        bars = of_class(points[mark], "interval")
        assert [float(bars[0].get(key)) for key in ("x1", "x2")] == pytest.approx(
            [place(end, across, logarithmic=True) for end in (found.low, found.high)], abs=NEAR
        )
        answers = each.parity.answers
        ends = [
            answers.reference_accuracy + end
            for end in (
                answers.accuracy_difference_interval.high,
                answers.accuracy_difference_interval.low,
            )
        ]
        assert [float(bars[1].get(key)) for key in ("y1", "y2")] == pytest.approx(
            [place(end, upwards) for end in ends], abs=NEAR
        )
    assert_apart(svg)


def test_what_is_not_known_is_left_out_and_named():
    models = [*MODELS[:2], model("a", p50=None), model("b", accuracy=None), model("c", size=0)]
    chart = tradeoff_chart(models)
    assert circles(parse(chart.svg)).keys() == {0, 1}
    assert chart.left_out == (("a", "median time"), ("b", "accuracy"), ("c", "size"))


def test_without_times_there_is_no_chart():
    chart = tradeoff_chart([model("a", p50=None), model("b", p50=None)])
    assert chart.svg is None
    assert chart.sizes == ()
    assert chart.left_out == (("a", "median time"), ("b", "median time"))


def test_one_model_alone():
    svg = parse(tradeoff_chart([model("a", 1.0, 3.0)]).svg)
    assert_ascending(ticks(svg, "x"))
    assert_ascending(ticks(svg, "y"))
    assert max(ticks(svg, "y")) <= 1  # there is nothing beyond 100%
    [(_, _, radius, is_best)] = circles(svg).values()
    assert (radius, is_best) == (20, True)


@pytest.mark.parametrize("count", [2, 9, 20])
def test_names_of_alike_models_do_not_hide_each_other(count):
    assert_apart(parse(tradeoff_chart([model(f"model-{number}.tflite") for number in range(count)]).svg))


def test_hostile_names_are_text_and_short():
    svg = parse(tradeoff_chart([model(name, 0.9 - n / 100, 3 + n) for n, name in enumerate(HOSTILE)]).svg)
    assert not [*svg.iter("script")]
    assert not [each for each in svg.iter() if any(key.startswith("on") for key in each.attrib)]
    assert [title.split(": accuracy")[0] for title in titles(svg)] == list(map(printable, HOSTILE))
    assert max(len(name.text) for name in of_class(svg, "label")) == 50
    assert "a??[31m?b" in {name.text for name in of_class(svg, "label")}


def point(label: str, accuracy: float, speed: float, **options) -> TradeOff:
    """A configuration of a benchmark, of which no comparison with an original is known."""
    return TradeOff(label, "tflite", accuracy, Percentile(speed, 0.9 * speed, 1.2 * speed), 1000, **options)


def test_of_a_benchmark_the_interval_of_the_speed_is_drawn_alone():
    points = [point("a", 0.875, 5.0), point("b", 0.87, 2.5)]
    svg = parse(draw_tradeoffs(points, "p50 of a call, µs", WIDE))
    across = ticks(svg, "x")
    [title] = of_class(svg, "title")
    assert title.text == "p50 of a call, µs"
    for each, drawn in zip(points, of_class(svg, "point"), strict=True):
        assert drawn.get("data-mark") is None
        [bar] = of_class(drawn, "interval")
        ends = [place(end, across, logarithmic=True) for end in (each.speed.low, each.speed.high)]
        assert [float(bar.get(key)) for key in ("x1", "x2")] == pytest.approx(ends, abs=NEAR)
    assert titles(svg)[0] == "a: accuracy 87.50%, median 5.00 µs (4.50 to 6.00), 1.0 kB"


def test_of_throughput_more_is_faster():
    points = [point("slow", 0.9, 1000, unit="images/s", more_is_faster=True),
              point("fast", 0.9, 2000, unit="images/s", more_is_faster=True)]  # fmt: skip
    svg = parse(draw_tradeoffs(points, "images a second"))
    assert [name.text for name in of_class(svg, "label") if name.text] == ["fast", "slow"]
    assert svg.get("aria-label") == (
        "Accuracy against throughput. Best trade-offs: fast with 90.00%, 2,000 images/s and 1.0 kB."
    )


def test_names_of_a_sweep_do_not_hide_each_other():
    points = [
        point(f"tflite int8, {threads} threads, batch {batch}", 0.875, 2.5 * batch**0.7 / threads**0.2)
        for threads in (1, 2, 4)
        for batch in (1, 8, 64, 256)
    ]
    assert sum(best(points)) == 1
    assert_apart(parse(draw_tradeoffs(points, "µs", WIDE)))


def test_accuracies_are_ticked_up_to_100_percent():
    found = ticks(parse(draw_tradeoffs([point("a", 0.975, 3), point("b", 0.1, 1)], "µs")), "y")
    assert list(found) == [0, 0.5, 1]
