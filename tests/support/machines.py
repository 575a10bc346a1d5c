"""Machines described by their /proc, /sys and os-release, and the probes read from those."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

from fmnist_runtime.machine.probe import Probe, read_probe

CPUFREQ = "sys/devices/system/cpu/cpu0/cpufreq"
ZONE = "sys/class/thermal/thermal_zone0"
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
TIMESYNC = "run/systemd/timesync"


@dataclass(frozen=True)
class Machine:
    """The facts of a machine that only Python knows, and the files with the others."""

    machine: str
    files: dict[str, str]
    bits: int = 64
    python: str = "3.11.2"
    libc: str = "glibc 2.36"
    packages: dict[str, str] = field(default_factory=dict)

    def write(self, root: Path) -> None:
        for name, text in self.files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)


def read(machine: Machine, root: Path) -> Probe:
    """Probe a machine's files, written below a folder."""
    machine.write(root)
    with patch("platform.machine", return_value=machine.machine):
        return read_probe(root)


def probe_of(machine: Machine, root: Path) -> Probe:
    """Probe the files, and fill in the other facts: a June morning, and a large card."""
    probe = read(machine, root)
    environment = replace(
        probe.environment,
        cores=4,
        system="Linux 6.12.25",
        python=machine.python,
        packages=machine.packages,
    )
    return replace(
        probe,
        environment=environment,
        bits=machine.bits,
        implementation="CPython",
        libc=machine.libc,
        free_bytes=20_000_000_000,
        time_utc="2026-06-01T08:15:00+00:00",
        has_venv=True,
        has_ensurepip=True,
    )


def _arm(part: str, flags: str, model: str, count: int = 4, name: str = "") -> str:
    core = (
        "processor\t: {}\n" + (f"model name\t: {name}\n" if name else "") + "BogoMIPS\t: 108.00\n"
        f"Features\t: {flags}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n"
        f"CPU part\t: {part}\nCPU revision\t: 3\n\n"
    )
    cores = "".join(core.format(number) for number in range(count))
    return f"{cores}Revision\t: c03115\nSerial\t\t: 10000000d34db33f\nModel\t\t: {model}\n"


def _x86(name: str, flags: str) -> str:
    return "".join(
        f"processor\t: {number}\nvendor_id\t: GenuineIntel\nmodel name\t: {name}\ncpu MHz\t\t: 800.000\n"
        f"flags\t\t: fpu vme {flags}\n\n"
        for number in range(4)
    )


def _memory(total: int, available: int, swap: int) -> str:
    return (
        f"MemTotal:       {total} kB\nMemFree:        1000 kB\nMemAvailable:   {available} kB\n"
        f"SwapTotal:      {swap} kB\nHugePages_Total:       0\n"
    )


def _release(name: str, identifiers: str) -> str:
    return f'PRETTY_NAME="{name}"\nVERSION_ID="0"\n{identifiers}\nHOME_URL="https://www.debian.org/"\n'


_V8 = "fp asimd evtstrm crc32 cpuid"
_V82 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
_BOOKWORM = _release("Debian GNU/Linux 12 (bookworm)", "ID=debian")
_TRIXIE = _release("Debian GNU/Linux 13 (trixie)", "ID=debian")
_RASPBIAN = _release("Raspbian GNU/Linux 12 (bookworm)", "ID=raspbian\nID_LIKE=debian")

