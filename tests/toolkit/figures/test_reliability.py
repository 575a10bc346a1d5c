"""Accuracy by confidence: both curves where the bins say, and how many images are in each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.drawn import HOSTILE, NEAR, assert_ascending, of_class, parse, place, ticks, titles

from fmnist.figures.reliability import calibration_errors, reliability_panels
from fmnist.runs.reading import read_run
from fmnist.runs.run import Run
from fmnist_runtime.parity.calibration import Reliability


@pytest.fixture(scope="module")
def run(tiny_run):
    return read_run(Run(tiny_run))


def curves(svg, classes: str) -> list[tuple[float, float]]:
    groups = of_class(svg, classes)
    return [
        (float(mark.get("cx")), float(mark.get("cy"))) for group in groups for mark in of_class(group, "mark")
    ]


def test_a_panel_for_each_artifact_with_both_curves(run):
    panels = reliability_panels(run.models)
    assert [(panel.mark, panel.name) for panel in panels] == [
        (mark, model.name) for mark, model in enumerate(run.models) if mark
    ]
    for panel, model in zip(panels, run.artifacts, strict=True):
        svg = parse(panel.svg)
        across = ticks(svg, "x")
        # 100% is left out: the axis of images below has a 1, too.
        upwards = {value: y for value, y in ticks(svg, "y").items() if value < 1}
        assert_ascending(across)
        found = model.parity.calibration
        for classes, bins in (("original", found.reference_bins), (model.format, found.candidate_bins)):
            drawn = curves(svg, classes)
            assert len(drawn) == sum(count > 0 for count in bins.images)
            for mark, (said, was) in zip(drawn, bins.points, strict=True):
                assert mark == pytest.approx((place(said, across), place(was, upwards)), abs=NEAR)


def test_bars_tell_how_many_images(run):
    panel, model = reliability_panels(run.models)[0], run.artifacts[0]
    svg, bins = parse(panel.svg), model.parity.calibration.candidate_bins
    [bars] = [group for group in of_class(svg, model.format) if of_class(group, "count")]
    heights = [float(bar.get("height")) for bar in of_class(bars, "count")]
    counts = [count for count in bins.images if count]
    assert sorted(heights) == [height for _, height in sorted(zip(counts, heights, strict=True))]
    last = f"confidence 93 to 100%: {bins.images[14]:,} images, "
    last += f"mean confidence {100 * bins.confidence[14]:.1f}%, accuracy {100 * bins.accuracy[14]:.1f}%"
    assert titles(bars)[-1] == last


def test_errors_are_told(run):
    for panel, model in zip(reliability_panels(run.models), run.artifacts, strict=True):
        found = model.parity.calibration
        assert parse(panel.svg).get("aria-label") == (
            f"Accuracy by confidence of {model.name}: expected calibration error {found.candidate_ece:.4f}, "
            f"of the original {found.reference_ece:.4f}."
        )
        interval = found.ece_difference_interval
        assert panel.errors == (
            f"calibration error {found.candidate_ece:.4f}, original {found.reference_ece:.4f}",
            f"difference {found.ece_difference:+z.4f} "
            f"(95% interval {interval.low:+z.4f} to {interval.high:+z.4f})",
        )


def test_no_difference_of_calibration_has_no_minus(run):
    """An error that is smaller by 1e-9 is not smaller by -0.0000."""
    found = run.artifacts[0].parity.calibration
    almost = type(found.ece_difference_interval)(-1e-9, 1e-9)
    same = replace(found, ece_difference=-1e-9, ece_difference_interval=almost)
    assert calibration_errors(same)[1] == "difference +0.0000 (95% interval +0.0000 to +0.0000)"


def test_all_images_in_one_bin(run):
    bins = Reliability((*[0] * 14, 3), (*[None] * 14, 0.95), (*[None] * 14, 1.0))
    parity = run.artifacts[0].parity
    calibration = replace(parity.calibration, reference_bins=bins, candidate_bins=bins)
    model = replace(run.artifacts[0], parity=replace(parity, calibration=calibration))
    [panel] = reliability_panels([model])
    svg = parse(panel.svg)
    assert len(curves(svg, "original")) == len(curves(svg, model.format)) == 1
    assert titles(svg)[0] == "confidence 93 to 100%: 3 images, mean confidence 95.0%, accuracy 100.0%"


def test_without_a_comparison_there_is_no_panel(run):
    assert reliability_panels([replace(model, parity=None) for model in run.models]) == ()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_in_the_attribute(run, name):
    [panel] = reliability_panels([replace(run.artifacts[0], name=name)])
    svg = parse(panel.svg)
    assert not [*svg.iter("script")]
    assert svg.attrib.keys() == {"viewBox", "role", "aria-label"}
