"""The tables of docs/explanation/statistics.md: by the runtime's own functions, and of simulations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fmnist.bench.compare import LEAST_CHANGE, MIN_PROCESSES
from fmnist.results.timed import PERCENTILES
from fmnist_runtime.parity.gates import GATES, UNKNOWN_GATE, Gate, fewest_images
from fmnist_runtime.parity.intervals import agreement_interval, tango_interval
from fmnist_runtime.timing import trust
from fmnist_runtime.timing.samples import least_samples

RESULTS = Path(__file__).parent.parent.parent / "benchmarks" / "results"
BEGIN, END = "<!-- {}: made by docs/generator -->\n\n", "\n\n<!-- {}: end -->"
Rows = list[tuple[str, ...]]


def filled(text: str) -> str:
    """The page with its tables as the code and the results are.

    Raises:
        ValueError: The comments around a table are missing.
    """
    for name, rows in TABLES.items():
        begin, end = BEGIN.format(name), END.format(name)
        before, opened, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (opened and closed):
            raise ValueError(f"statistics.md lacks the comments around its table of {name}")
        header, *lines = rows()
        table = "\n".join(f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *lines))
        text = before + begin + table + end + after
    return text


def gates() -> Rows:
    """The limits of each scheme."""
    rows: Rows = [("scheme", "loss to be ruled out", "least agreement", "largest difference", "sure answers")]
    return (
        rows
        + [(f"`{name}`", *_limits(gate)) for name, gate in GATES.items()]
        + [("a file of others", *_limits(UNKNOWN_GATE))]
    )


def _limits(gate: Gate) -> tuple[str, ...]:
    return (
        f"{100 * gate.max_drop:.1f} points",
        f"{100 * gate.min_agreement:g}%" if gate.min_agreement else "any",
        "any" if gate.max_difference is None else f"{gate.max_difference:g}",
        "any" if gate.max_confident_share is None else f"{100 * gate.max_confident_share:g}%",
    )


def ruled_out() -> Rows:
    """What can be ruled out with so many images, at best and where answers change."""
    rows: Rows = [("test images", "no answer changes", "2 in 100 do, half of them each way")]
    for images in (100, 300, 1000, 3000, 10_000, 60_000):
        changed = images // 100
        losses = (-tango_interval(count, count, images).low for count in (0, changed))
        rows.append((f"{images:,}", *(f"{100 * loss:.3g} points" for loss in losses)))
    return rows


def needed() -> Rows:
    """The fewest images with which a scheme's gate can be passed at all."""
    rows: Rows = [("scheme", "loss to be ruled out", "images needed, where no answer changes")]
    return rows + [
        (f"`{name}`", f"{100 * gate.max_drop:.1f} points", f"{fewest_images(gate.max_drop):,}")
        for name, gate in GATES.items()
    ]


def agreement() -> Rows:
    """What is sure of the agreement where all answers agree, and where one in a hundred does not."""
    rows: Rows = [("test images", "all agree: at least", "1 in 100 does not: 95% interval")]
    for images in (100, 1000, 10_000):
        alike, most = agreement_interval(images, images), agreement_interval(images - images // 100, images)
        span = f"{100 * most.low:.2f} to {100 * most.high:.2f}%"
        rows.append((f"{images:,}", f"{100 * alike.low:.2f}%", span))
    return rows


def tango_coverage() -> Rows:
    """How often Tango's interval has the truth in it, and how often a model that is just too bad passes."""
    rows: Rows = [
        ("discordant", "truly worse by", "covered", "exactly", "passes a gate of that loss", "exactly")
    ]
    for item in _result("parity_coverage")["scenarios"]:
        shares = [_share(item["covered"]), _share(item["passed"])]
        cells = [cell for share in shares for cell in share]
        rows.append((f"{100 * item['discordance']:g}%", f"{100 * item['drop']:g} points", *cells))
    return rows


def _share(share: dict[str, float] | None) -> tuple[str, str]:
    if share is None:
        return "-", "-"
    simulated = f"{100 * share['simulated']:.1f} ± {100 * share['standard_error']:.1f}%"
    return simulated, f"{100 * share['exact']:.1f}%"


def samples() -> Rows:
    """The fewest samples that tell a percentile."""
    rows: Rows = [("percentile", "samples needed")]
    return rows + [(name, f"{least_samples(percent):,}") for name, percent in PERCENTILES.items()]


def processes() -> Rows:
    """What six processes cover, and what they would if their calls were taken for independent."""
    rows: Rows = [("processes differ by", "percentile", "covered", "if all calls were taken for independent")]
    for item in _result("percentile_coverage")["processes"]:
        covered = f"{100 * item['covered']:.1f} ± {100 * item['standard_error']:.1f}%"
        alone = f"{100 * item['taken_for_independent']:.1f}%"
        rows.append((f"{100 * item['spread']:g}%", f"p{item['percent']:g}", covered, alone))
    return rows


def verdicts() -> Rows:
    """What each verdict is given for."""
    fall, change, deviation, middle, block = (
        f"{100 * limit:g}%"
        for limit in (
            trust.MAX_FREQUENCY_FALL,
            trust.MAX_CHANGE,
            trust.MAX_DEVIATION,
            trust.MAX_MIDDLE_SPREAD,
            trust.MAX_BLOCK_SPREAD,
        )
    )
    throttled = (
        f"a core's clock frequency fell by more than {fall} within a process, Linux slows the machine for "
        "its temperature, or a Raspberry Pi's firmware reports under-voltage, a capped frequency or "
        "throttling"
    )
    drifting = (
        f"Kendall's τ of the medians of blocks is {trust.MIN_TAU} or more either way, and Sen's line moves "
        f"by more than {change} from first to last: through all processes, or within each"
    )
    noisy = (
        f"there are fewer than {trust.MIN_PROCESSES} processes, one is more than {deviation} off the median "
        f"of all, the middle half of them spans more than {middle}, that of a process's blocks more than "
        f"{block}, other programs kept more than {trust.MAX_BUSY} cores busy, or the frequency governor "
        "changed"
    )
    stable = (
        f"none of these applies: a repeat run should give the same median to within {100 * LEAST_CHANGE:g}%"
    )
    found = {
        trust.THROTTLED: throttled,
        trust.DRIFTING: drifting,
        trust.NOISY: noisy,
        trust.STABLE: stable,
    }
    return [("verdict", "given where"), *((f"`{verdict}`", reason) for verdict, reason in found.items())]


def comparisons() -> Rows:
    """How often two runs of the same model are called different, and a slower one is seen."""
    found = _result("compare_coverage")
    changes = [f"{change:g} times as long: seen" for change in found["changes"]]
    rows: Rows = [
        (
            "processes",
            "they scatter by",
            "half as slow again",
            "covered",
            "same model called different",
            *changes,
        )
    ]
    for item in found["shares"]:
        if item["processes"] < MIN_PROCESSES:
            continue  # of which no verdict is given
        levels = item["levels"]
        shares = (item["covered"], item["alarms"], *item["seen"])
        rows.append(
            (
                str(item["processes"]),
                f"{100 * levels['sigma']:g}%",
                f"{100 * levels['slow_share']:g}%",
                *(f"{100 * share:.1f}%" for share in shares),
            )
        )
    return rows


def _result(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


TABLES: dict[str, Callable[[], Rows]] = {
    "gates": gates,
    "ruled out": ruled_out,
    "images needed": needed,
    "agreement": agreement,
    "coverage of Tango's interval": tango_coverage,
    "samples needed": samples,
    "coverage of six processes": processes,
    "verdicts": verdicts,
    "comparisons": comparisons,
}
"""The tables by name."""
