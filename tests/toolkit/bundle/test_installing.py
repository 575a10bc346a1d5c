"""``install.sh`` on a device without network: it installs and verifies, or says in one line why not."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from support import ROOT, TINY, run_fmnist
from support.bundling import HERE, PYTHON

from fmnist.devices.targets import requirements

INSTALLER = ROOT / "toolkit" / "fmnist" / "bundle" / "install.sh"
MAX_INSTALLED = 250_000_000


def complaint(result: subprocess.CompletedProcess[str]) -> str:
    """The one line that it stopped with."""
    assert result.returncode == 1
    assert result.stderr.startswith("install.sh: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.strip().removeprefix("install.sh: ")


def change(folder: Path, **values: object) -> None:
    """Let a bundle be described otherwise, under a manifest that fits."""
    path = folder / "bundle.json"
    old = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    sums = folder / "SHA256SUMS"
    sums.write_text(sums.read_text().replace(old, hashlib.sha256(path.read_bytes()).hexdigest()))


def models(text: str) -> dict[str, float]:
    return {model["name"]: model["accuracy"] for model in json.loads(text)["models"]}


def test_it_ends_with_verify_and_every_verb_works(installed, tmp_path, t10k):
    verified = installed.fmnist("verify")
    assert verified.returncode == 0
    assert verified.stdout.count(" verified ") == 6
    evaluated = installed.fmnist("eval", "--json", "-")
    assert evaluated.stderr == "run: runs/tiny\n"
    here = run_fmnist(tmp_path, "eval", TINY, "--json", "-")
    assert models(evaluated.stdout) == models(here.stdout)
    assert len(models(evaluated.stdout)) == 7
    assert installed.fmnist("parity").returncode == 0
    timed = installed.fmnist("bench", "--processes", 1, "--duration", 0.1)
    assert timed.returncode == 0, timed.stderr
    Image.fromarray(t10k.images[0]).save(tmp_path / "boot.png")
    predicted = installed.fmnist("predict", "runs/tiny/export/model-int8.tflite", tmp_path / "boot.png")
    assert predicted.stdout.splitlines()[-1].split()[1:3] == ["Ankle", "boot"]


def test_exactly_what_is_pinned_is_installed_and_nothing_is_missing(installed):
    python = installed.folder / ".venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python]
    checked = subprocess.run([*pip, "check"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "No broken requirements found.\n")
    frozen = subprocess.run(
        [*pip, "list", "--format", "freeze"], capture_output=True, text=True, check=True
    ).stdout
    found = {line.lower().replace("_", "-").replace(".strenum", "-strenum") for line in frozen.split()}
    assert found == {"fmnist==0.1.0", *requirements(["tflite", "onnx", "images"])}


def test_it_stays_small(installed):
    """With both engines; the limit is for one."""
    files = (path for path in installed.folder.rglob("*") if path.is_file() and not path.is_symlink())
    assert sum(path.stat().st_size for path in files) < MAX_INSTALLED + 100_000_000


def test_installed_again_it_is_made_anew(bundles, device):
    machine = device(bundles / "here")
    (machine.folder / ".venv" / "lib").mkdir(parents=True)
    (machine.folder / ".venv" / "lib" / "half").write_text("of one that was killed")
    (machine.folder / "eval.json").write_text("of the user")
    assert machine.install().returncode == 0
    assert not (machine.folder / ".venv" / "lib" / "half").exists()
    assert (machine.folder / "eval.json").read_text() == "of the user"


def test_what_another_bundle_left_in_the_folder_is_not_installed(bundles, device):
    """As when a newer one is unpacked over it."""
    machine = device(bundles / "here")
    [rich] = machine.folder.glob("wheels/rich-*.whl")
    with zipfile.ZipFile(machine.folder / "wheels" / "zombie-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("rich/__init__.py", "raise SystemExit('not meant')")
        wheel.writestr("zombie.py", "")
    (machine.folder / "wheels" / "half-1.0-py3-none-any.whl").write_bytes(rich.read_bytes()[:1000])
    result = machine.install()
    assert result.returncode == 0, result.stderr
    assert not list(machine.folder.glob(".venv/lib/python3*/site-packages/zombie.py"))


def test_by_a_link_it_is_installed_where_the_bundle_is(bundles, device, tmp_path):
    machine = device(bundles / "any", 'import sys; sys.modules["numpy"] = None')
    link = tmp_path / "set up my pi"
    link.symlink_to(machine.folder / "install.sh")
    result = subprocess.run(
        ["sh", link], cwd="/", env={"PATH": machine.path}, capture_output=True, text=True, check=False
    )
    assert complaint(result) == "the system's Python has no NumPy; sudo apt install python3-numpy"


def test_two_at_once_do_not_take_away_each_others_work(bundles, device):
    machine = device(bundles / "here")
    with (machine.folder / "install.sh").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert complaint(machine.install()) == "another install.sh is at work here; wait until it is done"
    assert not (machine.folder / ".venv").exists()


def test_where_nothing_can_be_written_what_was_installed_stays(bundles, device):
    machine = device(bundles / "here")
    (machine.folder / ".venv").mkdir()
    (machine.folder / ".venv" / "installed").touch()
    machine.folder.chmod(0o555)
    barred = ["setpriv", "--bounding-set", "-dac_override"] if os.getuid() == 0 else []
    result = subprocess.run(
        [*barred, "sh", machine.folder / "install.sh"],
        env={"PATH": machine.path},
        capture_output=True,
        text=True,
        check=False,
    )
    machine.folder.chmod(0o755)
    assert complaint(result) == f"{machine.folder}: takes no files; copy the bundle to another folder"
    assert (machine.folder / ".venv" / "installed").exists()


def test_interrupted_it_leaves_nothing(bundles, device):
    machine = device(bundles / "here")
    job = subprocess.Popen(
        ["sh", machine.folder / "install.sh"],
        env={"PATH": machine.path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not any(machine.folder.glob(".venv/lib/python3*/site-packages/numpy")):
        assert job.poll() is None
        time.sleep(0.01)
    os.killpg(job.pid, signal.SIGINT)  # as Ctrl-C does: everything in the terminal
    _, said = job.communicate()
    assert (job.returncode, said) == (130, "")
    assert not (machine.folder / ".venv").exists()
    assert machine.install().returncode == 0


def test_a_run_that_answers_otherwise_fails_the_gate(bundles, device):
    machine = device(bundles / "here")
    path = machine.folder / "runs" / "tiny" / "export" / "model-int8.tflite"
    old, content = path.read_bytes(), bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    sums = machine.folder / "SHA256SUMS"
    sums.write_text(
        sums.read_text().replace(hashlib.sha256(old).hexdigest(), hashlib.sha256(content).hexdigest())
    )
    result = machine.install()
    assert result.returncode == 3
    assert "model-int8.tflite" in result.stdout
    assert "DIFFERS" in result.stdout


@pytest.mark.parametrize(
    "name", ["runs/tiny/export/model-int8.tflite", "wheels/rich-15.0.0-py3-none-any.whl"]
)
@pytest.mark.parametrize("harm", ["changed", "longer", "missing"])
def test_a_file_that_is_not_what_was_bundled_is_named(bundles, device, name, harm):
    machine = device(bundles / "here")
    path = machine.folder / name
    content = bytearray(path.read_bytes())
    if harm == "missing":
        path.unlink()
    elif harm == "longer":
        path.write_bytes(content + b"\0")
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert complaint(machine.install()) == (
        f"{name}: is missing, or not what was bundled; copy the bundle again"
    )
    assert not (machine.folder / ".venv").exists()


def test_the_manifest_itself_can_be_missing_or_cut_off(bundles, device):
    machine = device(bundles / "here")
    sums = machine.folder / "SHA256SUMS"
    text = sums.read_text()
    sums.write_text(text[:-30])
    assert "; copy the bundle again" in complaint(machine.install())
    sums.unlink()
    assert complaint(machine.install()) == "SHA256SUMS: is missing; copy the bundle again"


@pytest.mark.parametrize(
    ("prelude", "line"),
    [
        (
            "import sys; sys.version_info = (3, 9, 2)",
            "Python 3.9 is too old, 3.11 is needed; install Raspberry Pi OS bookworm or newer",
        ),
        (
            "import sys; sys.version_info = (3, 99, 0)",
            "this is Python 3.99, and the bundle is for {python}; on the workstation run: "
            "fmnist bundle --platform {platform} --python 3.99",
        ),
        (
            'import platform; platform.machine = lambda: "armv7l"',
            "this is Python for armv7l, 64 bits, and the bundle is for {platform}; on the workstation "
            "run: fmnist bundle --platform any",
        ),
        (
            "import struct; struct.calcsize = lambda letter: 4",
            "this is Python for {machine}, 32 bits, and the bundle is for {platform}; on the workstation "
            "run: fmnist bundle --platform any",
        ),
        (
            'import os; os.confstr = lambda name: "glibc 2.24"',
            "the wheels need glibc 2.28, which this system has not; on the workstation "
            "run: fmnist bundle --platform any",
        ),
    ],
    ids=["old", "another Python", "another machine", "32 bits", "old glibc"],
)
def test_a_machine_that_the_bundle_is_not_for(bundles, device, prelude, line):
    machine = device(bundles / "here", prelude)
    made = json.loads((machine.folder / "bundle.json").read_text())
    expected = line.format(**made, machine=made["platform"].removeprefix("linux-"))
    assert complaint(machine.install()) == expected


def test_no_python(bundles, device, tmp_path):
    machine = device(bundles / "here")
    bare = tmp_path / "bare"
    bare.mkdir()
    for program in ("sh", "dirname", "sha256sum"):
        (bare / program).symlink_to(str(shutil.which(program)))
    assert complaint(machine.install(PATH=str(bare))) == "there is no python3; sudo apt install python3"


def test_another_sha256sum_than_gnus(bundles, device, tmp_path):
    """BusyBox's knows none of the long options."""
    machine = device(bundles / "here")
    busy = tmp_path / "busy"
    busy.mkdir()
    (busy / "sha256sum").write_text("#!/bin/sh\necho 'sha256sum: unrecognized option: strict' >&2\nexit 1\n")
    (busy / "sha256sum").chmod(0o755)
    assert complaint(machine.install(PATH=f"{busy}:{machine.path}")) == (
        "SHA256SUMS: cannot be checked; copy the bundle again, "
        "or where sha256sum is not GNU's: apk add coreutils"
    )


