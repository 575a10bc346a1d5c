"""Synthetic engines: block medians as simulated processes would give them, with fixed seeds."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from fmnist_runtime.machine.state import MachineState
from fmnist_runtime.timing.trust import (
    DRIFTING,
    MIN_TAU,
    NOISY,
    STABLE,
    THROTTLED,
    Trust,
    judge,
    kendall_tau,
    relative_change,
)

PROCESSES, BLOCKS, CALLS = 6, 10, 1000
QUIET = MachineState(
    core=0,
    frequency_mhz=1500,
    governor="ondemand",
    temperature_c=50,
    too_hot=False,
    throttled=0,
    busy_s=0,
    own_s=0,
    clock_s=0,
)
END = replace(QUIET, busy_s=0.5, own_s=0.5, clock_s=0.5)
WINDOWS = [(QUIET, END)] * PROCESSES
CONSTANT = [np.full(BLOCKS, 20.0)] * PROCESSES


def engine(draw: Callable[[np.random.Generator, int, int], NDArray[np.float64]], seed: int = 0) -> list:
    """Block medians of an engine of which ``draw(rng, process, block)`` gives the times of a block."""
    rng = np.random.default_rng(seed)
    return [
        np.array([np.median(draw(rng, process, block)) for block in range(BLOCKS)])
        for process in range(PROCESSES)
    ]


def noise(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.normal(1, 0.02, CALLS)


def when(process: int, block: int) -> float:
    """From 0 for the first block of all to 1 for the last."""
    return (process * BLOCKS + block) / (PROCESSES * BLOCKS - 1)


ENGINES = {
    "constant": (STABLE, lambda rng, process, block: np.full(CALLS, 20.0)),
    "moderate noise": (STABLE, lambda rng, process, block: 20 * noise(rng)),
    # 60% of the calls are at the lower peak, and so is every median of a thousand.
    "two peaks": (STABLE, lambda rng, process, block: np.where(rng.random(CALLS) < 0.6, 20, 30) * noise(rng)),
    "long tail": (STABLE, lambda rng, process, block: 20 * (1 + rng.pareto(1.1, CALLS) / 10)),
    "drift of 4%": (STABLE, lambda rng, process, block: 20 * (1 + 0.04 * when(process, block)) * noise(rng)),
    "two peaks by process": (NOISY, lambda rng, process, block: (20, 30)[process % 2] * noise(rng)),
    "two peaks near each other by process": (
        NOISY,
        lambda rng, process, block: (20, 21.6)[process % 2] * noise(rng),
    ),
    "one process of six": (NOISY, lambda rng, process, block: (30 if process == 3 else 20) * noise(rng)),
    "step in the middle": (NOISY, lambda rng, process, block: (20 if process < 3 else 24) * noise(rng)),
    "periodic": (NOISY, lambda rng, process, block: 20 * (1 + 0.2 * np.sin(2 * block)) * noise(rng)),
    "heavy noise": (NOISY, lambda rng, process, block: 20 * rng.lognormal(0, 0.15) * noise(rng)),
    "drift of 20%": (
        DRIFTING,
        lambda rng, process, block: 20 * (1 + 0.2 * when(process, block)) * noise(rng),
    ),
    "drift of -20%": (
        DRIFTING,
        lambda rng, process, block: 20 * (1 - 0.2 * when(process, block)) * noise(rng),
    ),
    "drift of 8%": (
        DRIFTING,
        lambda rng, process, block: 20 * (1 + 0.08 * when(process, block)) * noise(rng),
    ),
    "drift by process": (DRIFTING, lambda rng, process, block: 20 * (1 + 0.05 * process) * noise(rng)),
    "drift in each process": (DRIFTING, lambda rng, process, block: 20 * (1 - 0.02 * block) * noise(rng)),
}


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("seed", range(5))
def test_verdict_on_an_engine(name, seed):
    verdict, draw = ENGINES[name]
    trust = judge(engine(draw, seed), WINDOWS)
    assert trust.verdict == verdict, trust
    assert bool(trust.reasons) is (verdict != STABLE)


def test_reasons_name_the_figure_and_the_limit():
    blocks = [np.full(BLOCKS, level) for level in (100.0, 100.0, 112.0, 100.0, 100.0, 100.0)]
    assert judge(blocks, WINDOWS) == Trust(
        NOISY, ("one process is 12% off the median of all; 5% is allowed",)
    )
    near = [np.full(BLOCKS, level) for level in (100.0, 108.0) * 3]
    assert judge(near, WINDOWS).reasons == (
        "the processes differ, the middle half of their medians by 7.69%; 5% is allowed",
    )
    alternating = [np.array([100.0, 120.0] * 5)] * PROCESSES
    assert judge(alternating, WINDOWS).reasons == (
        "times differ within a process, the middle half of its blocks by 18.2%; 10% is allowed",
    )
    far = [np.full(BLOCKS, level) for level in (*[100.0] * 5, 1250.0)]
    assert judge(far, WINDOWS).reasons == ("one process is 1,150% off the median of all; 5% is allowed",)
    rising = [
        np.linspace(90, 110, PROCESSES * BLOCKS)[i * BLOCKS : (i + 1) * BLOCKS] for i in range(PROCESSES)
    ]
    assert judge(rising, WINDOWS).reasons[0] == (
        "the times rise by 20% from the first process to the last; 5% is allowed"
    )
    falling = [np.linspace(105.0, 95.0, BLOCKS)] * PROCESSES
    assert judge(falling, WINDOWS).reasons == ("the times fall by 10% within each process; 5% is allowed",)


SLOWED = {
    "frequency": (
        {},
        {"frequency_mhz": 1200},
        "the processor fell from 1,500 MHz to 1,200 MHz within a process, by 20%; 10% is allowed",
    ),
    "too hot before": (
        {"too_hot": True, "temperature_c": 85},
        {},
        "at 85 °C the machine is so hot that Linux slows it down",
    ),
    "too hot after": (
        {},
        {"too_hot": True, "temperature_c": 85},
        "at 85 °C the machine is so hot that Linux slows it down",
    ),
    "under-voltage now": ({}, {"throttled": 0x1}, "the Raspberry Pi's firmware reports: under-voltage"),
    "capped before": ({"throttled": 0x2}, {}, "the Raspberry Pi's firmware reports: frequency capped"),
    "throttled now": ({}, {"throttled": 0x4}, "the Raspberry Pi's firmware reports: throttled"),
    "soft limit meanwhile": (
        {"throttled": 0x10000},
        {"throttled": 0x90000},
        "the Raspberry Pi's firmware reports: soft temperature limit",
    ),
}


@pytest.mark.parametrize("name", SLOWED)
def test_one_process_slowed_down_is_enough(name):
    before, after, reason = SLOWED[name]
    windows = [*WINDOWS[:4], (replace(QUIET, **before), replace(END, **after)), WINDOWS[5]]
    if name == "soft limit meanwhile":  # the bit of under-voltage was set long ago
        windows = [(replace(QUIET, throttled=0x10000), replace(END, throttled=0x10000))] * 4 + [
            windows[4]
        ] * 2
    assert judge(CONSTANT, windows) == Trust(THROTTLED, (reason,))


def test_what_occurred_between_two_processes_counts():
    """The kernel asks the firmware every two seconds, so that it may know of it only after the process."""
    later = (replace(QUIET, throttled=0x40000), replace(END, throttled=0x40000))
    trust = judge(CONSTANT, [*WINDOWS[:3], *[later] * 3])
    assert trust == Trust(THROTTLED, ("the Raspberry Pi's firmware reports: throttled",))


@pytest.mark.parametrize(
    "change",
    [
        {"frequency_mhz": 1350},  # 10% less: allowed
        {"frequency_mhz": 2000},
        {"throttled": 0x50000},  # since boot
        {"temperature_c": 84},
        {"frequency_mhz": None, "governor": "", "temperature_c": None, "throttled": None, "busy_s": None},
    ],
)
def test_what_is_no_reason(change):
    before = replace(QUIET, throttled=change.get("throttled", 0))
    assert judge(CONSTANT, [(before, replace(END, **change))] * PROCESSES) == Trust(STABLE, ())


def test_of_a_machine_that_tells_nothing_the_times_are_judged():
    assert judge(CONSTANT, []) == Trust(STABLE, ())
    assert judge(engine(ENGINES["drift of 20%"][1]), []).verdict == DRIFTING


def test_a_program_that_burns_a_core_is_noise_even_if_the_times_do_not_show_it():
    burning = [(QUIET, replace(END, busy_s=1.0))] * PROCESSES
    assert judge(CONSTANT, burning) == Trust(NOISY, ("other programs kept 1.00 cores busy; 0.25 is allowed",))


def test_times_that_rise_in_some_processes_and_fall_in_others_do_not_drift():
    rising, falling = np.array([98.0, 105.0]), np.array([105.0, 98.0])
    assert judge([rising, rising, falling, rising, falling, rising], WINDOWS) == Trust(STABLE, ())
    assert judge([rising] * PROCESSES, WINDOWS).verdict == DRIFTING


def test_a_changed_governor_is_noise():
    windows = [
        *WINDOWS[:3],
        *[(replace(QUIET, governor="powersave"), replace(END, governor="powersave"))] * 3,
    ]
    reason = "the frequency governor changed: ondemand → powersave"
    assert judge(CONSTANT, windows) == Trust(NOISY, (reason,))


def test_all_reasons_are_told_the_strongest_first():
    drifting = engine(ENGINES["drift by process"][1])
    windows = [(QUIET, replace(END, busy_s=1.5, throttled=0x4))] * PROCESSES
    trust = judge(drifting, windows)
    assert trust.verdict == THROTTLED
    beginnings = (
        "the Raspberry Pi's firmware",
        "the times rise by",
        "one process is",
        "the processes differ, the middle half of",
        "other",
    )
    assert [reason.startswith(begin) for reason, begin in zip(trust.reasons, beginnings, strict=True)] == [
        True
    ] * 5


def test_a_core_that_is_slower_by_nature_is_no_throttling():
    """A process moved from one kind of core to another, which Linux does as it likes."""
    moved = (replace(QUIET, core=0, frequency_mhz=4800), replace(END, core=8, frequency_mhz=3600))
    assert judge(CONSTANT, [moved] * PROCESSES) == Trust(STABLE, ())


@pytest.mark.parametrize("processes", [0, 1, 2, 4])
def test_few_processes_are_never_stable(processes):
    trust = judge(CONSTANT[:processes], WINDOWS[:processes])
    assert trust == Trust(NOISY, (f"too few processes to tell how far they differ: {processes}; it takes 5",))


def test_one_figure_of_each_process_is_enough():
    """As a cold start is, or a model that takes a second."""
    levels = [100.0, 101.0, 99.0, 100.0, 102.0, 100.0]
    assert judge([np.array([level]) for level in levels], []) == Trust(STABLE, ())
    worse = judge([np.array([level]) for level in (*levels[:5], 130.0)], [])
    assert worse == Trust(NOISY, ("one process is 29.4% off the median of all; 5% is allowed",))


def test_times_that_the_clock_cannot_tell_from_nothing_are_never_stable():
    assert judge([np.zeros(BLOCKS)] * PROCESSES, WINDOWS) == Trust(
        NOISY, ("the times are too short for the clock",)
    )


def test_how_often_levels_of_six_processes_look_like_a_trend():
    """The figure that `MIN_TAU` is chosen by: 1 + 5 + 14 orders have two inversions or fewer, and as many
    have thirteen or more of fifteen."""
    assert sum(abs(kendall_tau(order)) >= MIN_TAU for order in permutations(range(6))) == 40


def simulate(levels: NDArray[np.float64], rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Processes at these levels, whose blocks scatter by 1%."""
    return [level * rng.normal(1, 0.01, BLOCKS) for level in levels]


