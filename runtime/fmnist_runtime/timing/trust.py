"""Whether a measured latency can be trusted, by its times and the machine's state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_runtime.machine.state import FIRMWARE_BITS, MachineState, busy_elsewhere

STABLE = "STABLE"
"""A repeat run should give the same median to within 5%."""
NOISY = "NOISY"
"""The median depends on chance or on other programs, or there is too little data to decide."""
DRIFTING = "DRIFTING"
"""The times rise or fall during the whole measurement."""
THROTTLED = "THROTTLED"
"""The machine was slowed down by its temperature or its power supply."""

MIN_PROCESSES = 5
"""If chance makes a process fast or slow, five agree in 1 of 16 runs, and three in 1 of 4."""
MAX_FREQUENCY_FALL = 0.10
"""Turbo frequencies change in steps of 100 MHz, some 3%. Both are read under load, so no idle core is
waking up."""
MIN_TAU = 0.7
"""The levels of six processes reach it, up or down, in 40 of 720 orders: by chance in 5.6%."""
MAX_CHANGE = 0.05
"""From first to last. A smaller steady trend keeps the median within what STABLE promises."""
MAX_DEVIATION = 0.05
"""Of one process from the median of all."""
MAX_MIDDLE_SPREAD = 0.05
"""Between quartiles of the processes. Two levels with three processes each are only half as far from their
median as from each other, and another run may give either."""
MAX_BLOCK_SPREAD = 0.10
"""Between quartiles of a process's blocks, as a median over the processes. A block is shorter than a
process, so its median scatters more."""
MAX_BUSY = 0.25
"""Cores. An idle desktop keeps some hundredths of a core busy, a computing program a whole one."""


@dataclass(frozen=True)
class Trust:
    """The verdict on a measured latency."""

    verdict: str
    """STABLE, NOISY, DRIFTING or THROTTLED: the strongest verdict with a reason."""
    reasons: tuple[str, ...]
    """All reasons, also for weaker verdicts, the strongest first; none if STABLE."""


def judge(
    block_medians: Sequence[NDArray[np.float64]], states: Sequence[tuple[MachineState, MachineState]]
) -> Trust:
    """Judge the times of one model in several fresh processes, which ran one after the other.

    Values that cannot be read from the machine are ignored. Too few processes are NOISY, as their check could
    not fail.

    Args:
        block_medians: For each process, in order, the medians of its blocks of calls, float64 ``[blocks]`` in
            any unit; all blocks have the same duration. One block is enough, as for a cold start; then no
            trend within the process can be seen.
        states: The machine before and after the timing of each process, both under load.
    """
    verdicts = {
        THROTTLED: tuple(_slowed_down(states)),
        DRIFTING: tuple(_drift(block_medians)),
        NOISY: (*_scatter(block_medians), *_disturbance(states)),
    }
    reasons = tuple(reason for found in verdicts.values() for reason in found)
    return Trust(next((verdict for verdict, found in verdicts.items() if found), STABLE), reasons)


def _slowed_down(states: Sequence[tuple[MachineState, MachineState]]) -> Iterator[str]:
    known = [
        (before.frequency_mhz, after.frequency_mhz)
        for before, after in states
        # Only for the same core, as a machine may have cores of different speeds.
        if before.frequency_mhz and after.frequency_mhz and before.core == after.core
    ]
    before, after = min(known, key=lambda pair: pair[1] / pair[0], default=(1.0, 1.0))
    fall = f"the processor fell from {before:,.0f} MHz to {after:,.0f} MHz within a process, by {{}}"
    yield from _beyond(MAX_FREQUENCY_FALL, 1 - after / before, fall)
    moments = [state for window in states for state in window]
    if any(state.too_hot for state in moments):
        hottest = max((state.temperature_c or 0 for state in moments if state.too_hot), default=0)
        yield f"at {hottest:.0f} °C the machine is so hot that Linux slows it down"
    yield from _firmware(moments)


def _firmware(moments: Sequence[MachineState]) -> Iterator[str]:
    """Report the present state, and what occurred since the state before, even between two processes."""
    bits = [state.throttled for state in moments if state.throttled is not None]
    found = _named(bits) | _named([(later & ~earlier) >> 16 for earlier, later in pairwise(bits)])
    for name in FIRMWARE_BITS:
        if name in found:
            yield f"the Raspberry Pi's firmware reports: {name}"


def _named(bits: Sequence[int]) -> set[str]:
    return {name for number, name in enumerate(FIRMWARE_BITS) if any(value >> number & 1 for value in bits)}


def _drift(block_medians: Sequence[NDArray[np.float64]]) -> Iterator[str]:
    """Report a trend through all processes (a machine heats up) or within each (a short warm-up)."""
    medians = np.concatenate([*block_medians, np.empty(0)])
    yield from _trend(kendall_tau(medians), relative_change(medians), "from the first process to the last")
    if block_medians:
        tau = float(np.mean([kendall_tau(blocks) for blocks in block_medians]))
        change = float(np.median([relative_change(blocks) for blocks in block_medians]))
        yield from _trend(tau, change, "within each process")


def _trend(tau: float, change: float, where: str) -> Iterator[str]:
    if abs(tau) >= MIN_TAU:
        direction = "rise" if change > 0 else "fall"
        yield from _beyond(MAX_CHANGE, abs(change), f"the times {direction} by {{}} {where}")


def _scatter(block_medians: Sequence[NDArray[np.float64]]) -> Iterator[str]:
    if len(block_medians) < MIN_PROCESSES:
        yield f"too few processes to tell how far they differ: {len(block_medians)}; it takes {MIN_PROCESSES}"
    levels = np.array([np.median(blocks) for blocks in block_medians])
    if not np.all(levels > 0):
        yield "the times are too short for the clock"
    elif len(levels):
        deviation = np.max(np.abs(levels / np.median(levels) - 1))
        yield from _beyond(MAX_DEVIATION, deviation, "one process is {} off the median of all")
        among = "the processes differ, the middle half of their medians by {}"
        yield from _beyond(MAX_MIDDLE_SPREAD, _quartile_spread(levels), among)
        spread = float(np.median([_quartile_spread(blocks) for blocks in block_medians]))
        within = "times differ within a process, the middle half of its blocks by {}"
        yield from _beyond(MAX_BLOCK_SPREAD, spread, within)


def _quartile_spread(values: NDArray[np.float64]) -> float:
    low, middle, high = np.percentile(values, (25, 50, 75))
    return float((high - low) / middle)


def _disturbance(states: Sequence[tuple[MachineState, MachineState]]) -> Iterator[str]:
    busy = busy_elsewhere(states)
    if busy is not None and busy > MAX_BUSY:
        yield f"other programs kept {busy:.2f} cores busy; {MAX_BUSY} is allowed"
    governors = dict.fromkeys(state.governor for window in states for state in window if state.governor)
    if len(governors) > 1:
        yield f"the frequency governor changed: {' → '.join(governors)}"


def _beyond(limit: float, found: float, sentence: str) -> Iterator[str]:
    if found > limit:
        yield sentence.format(_percent(found)) + f"; {_percent(limit)} is allowed"


def _percent(fraction: float) -> str:
    value = 100 * fraction
    return f"{value:,.0f}%" if value >= 100 else f"{value:.3g}%"


_MOST = 600
"""Largest number of values of which all pairs are used. Of more, evenly spaced ones show a trend as well."""


def kendall_tau(values: ArrayLike) -> float:
    """Return how steadily values rise (1) or fall (-1) with time; 0 if there is no trend.

    It is Kendall's tau-b of the values against their order: how many more pairs rise than fall, as a share of
    all pairs, with a correction for pairs that are equal (M. G. Kendall, A New Measure of Rank Correlation,
    Biometrika 30, 1938, and The Treatment of Ties in Ranking Problems, Biometrika 33, 1945).

    Args:
        values: Finite numbers ``[n]`` in order of time; of more than 600, evenly spaced ones are used.

    Returns:
        From -1 to 1; 0 if all values are equal, or there are fewer than two.
    """
    signs = np.sign(_rises(_thinned(values))[0])
    unequal = np.count_nonzero(signs)
    return float(signs.sum() / np.sqrt(unequal * signs.size)) if unequal else 0.0


def relative_change(values: ArrayLike) -> float:
    """Return the change of values from first to last, as a fraction of their median.

    It follows the line whose slope is the median of the slopes of all pairs, which outliers do not tilt (P.
    K. Sen, Estimates of the Regression Coefficient Based on Kendall's Tau, JASA 63, 1968).

    Args:
        values: Finite numbers ``[n]``, evenly spaced in time; of more than 600, evenly spaced ones are used.

    Returns:
        0.1 for a rise by 10% of the median. 0 if there are fewer than two, or if the median is 0.
    """
    numbers = _thinned(values)
    rises, steps = _rises(numbers)
    middle = np.median(numbers) if len(numbers) > 1 else 0.0
    return float(np.median(rises / steps) * (len(numbers) - 1) / middle) if middle else 0.0


def _thinned(values: ArrayLike) -> NDArray[np.float64]:
    numbers = np.asarray(values, np.float64)
    return numbers[:: max(1, -(-len(numbers) // _MOST))]


def _rises(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the difference of each pair of an earlier and a later value, and the steps between them."""
    earlier, later = np.triu_indices(len(values), k=1)
    return values[later] - values[earlier], later - earlier
