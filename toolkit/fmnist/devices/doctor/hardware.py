"""What is to say of a board, its processor and its memory. What is not known is not told of."""

from __future__ import annotations

from fmnist.devices.finding import Finding
from fmnist_runtime.machine.probe import Probe
from fmnist_runtime.machine.processor import ARMV8_CORES, AVX512_VNNI, AVX_VNNI, DOT_PRODUCT

SMALL_MEMORY = 700_000_000
"""A board of 512 MB has less, one of 1 GB more, after the graphics has had its share."""
LEAST_MEMORY = 100_000_000
"""`fmnist eval` takes 63 MB at its peak (README.md)."""
LEAST_FREE = 500_000_000
"""An installed bundle takes up to 250 MB, and there are two while one replaces the other."""
_INT8_SUMS = {DOT_PRODUCT, AVX_VNNI, AVX512_VNNI}


def board(probe: Probe) -> Finding | None:
    """Which board it is."""
    return Finding("board", probe.board) if probe.board else None


def architecture(probe: Probe) -> Finding:
    """The kernel's architecture, and whether Python makes use of all of it."""
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
    """The cores that may be used, their frequency now, and the highest they have."""
    cores = probe.environment.cores
    parts = [f"{cores} × {probe.processor}" if probe.processor else f"{cores} core{'s' if cores > 1 else ''}"]
    if probe.state.frequency_mhz is not None:
        parts.append(f"{probe.state.frequency_mhz:,.0f} MHz")
    if probe.frequency_max_mhz is not None:
        parts.append(f"at most {probe.frequency_max_mhz:,.0f} MHz")
    return Finding("processor", ", ".join(parts))


def features(probe: Probe) -> Finding | None:
    """Instructions that small networks gain from; None when the processor says nothing of itself."""
    if not probe.processor and not probe.features:
        return None
    found = ", ".join(probe.features) or "none of those that matter"
    if _INT8_SUMS.isdisjoint(probe.features):
        advice = "int8 kernels have to do without instructions that sum up products; fmnist bench compares"
        return Finding("features", found, "note", advice)
    return Finding("features", found)


def memory(probe: Probe) -> Finding | None:
    """What there is, and what is left of it."""
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
        advice = (
            "fmnist eval needs 63 MB: end other programs; those that take most: ps -eo rss,comm --sort=-rss"
        )
        return Finding("memory", found, "problem", advice)
    if total < SMALL_MEMORY:
        advice = "run one engine at a time, and no desktop: sudo systemctl set-default multi-user.target"
        return Finding("memory", found, "note", advice)
    return Finding("memory", found)


def disk(probe: Probe) -> Finding | None:
    """What is free where the home folder is."""
    if probe.free_bytes is None:
        return None
    found = f"{amount(probe.free_bytes)} free at home"
    if probe.free_bytes < LEAST_FREE:
        advice = (
            f"two bundles side by side take {amount(LEAST_FREE)}; what takes most: du -xh ~ | sort -h | tail"
        )
        return Finding("disk", found, "problem", advice)
    return Finding("disk", found)


def is_raspberry_pi(probe: Probe) -> bool:
    """Whether the board is one of those that Raspberry Pi makes."""
    return probe.board.startswith("Raspberry Pi")


def amount(count: int) -> str:
    """Bytes of memory or disk; MB and GB are of 1000."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
