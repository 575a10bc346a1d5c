"""Findings on a board, its processor and memory, and their present state. What is unknown is left out."""

from __future__ import annotations

from datetime import UTC, datetime

from fmnist.devices.finding import Finding
from fmnist_runtime.machine.probe import Probe
from fmnist_runtime.machine.processor import ARMV8_CORES, AVX512_VNNI, AVX_VNNI, DOT_PRODUCT
from fmnist_runtime.machine.state import FIRMWARE_BITS

SMALL_MEMORY = 700_000_000
"""A board of 512 MB has less, one of 1 GB has more, without the memory of the graphics."""
LEAST_MEMORY = 100_000_000
"""`fmnist eval` needs 63 MB at its peak (README.md)."""
LEAST_FREE = 500_000_000
"""An installed bundle needs up to 250 MB, and during a deployment there are two."""
_INT8_SUMS = {DOT_PRODUCT, AVX_VNNI, AVX512_VNNI}


def board(probe: Probe) -> Finding | None:
    """Return which board it is."""
    return Finding("board", probe.board) if probe.board else None


def architecture(probe: Probe) -> Finding:
    """Return the kernel's architecture, and whether Python uses 64 bits if the processor has them."""
    machine = probe.environment.machine
    found = f"{machine}, {probe.bits}-bit Python"
    if probe.bits == 32 and (machine in ("aarch64", "x86_64") or probe.processor in ARMV8_CORES):
        system = "64-bit Raspberry Pi OS" if is_raspberry_pi(probe) else "64-bit system"
        return Finding(
            "architecture",
            found,
            "note",
            f"the processor has 64 bits, which TFLite and ONNX Runtime need: install the {system}",
        )
    return Finding("architecture", found)


def processor(probe: Probe) -> Finding:
    """Return the usable cores with their present and highest frequency."""
    cores = probe.environment.cores
    parts = [f"{cores} × {probe.processor}" if probe.processor else f"{cores} core{'s' if cores > 1 else ''}"]
    if probe.state.frequency_mhz is not None:
        parts.append(f"{probe.state.frequency_mhz:,.0f} MHz")
    if probe.frequency_max_mhz is not None:
        parts.append(f"at most {probe.frequency_max_mhz:,.0f} MHz")
    return Finding("processor", ", ".join(parts))


def features(probe: Probe) -> Finding | None:
    """Return instructions that speed up small networks; None if the processor is unknown."""
    if not probe.processor and not probe.features:
        return None
    found = ", ".join(probe.features) or "none of those that matter"
    if _INT8_SUMS.isdisjoint(probe.features):
        advice = "int8 kernels cannot use dot-product instructions here; fmnist bench compares"
        return Finding("features", found, "note", advice)
    return Finding("features", found)


def memory(probe: Probe) -> Finding | None:
    """Return the total and available memory."""
    total, available = probe.environment.memory_bytes, probe.memory_available_bytes
    if not total:
        return None
    parts = [amount(total)]
    if available is not None:
        parts.append(f"{amount(available)} available")
    if probe.swap_bytes is not None:
        parts.append(f"{amount(probe.swap_bytes)} of swap" if probe.swap_bytes else "no swap")
    found = ", ".join(parts)
    if available is not None and available < LEAST_MEMORY:
        advice = "fmnist eval needs 63 MB: end other programs; the largest: ps -eo rss,comm --sort=-rss"
        return Finding("memory", found, "problem", advice)
    if total < SMALL_MEMORY:
        advice = "run one engine at a time, and no desktop: sudo systemctl set-default multi-user.target"
        return Finding("memory", found, "note", advice)
    return Finding("memory", found)


def disk(probe: Probe) -> Finding | None:
    """Return the free disk space of the home folder."""
    if probe.free_bytes is None:
        return None
    found = f"{amount(probe.free_bytes)} free at home"
    if probe.free_bytes < LEAST_FREE:
        needed = f"two bundles side by side need {amount(LEAST_FREE)}"
        advice = f"{needed}; the largest folders: du -xh ~ | sort -h | tail"
        return Finding("disk", found, "problem", advice)
    return Finding("disk", found)


def is_raspberry_pi(probe: Probe) -> bool:
    """Return whether the board is a Raspberry Pi."""
    return probe.board.startswith("Raspberry Pi")


def amount(count: int) -> str:
    """Return bytes as text; MB and GB are powers of 1000."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


_NEAR_LIMIT_C = 80.0
"""From here to 85 °C a Raspberry Pi slows down its cores more and more.

https://github.com/raspberrypi/documentation, frequency-management
"""
_OCCURRED = 16
"""Bit offset of the firmware's record of events since the start."""
_UNDER_VOLTAGE = FIRMWARE_BITS[0]
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""Before the release of the packages for devices, so an earlier time is wrong."""
_SET_CLOCK = "set it by the network: sudo timedatectl set-ntp true"


def governor(probe: Probe) -> Finding | None:
    """Return the governor of the clock frequency."""
    found = probe.environment.governor
    if not found or found == "performance":
        return Finding("governor", found) if found else None
    files = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
    advice = f"for comparable times, until the next start: echo performance | sudo tee {files}"
    return Finding("governor", found, "note", advice)


def temperature(probe: Probe) -> Finding | None:
    """Return the temperature of the hottest zone."""
    celsius = probe.state.temperature_c
    if celsius is None:
        return None
    found = f"{celsius:.0f} °C"
    if probe.state.too_hot:
        advice = "the processor is slowed down: add a heat sink, a fan or more air"
        return Finding("temperature", found, "problem", advice)
    if celsius >= _NEAR_LIMIT_C and is_raspberry_pi(probe):
        advice = f"from {_NEAR_LIMIT_C:.0f} °C on the cores become slower: add a heat sink or a fan"
        return Finding("temperature", found, "note", advice)
    return Finding("temperature", found)


def power(probe: Probe) -> Finding | None:
    """Return problems with power supply and cooling that the firmware of a Raspberry Pi reports."""
    bits = probe.state.throttled
    if bits is None:
        return None
    now = [name for bit, name in enumerate(FIRMWARE_BITS) if bits >> bit & 1]
    before = [
        name for bit, name in enumerate(FIRMWARE_BITS) if bits >> (bit + _OCCURRED) & 1 and name not in now
    ]
    if not now and not before:
        return Finding("power", "no problem reported by the firmware")
    found = "; ".join(
        f"{', '.join(names)} {when}"
        for names, when in ((now, "now"), (before, "since it was started"))
        if names
    )
    supply = "use the official power supply for this board, with its own cable"
    cooling = "add a heat sink or a fan"
    advice = supply if _UNDER_VOLTAGE in (*now, *before) else cooling
    return Finding("power", found, "problem" if now else "note", advice)


def clock(probe: Probe) -> Finding:
    """Return the time and whether it is plausible; a Raspberry Pi loses it without power."""
    time = datetime.fromisoformat(probe.time_utc).astimezone(UTC)
    found = f"{time:%Y-%m-%d %H:%M} UTC"
    if time < _EARLIEST:
        advice = f"downloads by pip fail, as certificates are not yet valid; {_SET_CLOCK}"
        return Finding("clock", found, "problem", advice)
    if probe.clock_synchronised is False:
        return Finding("clock", f"{found}, not set by the network", "note", f"if it is wrong, {_SET_CLOCK}")
    return Finding("clock", f"{found}, set by the network" if probe.clock_synchronised else found)
