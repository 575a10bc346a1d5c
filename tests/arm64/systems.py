"""The boards that are emulated, and what is installed on them."""

from __future__ import annotations

from typing import NamedTuple


class Processor(NamedTuple):
    """A processor, by its names."""

    qemu: str
    """QEMU's emulator, and the name by which Linux knows the files it runs."""
    cpu: str
    """QEMU's name for it."""
    architecture: int
    """Arm's version, as in /proc/cpuinfo."""
    part: str
    """Arm's number for it, as in /proc/cpuinfo."""
    features: str
    """What it can, as in /proc/cpuinfo."""


class System(NamedTuple):
    """A board and what is installed on it."""

    suite: str
    """Debian's release that the board's system is made from."""
    architecture: str
    """Debian's name for it."""
    python: str
    """Python's version."""
    processor: Processor
    """What it has four of."""
    board: str
    """The board's name, as Raspberry Pi's kernel has it in /proc/cpuinfo."""
    packages: str = ""
    """What is installed besides `PACKAGES`."""

    @property
    def cpuinfo(self) -> str:
        """What /proc/cpuinfo says."""
        processor = self.processor
        cores = (
            f"processor\t: {core}\nBogoMIPS\t: 108.00\nFeatures\t: {processor.features}\n"
            f"CPU implementer\t: 0x41\nCPU architecture: {processor.architecture}\nCPU variant\t: 0x0\n"
            f"CPU part\t: {processor.part}\nCPU revision\t: 3\n\n"
            for core in range(4)
        )
        return f"{''.join(cores)}Model\t\t: {self.board}\n"


PACKAGES = (
    "base-files bash coreutils dash findutils grep gzip hostname libc-bin libstdc++6 mawk python3 sed tar "
    "util-linux"
)
"""Of what Raspberry Pi OS Lite has, all that an installer and an engine may use. It has no pip, either."""
_A72 = Processor("qemu-aarch64", "cortex-a72", 8, "0xd08", "fp asimd evtstrm crc32 cpuid")
_A7 = Processor(
    "qemu-arm", "cortex-a7", 7, "0xc07", "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt"
)
SYSTEMS = {
    "bookworm": System("bookworm", "arm64", "3.11", _A72, "Raspberry Pi 4 Model B Rev 1.4"),
    "trixie": System("trixie", "arm64", "3.13", _A72, "Raspberry Pi 4 Model B Rev 1.4"),
    # No engine has wheels for 32 bits, and NumPy is Debian's.
    "bookworm-armhf": System(
        "bookworm", "armhf", "3.11", _A7, "Raspberry Pi 2 Model B Rev 1.1", "python3-numpy"
    ),
}