PI5 = Machine(
    "aarch64",
    {
        "proc/cpuinfo": _arm("0xd0b", _V82, "Raspberry Pi 5 Model B Rev 1.0"),
        "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
        "proc/meminfo": _memory(8256048, 7263920, 524272),
        "etc/os-release": _BOOKWORM,
        f"{CPUFREQ}/scaling_governor": "ondemand\n",
        f"{CPUFREQ}/scaling_cur_freq": "1500000\n",
        f"{CPUFREQ}/cpuinfo_max_freq": "2400000\n",
        f"{ZONE}/temp": "48300\n",
        "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "0\n",
        f"{TIMESYNC}/synchronized": "",
    },
)
PI4 = Machine(
    "aarch64",
    {
        "proc/cpuinfo": _arm("0xd08", _V8, "Raspberry Pi 4 Model B Rev 1.4"),
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/meminfo": _memory(3884256, 3300000, 2097148),
        "etc/os-release": _TRIXIE,
        f"{CPUFREQ}/scaling_governor": "performance\n",
        f"{CPUFREQ}/scaling_cur_freq": "1800000\n",
        f"{CPUFREQ}/cpuinfo_max_freq": "1800000\n",
        f"{ZONE}/temp": "81000\n",
        FIRMWARE: "50005\n",
        f"{TIMESYNC}/clock": "",
    },
    python="3.13.5",
    libc="glibc 2.41",
)
ZERO2W = Machine(
    "aarch64",
    {
        "proc/cpuinfo": _arm("0xd03", _V8, "Raspberry Pi Zero 2 W Rev 1.0"),
        "proc/device-tree/model": "Raspberry Pi Zero 2 W Rev 1.0\0",
        "proc/meminfo": _memory(425544, 260112, 425540),
        "etc/os-release": _TRIXIE,
        FIRMWARE: "50000\n",
    },
    python="3.13.5",
    libc="glibc 2.41",
)
PI3_32_BIT = Machine(
    "aarch64",  # the kernel's, which runs 32-bit programs
    {
        "proc/cpuinfo": _arm("0xd03", _V8, "Raspberry Pi 3 Model B Plus Rev 1.3"),
        "proc/device-tree/model": "Raspberry Pi 3 Model B Plus Rev 1.3\0",
        "proc/meminfo": _memory(931048, 700000, 0),
        "etc/os-release": _RASPBIAN,
    },
    bits=32,
    packages={"numpy": "1.24.2"},
)
PI_ZERO = Machine(
    "armv6l",
    {
        "proc/cpuinfo": _arm(
            "0xb76",
            "half thumb fastmult vfp edsp java tls ",
            "Raspberry Pi Zero W Rev 1.1",
            count=1,
            name="ARMv6-compatible processor rev 7 (v6l)",
        ),
        "proc/device-tree/model": "Raspberry Pi Zero W Rev 1.1\0",
        "proc/meminfo": _memory(438604, 90000, 102396),
        "etc/os-release": _RASPBIAN,
    },
    bits=32,
)
N100 = Machine(
    "x86_64",
    {
        "proc/cpuinfo": _x86("Intel(R) N100", "sse4_2 f16c avx2 fma avx_vnni"),
        "proc/meminfo": _memory(16000000, 12000000, 0),
        "etc/os-release": _TRIXIE,
        f"{CPUFREQ}/scaling_governor": "powersave\n",
        f"{CPUFREQ}/cpuinfo_max_freq": "3400000\n",
        f"{ZONE}/temp": "99000\n",
        f"{ZONE}/trip_point_0_temp": "95000\n",
        f"{ZONE}/trip_point_0_type": "hot\n",
    },
    python="3.13.5",
    libc="glibc 2.41",
)
CONTAINER = Machine(
    "x86_64",
    {
        "proc/cpuinfo": _x86("AMD EPYC 7B12", "sse4_2 f16c avx2 fma"),
        "proc/meminfo": _memory(4000000, 3000000, 0),
        "etc/os-release": _BOOKWORM,
    },
)
ALPINE = Machine(
    "aarch64",
    {
        "proc/cpuinfo": _arm("0xd0b", _V82, ""),
        "proc/meminfo": _memory(4000000, 3000000, 0),
        "etc/os-release": _release("Alpine Linux v3.20", "ID=alpine"),
    },
    python="3.12.3",
    libc="musl 1.2.5",
)
MASKED = Machine("x86_64", {})
