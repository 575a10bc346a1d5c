"""Which bundle fits which machine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.machines import ALPINE, CONTAINER, N100, PI3_32_BIT, PI4, PI5, PI_ZERO, ZERO2W, probe_of

from fmnist.devices.matching import WHEELS, obstacle, target_of
from fmnist.devices.targets import Target, requirements
from fmnist_runtime.errors import DeviceError


@pytest.mark.parametrize(
    ("machine", "target"),
    [
        (PI5, Target("linux-aarch64", "3.11")),
        (PI4, Target("linux-aarch64", "3.13")),
        (ZERO2W, Target("linux-aarch64", "3.13")),
        (N100, Target("linux-x86_64", "3.13")),
        (CONTAINER, Target("linux-x86_64", "3.11")),
        (PI3_32_BIT, Target("any", "3.11")),
    ],
)
def test_targets(tmp_path, machine, target):
    assert target_of(probe_of(machine, tmp_path)) == target


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"libc": "glibc 2.28"}, ""),
        ({"libc": "glibc 2.27"}, "glibc 2.27"),
        ({"libc": "glibc 2.4"}, "glibc 2.4"),
        ({"libc": "musl 1.2.5"}, "musl 1.2.5"),
        ({"libc": ""}, "this C library"),
        ({"bits": 32}, "32-bit Python"),
        ({"implementation": "PyPy"}, "PyPy"),
        ({"implementation": "CPython, free-threaded"}, "CPython, free-threaded"),
        ({"python": "3.15.0a1"}, "Python 3.15"),
        ({"machine": "riscv64"}, "riscv64"),
    ],
)
def test_what_keeps_wheels_from_a_machine(tmp_path, change, missing):
    """Then NumPy of the system runs the network, or the message says what to type."""
    probe = probe_of(PI5, tmp_path)
    of_environment = {key: value for key, value in change.items() if key in ("python", "machine")}
    of_probe = {key: value for key, value in change.items() if key not in of_environment}
    probe = replace(probe, **of_probe, environment=replace(probe.environment, **of_environment))
    assert obstacle(probe, "onnx") == missing
    if not missing:
        assert target_of(probe).platform == "linux-aarch64"
        return
    with pytest.raises(DeviceError) as caught:
        target_of(probe)
    assert str(caught.value) == (
        f"no engine has wheels for {missing}, and there is no NumPy: sudo apt install python3-numpy"
    )
    with_numpy = replace(probe, environment=replace(probe.environment, packages={"numpy": "1.24.2"}))
    assert target_of(with_numpy).platform == "any"


def test_a_numpy_that_is_too_old(tmp_path):
    with pytest.raises(DeviceError, match=r"NumPy 1\.19\.5 is older than 1\.24: sudo apt install"):
        target_of(probe_of(replace(PI_ZERO, packages={"numpy": "1.19.5"}), tmp_path))


def test_a_version_of_more_digits_than_python_reads(tmp_path):
    assert target_of(probe_of(replace(PI_ZERO, packages={"numpy": "9" * 5000}), tmp_path)).platform == "any"


def test_each_distribution_has_its_command(tmp_path):
    with pytest.raises(DeviceError, match=r"for musl 1\.2\.5, and there is no NumPy: sudo apk add py3-numpy"):
        target_of(probe_of(ALPINE, tmp_path))


@pytest.mark.parametrize("system", ["Darwin 24.5.0", "Windows 11", "", "FreeBSD 14"])
def test_other_systems(tmp_path, system):
    probe = probe_of(PI5, tmp_path)
    with pytest.raises(DeviceError, match="wrong system: bundles are for Linux, not "):
        target_of(replace(probe, environment=replace(probe.environment, system=system)))


def test_an_old_python(tmp_path):
    with pytest.raises(DeviceError, match=r"Python 3\.9\.2 is too old: fmnist needs 3\.11"):
        target_of(probe_of(replace(PI5, python="3.9.2"), tmp_path))


def test_wheels_are_those_of_the_pinned_versions():
    for extra, wheels in WHEELS.items():
        assert wheels.requirement in requirements([extra])
