"""The cores of a processor and their instructions, from Linux's /proc/cpuinfo."""

from __future__ import annotations

from pathlib import Path

from fmnist_runtime.machine.environment import read_text

DOT_PRODUCT, AVX_VNNI, AVX512_VNNI = "dot product", "AVX-VNNI", "AVX-512 VNNI"
"""Instructions of ARM and x86-64 that add products of int8 to int32."""
AMX = "AMX"
"""Instructions of x86-64 for products of matrices of int8."""

_FEATURES = {
    "neon": "NEON",
    "asimd": "NEON",
    "asimddp": DOT_PRODUCT,
    "asimdhp": "fp16 arithmetic",
    "i8mm": "int8 matrix product",
    "sve": "SVE",
    "avx2": "AVX2",
    "f16c": "fp16 conversion",
    "avx_vnni": AVX_VNNI,
    "avx512_vnni": AVX512_VNNI,
    "amx_int8": AMX,
}
"""Features that speed up small networks, by the kernel's names.

https://docs.kernel.org/arch/arm64/elf_hwcaps.html and arch/x86/include/asm/cpufeatures.h; 32-bit ARM says
``neon`` where 64-bit ARM says ``asimd``.
"""
_ARM = "0x41"
_PARTS = (
    "0xb76:ARM1176 0xc05:Cortex-A5 0xc07:Cortex-A7 0xc08:Cortex-A8 0xc09:Cortex-A9 0xc0f:Cortex-A15 "
    "0xd03:Cortex-A53 0xd04:Cortex-A35 0xd05:Cortex-A55 0xd07:Cortex-A57 0xd08:Cortex-A72 "
    "0xd09:Cortex-A73 0xd0a:Cortex-A75 0xd0b:Cortex-A76 0xd0c:Neoverse-N1 0xd0d:Cortex-A77 "
    "0xd40:Neoverse-V1 0xd41:Cortex-A78 0xd42:Cortex-A78AE 0xd46:Cortex-A510 0xd47:Cortex-A710 "
    "0xd49:Neoverse-N2 0xd4d:Cortex-A715 0xd4f:Neoverse-V2"
)
_ARM_CORES = dict(part.split(":") for part in _PARTS.split())
"""Cores of boards and servers by the part number in their MIDR register, if Arm is the implementer.

They are documented in each core's Technical Reference Manual, and listed in arch/arm64/include/asm/cputype.h
of Linux and in sys-utils/lscpu-arm.c of util-linux.
"""
ARMV8_CORES = frozenset(name for part, name in _ARM_CORES.items() if part.startswith("0xd"))
"""Those of the table that can run 64-bit programs."""


def processor_name(root: Path, machine: str) -> str:
    """Return the kinds of cores, such as ``Cortex-A76`` or ``AMD EPYC``; empty if unknown.

    On ARM, /proc/cpuinfo has numbers instead of a name. Entries for another kind of processor, as in
    emulation, are ignored.

    Args:
        root: The folder with ``proc``.
        machine: Architecture, such as x86_64 or aarch64.
    """
    if _is_arm(machine):
        names = [_arm_core(core) for core in _cores(root) if "CPU part" in core]
    else:
        names = [core["model name"] for core in _cores(root) if "model name" in core]
    return " + ".join(dict.fromkeys(names))


def processor_features(root: Path, machine: str) -> tuple[str, ...]:
    """Return the features of all cores that speed up small networks; arguments as above."""
    entry = "Features" if _is_arm(machine) else "flags"
    flags = [set(core[entry].split()) for core in _cores(root) if entry in core]
    common = set.intersection(*flags) if flags else set()
    return tuple(dict.fromkeys(name for flag, name in _FEATURES.items() if flag in common))


def _is_arm(machine: str) -> bool:
    return machine.startswith(("aarch64", "arm"))


def _cores(root: Path) -> list[dict[str, str]]:
    """Return the entries of each block of /proc/cpuinfo: one for each core, and on ARM one for the board."""
    blocks = read_text(root / "proc/cpuinfo").split("\n\n")
    return [
        {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in block.splitlines())}
        for block in blocks
    ]


def _arm_core(core: dict[str, str]) -> str:
    part, implementer = core["CPU part"], core.get("CPU implementer", "")
    if implementer == _ARM and part in _ARM_CORES:
        return _ARM_CORES[part]
    return f"part {part} of implementer {implementer}"