def test_a_quiet_machine_is_stable():
    """A/A: the same model run again and again, processes 1% apart (standard deviation)."""
    rng = np.random.default_rng(0)
    verdicts = [judge(simulate(rng.normal(1, 0.01, PROCESSES), rng), WINDOWS).verdict for _ in range(1000)]
    assert verdicts.count(STABLE) >= 995


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("step", [0.06, 0.08, 0.1, 0.15, 0.5])
def test_stable_means_that_another_run_gives_the_same_median(share, step):
    """Processes that are slow by chance, the hardest case: at most 5% of all runs are called stable though
    the next run's median is more than 5% off. All six are on one level in 2 · 0.5⁶ = 3% at least."""
    rng = np.random.default_rng(0)
    runs = [simulate(1 + step * (rng.random(PROCESSES) < share), rng) for _ in range(300)]
    medians = [np.percentile(np.concatenate(run), 50, method="inverted_cdf") for run in runs]
    wrong = sum(
        judge(run, WINDOWS).verdict == STABLE and abs(after / before - 1) > 0.05
        for run, before, after in zip(runs, medians, medians[1:], strict=False)
    )
    assert wrong <= 0.05 * len(runs)


SERIES = st.one_of(
    st.lists(st.integers(1, 5).map(float), min_size=2, max_size=40),  # full of ties
    st.lists(st.integers(1, 10**9).map(float), min_size=2, max_size=40),
)


