"""What the doctor says of machines as they are found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.machines import ALPINE, CONTAINER, MASKED, N100, PI3_32_BIT, PI4, PI5, PI_ZERO, ZERO2W, probe_of

from fmnist.devices.doctor.diagnosis import diagnose
from fmnist.devices.doctor.loading import Loading
from fmnist.devices.finding import Finding

NO_DOT_PRODUCT = "int8 kernels cannot use dot-product instructions here; fmnist bench compares"
GOVERNOR = (
    "for comparable times, until the next start: "
    "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
)
SUPPLY = "use the official power supply for this board, with its own cable"
WITHOUT_ENGINE = "fmnist runs dense float32 networks without it: --engine numpy"
NUMPY = Loading("numpy", "numpy 1.24.2", True, "")
PILLOW = Loading("images", "pillow 13.0.0", True, "")


def loaded(**parts: Loading) -> dict:
    whole = {
        "tflite": Loading("tflite", "ai-edge-litert 2.3.0", True, ""),
        "onnx": Loading("onnx", "onnxruntime 1.31.1", True, ""),
        "numpy": NUMPY,
        "images": PILLOW,
    }
    return {**whole, **parts}


def absent(part) -> Loading:
    return Loading(part, "", False, f"needs {part}, which is not installed")


def findings(probe, parts=None) -> dict[str, Finding]:
    return {finding.name: finding for finding in diagnose(probe, parts)}


def test_a_raspberry_pi_5_that_has_nothing_yet(tmp_path):
    assert diagnose(probe_of(PI5, tmp_path)) == (
        Finding("board", "Raspberry Pi 5 Model B Rev 1.0"),
        Finding("architecture", "aarch64, 64-bit Python"),
        Finding("processor", "4 × Cortex-A76, 1,500 MHz, at most 2,400 MHz"),
        Finding("features", "NEON, dot product, fp16 arithmetic"),
        Finding("memory", "8.5 GB, 7.4 GB available, 537 MB of swap"),
        Finding("disk", "20.0 GB free at home"),
        Finding("governor", "ondemand", "note", GOVERNOR),
        Finding("temperature", "48 °C"),
        Finding("power", "no problem reported by the firmware"),
        Finding("clock", "2026-06-01 08:15 UTC, set by the network"),
        Finding("system", "Debian GNU/Linux 12 (bookworm), Linux 6.12.25, glibc 2.36"),
        Finding("python", "CPython 3.11.2"),
        Finding("engines", "there are wheels for linux-aarch64, Python 3.11"),
    )


def test_a_raspberry_pi_4_in_need_of_power_and_air(tmp_path):
    found = findings(probe_of(PI4, tmp_path))
    assert found["features"] == Finding("features", "NEON", "note", NO_DOT_PRODUCT)
    assert found["governor"] == Finding("governor", "performance")
    assert found["temperature"] == Finding(
        "temperature",
        "81 °C",
        "note",
        "from 80 °C on the cores become slower: add a heat sink or a fan",
    )
    assert found["power"] == Finding("power", "under-voltage, throttled now", "problem", SUPPLY)
    assert found["clock"] == Finding(
        "clock",
        "2026-06-01 08:15 UTC, not set by the network",
        "note",
        "if it is wrong, set it by the network: sudo timedatectl set-ntp true",
    )


def test_a_raspberry_pi_zero_2_w(tmp_path):
    found = findings(probe_of(ZERO2W, tmp_path))
    assert found["memory"] == Finding(
        "memory",
        "436 MB, 266 MB available, 436 MB of swap",
        "note",
        "run one engine at a time, and no desktop: sudo systemctl set-default multi-user.target",
    )
    assert found["power"] == Finding("power", "under-voltage, throttled since it was started", "note", SUPPLY)
    assert found["engines"].verdict == "ok"


def test_32_bit_programs_on_a_64_bit_board(tmp_path):
    found = findings(probe_of(PI3_32_BIT, tmp_path))
    assert found["architecture"] == Finding(
        "architecture",
        "aarch64, 32-bit Python",
        "note",
        "the processor has 64 bits, which TFLite and ONNX Runtime need: install the 64-bit Raspberry Pi OS",
    )
    assert found["engines"] == Finding(
        "engines",
        "no wheels for 32-bit Python",
        "note",
        "NumPy 1.24.2 of the system runs dense float32 networks: fmnist export --format npz",
    )


def test_a_32_bit_kernel_on_a_64_bit_board(tmp_path):
    found = findings(probe_of(replace(PI3_32_BIT, machine="armv7l"), tmp_path))
    assert found["architecture"].verdict == "note"


def test_a_board_of_32_bits(tmp_path):
    found = findings(probe_of(PI_ZERO, tmp_path))
    assert found["architecture"] == Finding("architecture", "armv6l, 32-bit Python")
    assert found["features"].found == "none of those that matter"
    assert found["memory"].verdict == "problem"
    assert found["memory"].found == "449 MB, 92 MB available, 105 MB of swap"
    assert found["engines"] == Finding(
        "engines",
        "none would run",
        "problem",
        "no engine has wheels for armv6l, and there is no NumPy: sudo apt install python3-numpy",
    )


def test_a_hot_mini_pc(tmp_path):
    found = findings(probe_of(N100, tmp_path))
    assert found["features"] == Finding("features", "AVX2, fp16 conversion, AVX-VNNI")
    assert found["governor"].verdict == "note"
    assert found["temperature"] == Finding(
        "temperature",
        "99 °C",
        "problem",
        "the processor is slowed down: add a heat sink, a fan or more air",
    )
    assert not {"board", "power"} & set(found)


@pytest.mark.parametrize("machine", [CONTAINER, ALPINE])
def test_a_container_says_nothing_of_what_it_does_not_see(tmp_path, machine):
    assert not {"board", "governor", "temperature", "power"} & set(findings(probe_of(machine, tmp_path)))


def test_a_sandbox_that_shows_nothing(tmp_path):
    assert diagnose(replace(probe_of(MASKED, tmp_path), free_bytes=None)) == (
        Finding("architecture", "x86_64, 64-bit Python"),
        Finding("processor", "4 cores"),
        Finding("clock", "2026-06-01 08:15 UTC"),
        Finding("system", "Linux 6.12.25, glibc 2.36"),
        Finding("python", "CPython 3.11.2"),
        Finding("engines", "there are wheels for linux-x86_64, Python 3.11"),
    )


@pytest.mark.parametrize(
    ("bits", "found", "verdict", "advice"),
    [
        (0x1, "under-voltage now", "problem", SUPPLY),
        (0x10000, "under-voltage since it was started", "note", SUPPLY),
        (0x8, "soft temperature limit now", "problem", "add a heat sink or a fan"),
        (0x60006, "frequency capped, throttled now", "problem", "add a heat sink or a fan"),
        (0x50004, "throttled now; under-voltage since it was started", "problem", SUPPLY),
    ],
)
def test_what_the_firmware_complains_of(tmp_path, bits, found, verdict, advice):
    probe = probe_of(PI5, tmp_path)
    probe = replace(probe, state=replace(probe.state, throttled=bits))
    assert findings(probe)["power"] == Finding("power", found, verdict, advice)


def test_a_full_card(tmp_path):
    probe = probe_of(PI5, tmp_path)
    assert findings(replace(probe, free_bytes=500_000_000))["disk"].verdict == "ok"
    assert findings(replace(probe, free_bytes=499_000_000))["disk"] == Finding(
        "disk",
        "499 MB free at home",
        "problem",
        "two bundles side by side need 500 MB; the largest folders: du -xh ~ | sort -h | tail",
    )


def test_a_clock_that_starts_at_the_beginning(tmp_path):
    probe = replace(probe_of(PI5, tmp_path), time_utc="1970-01-01T00:01:00+00:00")
    assert findings(probe)["clock"] == Finding(
        "clock",
        "1970-01-01 00:01 UTC",
        "problem",
        "downloads by pip fail, as certificates are not yet valid; "
        "set it by the network: sudo timedatectl set-ntp true",
    )


def test_virtual_environments(tmp_path):
    probe = probe_of(PI5, tmp_path)
    assert findings(replace(probe, has_ensurepip=False))["python"] == Finding(
        "python",
        "CPython 3.11.2",
        "note",
        "python3 -m venv installs no pip, which only bundles do not need: sudo apt install python3-venv",
    )
    assert findings(replace(probe, has_venv=False))["python"].verdict == "problem"


def test_all_that_runs_models(tmp_path):
    found = findings(probe_of(PI5, tmp_path), loaded())
    assert found["engine tflite"] == Finding("engine tflite", "ai-edge-litert 2.3.0")
    assert found["engine onnx"] == Finding("engine onnx", "onnxruntime 1.31.1")
    assert found["engine numpy"] == Finding("engine numpy", "numpy 1.24.2")
    assert found["images"] == Finding("images", "pillow 13.0.0")
    assert "engines" not in found


def test_an_engine_that_can_be_installed(tmp_path):
    parts = loaded(onnx=absent("onnx"), images=absent("images"))
    found = findings(probe_of(PI5, tmp_path), parts)
    assert found["engine onnx"] == Finding(
        "engine onnx", "not installed", "note", "pip install 'fmnist[onnx]'"
    )
    assert found["images"] == Finding("images", "not installed", "note", "pip install 'fmnist[images]'")


def test_engines_without_wheels(tmp_path):
    parts = loaded(tflite=absent("tflite"), onnx=absent("onnx"), images=absent("images"))
    found = findings(probe_of(PI_ZERO, tmp_path), parts)
    assert found["engine tflite"] == Finding(
        "engine tflite",
        "not installed; ai-edge-litert==2.3.0 has no wheel for armv6l",
        "note",
        WITHOUT_ENGINE,
    )
    assert found["engine onnx"].found == "not installed; onnxruntime==1.31.1 has no wheel for armv6l"
    assert found["images"].advice == "sudo apt install python3-pil"


def test_glibc_that_is_enough_for_one_engine(tmp_path):
    parts = loaded(tflite=absent("tflite"), onnx=absent("onnx"))
    found = findings(probe_of(replace(PI5, libc="glibc 2.27"), tmp_path), parts)
    assert found["engine tflite"].advice == "pip install 'fmnist[tflite]'"
    assert found["engine onnx"].found == "not installed; onnxruntime==1.31.1 has no wheel for glibc 2.27"


def test_engines_elsewhere_are_left_to_pip(tmp_path):
    probe = probe_of(replace(PI5, machine="arm64", libc=""), tmp_path)
    probe = replace(probe, environment=replace(probe.environment, system="Darwin 24.5.0"))
    found = findings(probe, loaded(tflite=absent("tflite")))
    assert found["engine tflite"].advice == "pip install 'fmnist[tflite]'"


def test_an_engine_that_does_not_load(tmp_path):
    error = "it crashes when it is loaded (SIGILL); perhaps it needs a newer processor"
    found = findings(probe_of(PI5, tmp_path), loaded(tflite=Loading("tflite", "", True, error)))
    assert found["engine tflite"] == Finding(
        "engine tflite", "installed, does not load", "problem", f"{error}; {WITHOUT_ENGINE}"
    )
