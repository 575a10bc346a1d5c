"""What is in a bundle, and that it is the same each time."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from support import DATA, TINY, run_fmnist

from fmnist.bundle.contents import Bundle, make_bundle
from fmnist.bundle.writing import write_bundle
from fmnist.devices.targets import BOARDS, Target
from fmnist.runs.run import Run
from fmnist_runtime.data.datasets import KNOWN

ANY = Target("any", "3.11")
PI = Target("linux-aarch64", "3.13")
ALL = ("tflite", "onnx", "npz")
T10K = ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]
SCRIPTS = ["README.md", "SHA256SUMS", "bundle.json"]


def made(run=TINY, target=PI, formats=ALL, data=True, data_dir=DATA) -> Bundle:
    """A bundle for which nothing is fetched."""
    return make_bundle(Run(run), target, formats, data, wheels=False, data_dir=data_dir)


def names(bundle: Bundle) -> list[str]:
    return [file.name for file in bundle.files]


def read(bundle: Bundle, name: str) -> bytes:
    [file] = (file for file in bundle.files if file.name == name)
    with file.open() as content:
        return content.read()


def test_the_files_of_a_bundle():
    bundle = made()
    assert bundle.name == "tiny-linux-aarch64-py313"
    artifacts = sorted(path.name for path in (TINY / "export").glob("model-*"))
    assert names(bundle) == [
        *SCRIPTS,
        *(f"data/fashion-mnist/{name}" for name in T10K),
        "install.sh",
        "requirements.txt",
        "runs/tiny/export/manifest.json",
        *(f"runs/tiny/export/{name}" for name in artifacts),
        "runs/tiny/reference.npz",
        "runs/tiny/train.json",
        "wheels/fmnist-0.1.0-py3-none-any.whl",
    ]
    for name in T10K:
        assert read(bundle, f"data/fashion-mnist/{name}") == (DATA / "fashion-mnist" / name).read_bytes()
    for file in bundle.files:
        assert file.executable == (file.name == "install.sh")
        assert file.size == len(read(bundle, file.name))


def test_its_manifest_is_that_of_sha256sum(tmp_path):
    bundle = made()
    write_bundle(bundle, tmp_path / "folder")
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path / "folder", check=False
    )
    assert checked.returncode == 0
    sums = read(bundle, "SHA256SUMS")
    assert sums.count(b"\n") == len(bundle.files) - 1
    assert bundle.version == hashlib.sha256(sums).hexdigest()[:12]


@pytest.mark.parametrize("format", ALL)
def test_one_format_alone_has_a_manifest_of_its_own(format):
    bundle = made(formats=(format,), data=False)
    artifacts = [name for name in names(bundle) if "/model-" in name]
    assert artifacts
    assert all(name.endswith(f".{format}") for name in artifacts)
    manifest = json.loads(read(bundle, "runs/tiny/export/manifest.json"))
    assert sorted(f"runs/tiny/export/{entry['file']}" for entry in manifest["artifacts"]) == artifacts
    assert not any(name.startswith("data/") for name in names(bundle))
    pins = read(bundle, "requirements.txt").decode()
    assert ("ai-edge-litert==" in pins, "onnxruntime==" in pins) == (format == "tflite", format == "onnx")
    assert "pillow==" in pins


def test_any_machine_gets_the_npz_and_no_numpy():
    bundle = made(target=ANY)
    assert bundle.name == "tiny-any"
    assert [name for name in names(bundle) if "/model-" in name] == ["runs/tiny/export/model-float32.npz"]
    pins = read(bundle, "requirements.txt").decode()
    assert pins.startswith("./wheels/fmnist-0.1.0-py3-none-any.whl\n")
    assert not any(f"\n{name}==" in pins for name in ("numpy", "pillow", "ai-edge-litert", "onnxruntime"))
    assert "sudo apt install python3-numpy" in read(bundle, "README.md").decode()


def test_nothing_of_the_training_stack_is_loaded(tmp_path):
    code = f"""
import sys
sys.argv = ["fmnist", "bundle", {str(TINY)!r}, "--wheels", "none", "--data-dir", {str(DATA)!r}]
from fmnist.cli.main import main
try:
    main()