@settings(deadline=None, derandomize=True, database=None)
@given(SERIES)
def test_tau_is_that_of_scipy(values):
    expected = stats.kendalltau(np.arange(len(values)), values).statistic
    # For scipy a constant series has NaN. Else both divide whole numbers by a root: a few roundings.
    assert kendall_tau(values) == pytest.approx(0 if np.isnan(expected) else expected, abs=1e-12)


@settings(deadline=None, derandomize=True, database=None)
@given(SERIES)
def test_the_change_is_along_the_line_of_theil_and_sen(values):
    line = stats.theilslopes(values)
    change = line.slope * (len(values) - 1) / np.median(values)
    assert relative_change(values) == pytest.approx(change, rel=1e-12)  # the same operations


@pytest.mark.parametrize(
    ("values", "tau", "change"),
    [
        ([100, 105, 110, 115, 120], 1, 20 / 110),
        ([120, 115, 110, 105, 100], -1, -20 / 110),
        ([7, 7, 7], 0, 0),
        ([0, 0, 0, 0, 5], 4 / np.sqrt(4 * 10), 0),
        ([3], 0, 0),
        ([], 0, 0),
    ],
)
def test_by_hand(values, tau, change):
    assert kendall_tau(values) == pytest.approx(tau, abs=1e-15)
    assert relative_change(values) == pytest.approx(change, abs=1e-15)


def test_of_very_many_values_some_hundred_are_looked_at():
    """A thousand processes have ten blocks each, and 50 million pairs: gigabytes."""
    rising = np.linspace(90, 110, 10_000)
    tracemalloc.start()
    assert (kendall_tau(rising), kendall_tau(rising[::-1])) == (1, -1)
    # The last that is looked at may be one stride before the end: 17 of 10,000.
    assert relative_change(rising) == pytest.approx(0.2, rel=0.002)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_one_value_far_off_does_not_make_a_trend():
    values = [100.0] * 19 + [900.0]
    assert relative_change(values) == 0
    assert kendall_tau(values) < 0.5  # 19 of 190 pairs rise, the others are equal
