"""What is to say of how a machine is at present: clock frequency, heat, power and time."""

from __future__ import annotations

from datetime import UTC, datetime

from fmnist.devices.doctor.hardware import is_raspberry_pi
from fmnist.devices.finding import Finding
from fmnist_runtime.machine.probe import Probe
from fmnist_runtime.machine.state import FIRMWARE_BITS

_NEAR_LIMIT_C = 80.0
"""From here to 85 °C a Raspberry Pi makes its cores slower and slower.

https://github.com/raspberrypi/documentation, frequency-management
"""
_OCCURRED = 16
"""How many bits further left the firmware keeps what has occurred since the board was started."""
_UNDER_VOLTAGE = FIRMWARE_BITS[0]
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""Older than the packages that devices get, so no clock can rightly say less."""
_SET_CLOCK = "set it by the network: sudo timedatectl set-ntp true"


def governor(probe: Probe) -> Finding | None:
    """What decides on the clock frequency."""
    found = probe.environment.governor
    if not found or found == "performance":
        return Finding("governor", found) if found else None
    files = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
    advice = f"for times that can be compared, until the next start: echo performance | sudo tee {files}"
    return Finding("governor", found, "note", advice)


def temperature(probe: Probe) -> Finding | None:
    """How hot the hottest zone is."""
    celsius = probe.state.temperature_c
    if celsius is None:
        return None
    found = f"{celsius:.0f} °C"
    if probe.state.too_hot:
        advice = "the processor is slowed down: give it a heat sink, a fan or more air"
        return Finding("temperature", found, "problem", advice)
    if celsius >= _NEAR_LIMIT_C and is_raspberry_pi(probe):
        advice = f"from {_NEAR_LIMIT_C:.0f} °C on the cores become slower: give it a heat sink or a fan"
        return Finding("temperature", found, "note", advice)
    return Finding("temperature", found)


def power(probe: Probe) -> Finding | None:
    """What the firmware of a Raspberry Pi holds against its power supply and its cooling."""
    bits = probe.state.throttled
    if bits is None:
        return None
    now = [name for bit, name in enumerate(FIRMWARE_BITS) if bits >> bit & 1]
    before = [
        name for bit, name in enumerate(FIRMWARE_BITS) if bits >> (bit + _OCCURRED) & 1 and name not in now
    ]
    if not now and not before:
        return Finding("power", "nothing that the firmware complains of")
    found = "; ".join(
        f"{', '.join(names)} {when}"
        for names, when in ((now, "now"), (before, "since it was started"))
        if names
    )
    supply = "use the official power supply for this board, with its own cable"
    cooling = "give it a heat sink or a fan"
    advice = supply if _UNDER_VOLTAGE in (*now, *before) else cooling
    return Finding("power", found, "problem" if now else "note", advice)


def clock(probe: Probe) -> Finding:
    """Whether the time can be right; a Raspberry Pi forgets it when it has no power."""
    time = datetime.fromisoformat(probe.time_utc).astimezone(UTC)
    found = f"{time:%Y-%m-%d %H:%M} UTC"
    if time < _EARLIEST:
        advice = f"pip's downloads fail, as certificates seem to be of the future; {_SET_CLOCK}"
        return Finding("clock", found, "problem", advice)
    if probe.clock_synchronised is False:
        return Finding("clock", f"{found}, not set by the network", "note", f"if it is wrong, {_SET_CLOCK}")
    return Finding("clock", f"{found}, set by the network" if probe.clock_synchronised else found)