finally:
    print(sorted({{"tensorflow", "keras", "onnx", "onnxruntime", "ai_edge_litert"}} & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("\n[]\n")


def test_what_was_rejected_stays_here(tiny):
    manifest = tiny / "export" / "manifest.json"
    record = json.loads(manifest.read_text())
    entry = record["artifacts"].pop()
    rejected = entry | {"file": f"{entry['file']}.rejected", "rejected": "drifted"}
    (tiny / "export" / entry["file"]).rename(tiny / "export" / rejected["file"])
    manifest.write_text(json.dumps(record | {"rejected": [rejected]}))
    bundle = made(tiny)
    assert not any("rejected" in name for name in names(bundle))
    assert json.loads(read(bundle, "runs/tiny/export/manifest.json"))["rejected"] == []


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    """From another folder, by another process with another umask, at another time."""
    for name, umask in (("one", 0o022), ("two", 0o077)):
        folder = tmp_path / name
        shutil.copytree(TINY, folder / "elsewhere" / "tiny")
        arguments = ["elsewhere/tiny", "--wheels", "none", "--out", "bundle.tar.gz"]
        result = run_fmnist(folder, "bundle", *arguments, umask=umask)
        assert result.returncode == 0, result.stderr
    one, two = (tmp_path / name / "bundle.tar.gz" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_an_archive_is_the_folder_without_times_and_owners(tmp_path):
    bundle = made(data=False)
    write_bundle(bundle, tmp_path / "folder")
    write_bundle(bundle, tmp_path / "file.tar.gz")
    with tarfile.open(tmp_path / "file.tar.gz") as archive:
        members = archive.getmembers()
        for member in members:
            name = member.name.removeprefix(f"{bundle.name}/")
            assert archive.extractfile(member).read() == (tmp_path / "folder" / name).read_bytes()
    assert [member.name.removeprefix(f"{bundle.name}/") for member in members] == names(bundle)
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
    assert {m.name.rpartition("/")[2] for m in members if m.mode != 0o644} == {"install.sh"}
    assert all(member.mode in (0o644, 0o755) for member in members)


def test_interrupted_at_the_last_moment_the_folder_is_what_it_was(tmp_path, monkeypatch):
    folder = tmp_path / "pi"
    write_bundle(made(data=False), folder)
    sums = (folder / "SHA256SUMS").read_bytes()
    renamed = []
    rename = Path.rename

    def interrupted(path, target):
        renamed.append(path)
        if len(renamed) == 2:  # the old folder has gone aside, and the new one is to take its place
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(made(data=False, formats=("npz",)), folder)
    assert (folder / "SHA256SUMS").read_bytes() == sums
    assert list(tmp_path.iterdir()) == [folder]


def test_ones_own_data_set_is_found_beside_its_run_on_the_device(tmp_path, tiny):
    """The run recorded where it lay on the workstation; on the device there is no such folder."""
    own = tmp_path / "my garments"
    shutil.copytree(DATA / "fashion-mnist", own, ignore=shutil.ignore_patterns("train-*"))
    (own / "labels.txt").write_text("\n".join(KNOWN["fashion-mnist"].labels))
    (own / T10K[1]).write_bytes(gzip.compress(gzip.decompress((own / T10K[1]).read_bytes())))
    record = json.loads((tiny / "train.json").read_text())
    record["settings"]["dataset"] = str(own)
    (tiny / "train.json").write_text(json.dumps(record))
    bundle = made(tiny, formats=("npz",), data_dir=None)
    packed = [name for name in names(bundle) if name.startswith("data/")]
    assert packed == [f"data/my garments/{name}" for name in ("labels.txt", *T10K)]

    write_bundle(bundle, tmp_path / "device")
    shutil.rmtree(own)
    there = tmp_path / "device" / "runs" / "tiny" / "export" / "model-float32.npz"
    evaluated = run_fmnist(
        tmp_path / "device", "eval", there, "--dataset", own, environment={"FMNIST_DATA": None}
    )
    assert evaluated.returncode == 0, evaluated.stderr
    assert "10,000" in evaluated.stdout


@pytest.mark.parametrize(
    ("out", "copied", "there"),
    [
        ("12:30.tar.gz", "./12:30.tar.gz", "tar xzf ./12:30.tar.gz"),
        ("./-pi.tgz", "./-pi.tgz", "tar xzf ./-pi.tgz"),
        ("./-pi", "-r ./-pi", "sh ./-pi/install.sh"),
    ],
)
def test_what_to_type_next_takes_a_file_for_no_option_and_no_host(tmp_path, out, copied, there):
    result = run_fmnist(tmp_path, "bundle", TINY, "--wheels", "none", "--no-data", "--out", out)
    assert result.returncode == 0, result.stderr
    commands = result.stdout.splitlines()
    assert f"scp {copied} pi@raspberrypi.local:" in commands
    assert f"ssh pi@raspberrypi.local '{there}'" in commands


@pytest.mark.parametrize("board", BOARDS)
def test_every_board_is_a_target(tmp_path, board):
    result = run_fmnist(tmp_path, "bundle", TINY, "--target", board, "--wheels", "none", "--no-data")
    assert result.returncode == 0, result.stderr
    assert result.stderr == (f"run: {TINY}\nfor linux-aarch64, Python 3.13, of the present Raspberry Pi OS\n")
    assert (tmp_path / "tiny-linux-aarch64-py313.tar.gz").is_file()


@pytest.mark.parametrize("out", ["-x.tar.gz", "12:30.tar.gz", "-x", "12:30"])
def test_what_to_type_next_takes_no_name_for_an_option_or_another_machine(tmp_path, out):
    """As scp, tar and sh would."""
    result = run_fmnist(tmp_path, "bundle", TINY, "--no-data", "--wheels", "none", "--out", out)
    [copy] = (line for line in result.stdout.splitlines() if line.startswith("scp "))
    assert copy.split()[-2:] == [f"./{out}", "pi@raspberrypi.local:"]
    reader = "tar xzf" if out.endswith(".tar.gz") else "sh"
    assert f"ssh pi@raspberrypi.local '{reader} ./{out}" in result.stdout


def test_the_newest_run_and_what_to_type_next(tmp_path, tiny):
    result = run_fmnist(
        tmp_path, "bundle", "--python", "3.11", "--wheels", "none", "--out", "for the pi.tar.gz"
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == "run: runs/tiny\nfor linux-aarch64, Python 3.11\n"
    lines = result.stdout.splitlines()
    assert lines[-3:] == [
        "scp 'for the pi.tar.gz' pi@raspberrypi.local:",
        """ssh pi@raspberrypi.local 'tar xzf '"'"'for the pi.tar.gz'"'"''""",
        "ssh pi@raspberrypi.local 'sh tiny-linux-aarch64-py311/install.sh'",
    ]
    size = (tmp_path / "for the pi.tar.gz").stat().st_size
    assert lines[-4].startswith(f"for the pi.tar.gz: {size / 1e6:.2f} MB, version ")
    assert [line.split("  ")[0] for line in lines[2:-4]] == [
        "artifacts, npz",
        "artifacts, onnx",
        "artifacts, tflite",
        "fmnist",
        "install.sh and what it reads",
        "run",
        "test images of fashion-mnist",
        "total",
    ]
