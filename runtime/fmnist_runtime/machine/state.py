"""What of the machine can change while something is timed, from Linux's /proc and /sys. Elsewhere None."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FIRMWARE_BITS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
"""What bits 0 to 3 of a Raspberry Pi's `throttled` say of now; bits 16 to 19 say that the same has occurred.

https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
"""
_FIRMWARE_FILE = "sys/devices/platform/soc*/soc*:firmware/get_throttled"
"""``soc/soc:firmware`` up to the Pi 4. A Pi 5 has ``soc@107c000000`` in both names, and often no file."""
_VCGENCMD_SECONDS = 1.0
"""It answers in some milliseconds, or hangs with the firmware."""


@dataclass(frozen=True)
class MachineState:
    """How the machine is at one moment. What cannot be read is None, and never an error."""

    core: int
    """The core that this process runs on now."""
    frequency_mhz: float | None
    """Its clock frequency."""
    governor: str
    """Frequency governor of the same core; empty when unknown."""
    temperature_c: float | None
    """Temperature of the hottest thermal zone, in °C."""
    too_hot: bool
    """Some thermal zone is as hot as Linux lets it become before it slows the processor down."""
    throttled: int | None
    """What a Raspberry Pi's firmware holds against its power supply and temperature. Bits 0 to 3 are of now:
    under-voltage, frequency capped, throttled, soft temperature limit; 16 to 19 of all since it started."""
    busy_s: float | None
    """CPU seconds of all cores that anything has used since boot, those that a hypervisor took included."""
    own_s: float
    """CPU seconds that all threads of this process have used."""
    clock_s: float
    """Seconds of a clock that only goes forward, from any start."""


def read_machine_state(root: Path = Path("/")) -> MachineState:
    """Read the state of the machine now.

    It takes about a millisecond with ten thermal zones, and some on a Raspberry Pi, where a program is asked.

    Args:
        root: The folder that holds ``proc`` and ``sys``.
    """
    core = _current_core(root)
    cpufreq = root / f"sys/devices/system/cpu/cpu{core}/cpufreq"
    zones = _matching(root, "sys/class/thermal/thermal_zone*")
    temperatures = {zone: known for zone in zones if (known := _celsius(zone / "temp")) is not None}
    return MachineState(
        core=core,
        frequency_mhz=_frequency_mhz(root, cpufreq, core),
        governor=_read(cpufreq / "scaling_governor"),
        temperature_c=max(temperatures.values(), default=None),
        too_hot=any(_slows(zone, temperature) for zone, temperature in temperatures.items()),
        throttled=_throttled(root),
        busy_s=_busy_s(root),
        own_s=time.process_time(),
        clock_s=time.monotonic(),
    )


def busy_elsewhere(states: Sequence[tuple[MachineState, MachineState]]) -> float | None:
    """How many cores others kept busy on average while this process worked.

    The windows are taken together, since Linux counts in ticks of 10 ms: in six windows of half a second, one
    tick too many on each of four cores is 0.08 of a core.

    Args:
        states: The machine before and after each window of time, read by the process that worked in it.

    Returns:
        Cores, 0 or more; None where it cannot be known.
    """
    elapsed = sum(after.clock_s - before.clock_s for before, after in states)
    busy = 0.0
    for before, after in states:
        if before.busy_s is None or after.busy_s is None:
            return None
        busy += (after.busy_s - before.busy_s) - (after.own_s - before.own_s)
    return max(busy / elapsed, 0.0) if elapsed > 0 else None


def _read(path: Path) -> str:
    """What a file says; nothing when it is not there, or not any more, or its driver has no answer."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


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


def _current_core(root: Path) -> int:
    """Field 39 of proc_pid_stat(5). The name, field 2, is in parentheses and may hold any of them itself."""
    fields = _read(root / "proc/self/stat").rpartition(")")[2].split()
    return int(fields[36]) if len(fields) > 36 and fields[36].isdecimal() else 0


def _frequency_mhz(root: Path, cpufreq: Path, core: int) -> float | None:
    """What the driver says, or, in most virtual machines, the processor."""
    khz = _number(_read(cpufreq / "scaling_cur_freq"))
    if khz is not None:
        return khz / 1000
    for block in _read(root / "proc/cpuinfo").split("\n\n"):
        lines = (line.partition(":") for line in block.splitlines())
        entries = {key.strip(): value for key, _, value in lines}
        if _number(entries.get("processor", "")) == core:
            return _number(entries.get("cpu MHz", ""))
    return None


def _celsius(path: Path) -> float | None:
    """A temperature in °C: /sys counts in thousandths."""
    value = _number(_read(path))
    return None if value is None else value / 1000


def _slows(zone: Path, temperature: float) -> bool:
    """Whether a zone has reached a trip point at which Linux slows something down.

    Types are those of the kernel's Documentation/driver-api/thermal/sysfs-api.rst: ``active`` starts a fan,
    ``critical`` shuts down. A ``passive`` one slows nothing unless a cooling device is bound to it: programs
    set such ones to be woken. Drivers fill unused ones with 0, absolute zero or less.
    """
    for path in _matching(zone, "trip_point_*_temp"):
        limit = _celsius(path)
        if limit is not None and 0 < limit <= temperature and _acts(zone, path.name.split("_")[2]):
            return True
    return False


def _acts(zone: Path, trip: str) -> bool:
    """Whether Linux does something against the heat at a trip point."""
    kind = _read(zone / f"trip_point_{trip}_type")
    bound = (_read(path) for path in _matching(zone, "cdev*_trip_point"))
    return kind == "hot" or (kind == "passive" and trip in bound)


def _throttled(root: Path) -> int | None:
    """The firmware's bits: its own program knows best.

    The kernel's file says what the kernel last heard. Its driver asks every two seconds and clears the bits
    of what has occurred (drivers/hwmon/raspberrypi-hwmon.c); without that driver the file may say 0 for ever.
    """
    if root == Path("/") and (program := shutil.which("vcgencmd")):
        bits = _bits(_run(program, "get_throttled").rpartition("=")[2])
        if bits is not None:
            return bits
    return next((_bits(_read(path)) for path in _matching(root, _FIRMWARE_FILE)), None)


def _run(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_VCGENCMD_SECONDS).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _bits(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None


def _busy_s(root: Path) -> float | None:
    """First line of proc_stat(5): user nice system idle iowait irq softirq steal. User has guests in it."""
    fields = _read(root / "proc/stat").partition("\n")[0].split()
    if len(fields) < 9 or fields[0] != "cpu" or not all(field.isdecimal() for field in fields[1:9]):
        return None
    ticks = [int(field) for field in fields[1:9]]
    busy = sum(ticks) - ticks[3] - ticks[4]
    return busy / os.sysconf("SC_CLK_TCK") if busy else None  # a sandbox may fill it with zeros