def test_an_empty_word_is_no_option(bundles, device):
    machine = device(bundles / "here", 'import sys; sys.modules["numpy"] = None')
    change(machine.folder, installed_bytes=10**18)
    assert "MB of disk" in complaint(machine.install(""))


@pytest.mark.parametrize("does", ["exit 1", "exit 127", "kill -SEGV $$"])
def test_a_python_that_does_not_work(bundles, device, does):
    machine = device(bundles / "here", "never read")
    (Path(machine.path.partition(":")[0]) / "python3").write_text(f"#!/bin/sh\n{does}\n")
    result = machine.install()
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "install.sh: python3 does not work; sudo apt install --reinstall python3"
    )


def test_no_space(bundles, device):
    machine = device(bundles / "here")
    change(machine.folder, installed_bytes=10**18)
    line = complaint(machine.install())
    assert line.startswith("needs 1000000000001 MB of disk, and ")
    assert line.endswith(" MB are free; delete what is not needed")


def _system_with_numpy() -> Path | None:
    code = "import sys, numpy; sys.exit(sys.version_info < (3, 11))"
    for python in (PYTHON, Path("/usr/bin/python3")):
        if python.exists():
            tried = subprocess.run([python, "-I", "-c", code], capture_output=True, check=False)
            if tried.returncode == 0:
                return python
    return None


