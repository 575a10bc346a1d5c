"""The state of the machine that may change during a measurement, from Linux's /proc and /sys."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fmnist_runtime.machine.environment import read_text

FIRMWARE_BITS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
"""Bits 0 to 3 of a Raspberry Pi's `throttled` for the present; bits 16 to 19 say that the same has occurred.

https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
"""
_FIRMWARE_FILE = "sys/devices/platform/soc*/soc*:firmware/get_throttled"
"""``soc/soc:firmware`` up to the Pi 4. A Pi 5 has ``soc@107c000000`` in both names, and often no file."""
_VCGENCMD_SECONDS = 1.0
"""It answers in some milliseconds, or hangs with the firmware."""


@dataclass(frozen=True)
class MachineState:
    """The state of the machine at one moment. Values that cannot be read are None."""

    core: int
    """The core that runs this process."""
    frequency_mhz: float | None
    """Its clock frequency."""
    governor: str
    """Frequency governor of the same core; empty if unknown."""
    temperature_c: float | None
    """Temperature of the hottest thermal zone, in °C."""
    too_hot: bool
    """Whether a thermal zone has reached a temperature at which Linux slows the processor down."""
    throttled: int | None
    """Bits of a Raspberry Pi's firmware about its power supply and temperature. Bits 0 to 3 are the
    present: under-voltage, frequency capped, throttled, soft temperature limit; bits 16 to 19 are the same
    since it started."""
    busy_s: float | None
    """CPU seconds of all cores since boot, including those that a hypervisor took."""
    own_s: float
    """CPU seconds of all threads of this process."""
    clock_s: float
    """Seconds of a monotonic clock, from any start."""


def read_machine_state(root: Path = Path("/")) -> MachineState:
    """Read the present state of the machine.

    It takes about a millisecond with ten thermal zones, and some on a Raspberry Pi, where a program is run.

    Args:
        root: The folder with ``proc`` and ``sys``.
    """
    stat = read_text(root / "proc/self/stat").rpartition(")")[2].split()  # the name may contain parentheses
    core = int(stat[36]) if len(stat) > 36 and stat[36].isdecimal() else 0  # field 39 of proc_pid_stat(5)
    cpufreq = root / f"sys/devices/system/cpu/cpu{core}/cpufreq"
    zones = _matching(root, "sys/class/thermal/thermal_zone*")
    temperatures = {zone: known for zone in zones if (known := _thousandths(zone / "temp")) is not None}
    return MachineState(
        core=core,
        frequency_mhz=_frequency_mhz(root, cpufreq, core),
        governor=read_text(cpufreq / "scaling_governor"),
        temperature_c=max(temperatures.values(), default=None),
        too_hot=any(_slows(zone, temperature) for zone, temperature in temperatures.items()),
        throttled=_throttled(root),
        busy_s=_busy_s(root),
        own_s=time.process_time(),
        clock_s=time.monotonic(),
    )


def busy_elsewhere(states: Sequence[tuple[MachineState, MachineState]]) -> float | None:
    """Return how many cores other programs kept busy on average while this process worked.

    The windows are combined, since Linux counts in ticks of 10 ms: in six windows of half a second, one tick
    too many on each of four cores is 0.08 of a core.

    Args:
        states: The machine before and after each window of time, read by the process that worked in it.

    Returns:
        Cores, 0 or more; None if it cannot be known.
    """
    elapsed = sum(after.clock_s - before.clock_s for before, after in states)
    busy = 0.0
    for before, after in states:
        if before.busy_s is None or after.busy_s is None:
            return None
        busy += (after.busy_s - before.busy_s) - (after.own_s - before.own_s)
    return max(busy / elapsed, 0.0) if elapsed > 0 else None


def _matching(folder: Path, pattern: str) -> list[Path]:
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _frequency_mhz(root: Path, cpufreq: Path, core: int) -> float | None:
    """Return the frequency by the driver, or, in most virtual machines, by the processor."""
    mhz = _thousandths(cpufreq / "scaling_cur_freq")
    if mhz is not None:
        return mhz
    for block in read_text(root / "proc/cpuinfo").split("\n\n"):
        lines = (line.partition(":") for line in block.splitlines())
        entries = {key.strip(): value for key, _, value in lines}
        if _number(entries.get("processor", "")) == core:
            return _number(entries.get("cpu MHz", ""))
    return None


def _thousandths(path: Path) -> float | None:
    """Return a temperature in °C or a frequency in MHz from /sys, which counts in thousandths."""
    value = _number(read_text(path))
    return None if value is None else value / 1000


def _slows(zone: Path, temperature: float) -> bool:
    """Return whether a zone has reached a trip point at which Linux slows something down.

    Types are those of the kernel's Documentation/driver-api/thermal/sysfs-api.rst: ``active`` starts a fan,
    ``critical`` shuts down. A ``passive`` one slows nothing unless a cooling device is bound to it: programs
    set some to be notified. Drivers fill unused ones with 0, absolute zero or less.
    """
    for path in _matching(zone, "trip_point_*_temp"):
        limit = _thousandths(path)
        if limit is not None and 0 < limit <= temperature and _acts(zone, path.name.split("_")[2]):
            return True
    return False


def _acts(zone: Path, trip: str) -> bool:
    """Return whether Linux cools at a trip point."""
    kind = read_text(zone / f"trip_point_{trip}_type")
    bound = (read_text(path) for path in _matching(zone, "cdev*_trip_point"))
    return kind == "hot" or (kind == "passive" and trip in bound)


def _throttled(root: Path) -> int | None:
    """Return the firmware's bits, from its own program if possible.

    The kernel's file has the kernel's last reading. Its driver asks every two seconds and clears the bits of
    what has occurred (drivers/hwmon/raspberrypi-hwmon.c); without that driver the file may say 0 for ever.
    """
    if root == Path("/") and (program := shutil.which("vcgencmd")):
        with suppress(OSError, subprocess.SubprocessError, ValueError):
            told = subprocess.run(
                [program, "get_throttled"], capture_output=True, text=True, timeout=_VCGENCMD_SECONDS
            )
            return int(told.stdout.rpartition("=")[2], 16)
    return next((_bits(read_text(path)) for path in _matching(root, _FIRMWARE_FILE)), None)


def _bits(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None


def _busy_s(root: Path) -> float | None:
    """Read proc_stat(5), first line: user nice system idle iowait irq softirq steal. User includes guests."""
    fields = read_text(root / "proc/stat").partition("\n")[0].split()
    if len(fields) < 9 or fields[0] != "cpu" or not all(field.isdecimal() for field in fields[1:9]):
        return None
    ticks = [int(field) for field in fields[1:9]]
    busy = sum(ticks) - ticks[3] - ticks[4]
    return busy / os.sysconf("SC_CLK_TCK") if busy else None  # a sandbox may fill it with zeros