@pytest.mark.skipif(_system_with_numpy() is None, reason="no Python of the system has NumPy")
def test_every_other_machine_uses_the_systems_numpy(bundles, device, tmp_path):
    machine = device(bundles / "any", python=_system_with_numpy())
    result = machine.install()
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith(
        "for any machine: NumPy of the system runs the npz artifact, and .c artifacts bring their libraries\n"
    )
    assert not list(machine.folder.glob(".venv/lib/python3*/site-packages/numpy"))
    here = models(run_fmnist(tmp_path, "eval", TINY, "--json", "-").stdout)
    there = models(machine.fmnist("eval", "--json", "-").stdout)
    assert there == {name: here[name] for name in ("model.keras", "model-float32.npz")}


@pytest.mark.skipif(_system_with_numpy() is None, reason="no Python of the system has NumPy")
def test_on_request_an_engine_works_with_the_systems_packages(bundles, device, tmp_path):
    """For picamera2, which does not load beside another NumPy than the one it was built with."""
    machine = device(bundles / "here", python=_system_with_numpy())
    result = machine.install("--system-site-packages")
    assert result.returncode == 0, result.stderr
    assert not list(machine.folder.glob(".venv/lib/python3*/site-packages/numpy"))
    here = models(run_fmnist(tmp_path, "eval", TINY, "--json", "-").stdout)
    assert models(machine.fmnist("eval", "--json", "-").stdout) == here
    assert complaint(machine.install("--system")) == "--system: the only option is --system-site-packages"


@pytest.mark.parametrize(
    ("prelude", "line"),
    [
        (
            'import sys; sys.modules["numpy"] = None',
            "the system's Python has no NumPy; sudo apt install python3-numpy",
        ),
        (
            'import sys, types; sys.modules["numpy"] = types.SimpleNamespace(__version__="1.19.5")',
            "NumPy 1.19.5 is too old, 1.24 is needed; sudo apt install python3-numpy",
        ),
        (
            'import sys; sys.base_prefix = "/another"',
            "python3 is that of a virtual environment, and NumPy has to be the system's; deactivate it",
        ),
    ],
    ids=["none", "old", "of a virtual environment"],
)
def test_numpy_that_will_not_do(bundles, device, prelude, line):
    assert complaint(device(bundles / "any", prelude).install()) == line


def test_numpy_that_does_not_load(bundles, device, tmp_path):
    """As one says that lacks a library of the system: the reason stands behind a page of advice."""
    package = tmp_path / "broken" / "numpy"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "try:\n    raise ImportError('libblas.so.3: cannot open shared object file')\n"
        "except ImportError as error:\n    raise ImportError('a page\\nof advice') from error\n"
    )
    machine = device(bundles / "any", f'import sys; sys.path.insert(0, "{package.parent}")')
    assert complaint(machine.install()) == (
        "the system's NumPy does not load (libblas.so.3: cannot open shared object file); "
        "sudo apt install --reinstall python3-numpy"
    )


def test_packages_that_do_not_go_along_are_fetched_there(bundles, device, tmp_path):
    made = run_fmnist(tmp_path, "bundle", TINY, *HERE, "--wheels", "none", "--no-data", "--out", "light")
    assert made.returncode == 0, made.stderr
    machine = device(tmp_path / "light")
    failed = machine.install(PIP_RETRIES="0")
    assert failed.returncode == 1
    assert failed.stderr.endswith(
        "install.sh: pip could not fetch and install the packages; its own words stand above\n"
    )
    assert not (machine.folder / ".venv").exists()
    installed = machine.install(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(bundles / "here" / "wheels"))
    assert installed.returncode == 0, installed.stderr
    assert installed.stdout.count(" verified ") == 6


@pytest.mark.skipif(shutil.which("dash") is None, reason="Debian's sh is not here")
def test_debians_shell_understands_it():
    assert subprocess.run(["dash", "-n", INSTALLER], check=False).returncode == 0
