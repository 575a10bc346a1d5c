"""A user's mistake gives one line, and leaves what was there."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from support import DATA, TINY
from support.bundling import HERE, NOWHERE

OPTIONS = ("--wheels", "none", "--no-data")


def last(result: subprocess.CompletedProcess[str]) -> str:
    """The line of the mistake, behind those that say what is bundled for what."""
    assert result.returncode == 1
    assert result.stdout == ""
    *said, line = result.stderr.splitlines()
    assert not [other for other in said if not other.startswith(("run: ", "for "))]
    return line.removeprefix("fmnist: ")


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--target", "pi4", "--platform", "any"], "cannot be combined with --target"),
        (["--target", "pi6"], "'pi6' is not one of pi5, pi4, pi3, zero2w"),
        (["--python", "3.10"], "'3.10' is not one of 3.11, 3.12, 3.13, 3.14"),
        (["--format", "tfjs"], "'tfjs' is not one of tflite, onnx, npz, c, all"),
        (["--platform", "windows"], "'windows' is not one of 'linux-aarch64', 'linux-x86_64', 'any'"),
        (["--wheels", "some"], "'some' is not one of 'all', 'none'"),
    ],
)
def test_usage(fmnist, tmp_path, options, complaint):
    result = fmnist("bundle", TINY, *options)
    assert result.returncode == 2
    assert complaint in " ".join(result.stderr.split())
    assert not left(tmp_path)


def test_what_is_no_run(fmnist, tmp_path):
    line = last(fmnist("bundle", DATA))
    made = "give the folder that fmnist train wrote, or fmnist import with --dataset"
    assert line == f"{DATA}: is not a run; {made}"
    assert "fmnist train" in last(fmnist("bundle"))
    assert not left(tmp_path)


def test_nothing_exported(fmnist, tiny):
    shutil.rmtree(tiny / "export")
    line = last(fmnist("bundle", *OPTIONS))
    assert line == (
        "runs/tiny: nothing is exported yet; run: fmnist export runs/tiny --format all --quantize all"
    )


def test_not_exported_in_that_format(fmnist, tiny):
    manifest = tiny / "export" / "manifest.json"
    record = json.loads(manifest.read_text())
    record["artifacts"] = [entry for entry in record["artifacts"] if entry["format"] == "tflite"]
    manifest.write_text(json.dumps(record))
    assert last(fmnist("bundle", "--platform", "any", *OPTIONS)) == (
        "runs/tiny: nothing is exported as npz or c; run: fmnist export runs/tiny --format all --quantize all"
    )
    assert fmnist("bundle", *OPTIONS).returncode == 0


def test_an_engine_where_there_is_none(fmnist):
    line = last(fmnist("bundle", TINY, "--platform", "any", "--format", "tflite", *OPTIONS))
    assert line == "any platform: there are no engines for tflite; use --format npz or --format c"


def test_an_artifact_that_was_changed(fmnist, tiny):
    path = tiny / "export" / "model-int8.tflite"
    path.write_bytes(path.read_bytes() + b"\0")
    assert last(fmnist("bundle", *OPTIONS)) == (
        "runs/tiny/export/model-int8.tflite: is not what was exported; run: fmnist export runs/tiny"
    )


@pytest.mark.parametrize(
    "harm", [{"format": None}, {"scheme": None}, {"file": "elsewhere/model-int8.tflite"}]
)
def test_a_damaged_manifest(fmnist, tiny, harm):
    manifest = tiny / "export" / "manifest.json"
    record = json.loads(manifest.read_text())
    record["artifacts"][1] |= harm
    if None in harm.values():
        del record["artifacts"][1][next(iter(harm))]
    manifest.write_text(json.dumps(record))
    assert last(fmnist("bundle", *OPTIONS)) == (
        "runs/tiny/export/manifest.json: is damaged; run: fmnist export runs/tiny"
    )


def test_no_recorded_scores(fmnist, tiny):
    (tiny / "reference.npz").unlink()
    assert last(fmnist("bundle", *OPTIONS)).startswith("runs/tiny/reference.npz: ")


def test_no_data(fmnist, tmp_path):
    line = last(fmnist("bundle", TINY, "--wheels", "none", "--data-dir", tmp_path))
    assert line.startswith("fashion-mnist: no folder holds t10k-images-idx3-ubyte[.gz]")


def test_other_data_than_the_run_was_trained_on(fmnist, tmp_path):
    shutil.copytree(DATA / "mnist", tmp_path / "digits")
    line = last(fmnist("bundle", TINY, "--wheels", "none", "--data-dir", "digits"))
    assert "digits holds another data set" in line


@pytest.mark.parametrize("out", ["mine.tar.gz", "mine"])
def test_a_strangers_file_is_replaced_by_force_alone(fmnist, tmp_path, out):
    (tmp_path / out).write_bytes(b"mine")
    line = last(fmnist("bundle", TINY, *OPTIONS, "--out", out))
    assert line == f"{out}: exists and is not a bundle of fmnist; --force replaces it, --out goes elsewhere"
    assert (tmp_path / out).read_bytes() == b"mine"
    assert fmnist("bundle", TINY, *OPTIONS, "--out", out, "--force").returncode == 0
    assert fmnist("bundle", TINY, *OPTIONS, "--out", out).returncode == 0
    assert left(tmp_path) == {out}


def test_a_damaged_archive_is_a_strangers(fmnist, tmp_path):
    """Its first file can be read in part, and what follows is nothing that was ever compressed."""
    member = tarfile.TarInfo("pi/README.md")
    member.size = 100_000
    squeezer = zlib.compressobj(wbits=31)
    begin = squeezer.compress(member.tobuf() + random.Random(0).randbytes(50_000))
    begin += squeezer.flush(zlib.Z_FULL_FLUSH)
    (tmp_path / "pi.tar.gz").write_bytes(begin + b"\xff" * 100)
    line = last(fmnist("bundle", TINY, *OPTIONS, "--out", "pi.tar.gz"))
    assert line.startswith("pi.tar.gz: exists and is not a bundle of fmnist; --force replaces it")


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("out", ["photos", "photos.tar.gz"])
def test_a_strangers_folder_is_never_replaced(fmnist, tmp_path, out, force):
    (tmp_path / out).mkdir()
    (tmp_path / out / "cat.jpg").write_bytes(b"a cat")
    line = last(fmnist("bundle", TINY, *OPTIONS, "--out", out, *force))
    assert line == f"{out}: is a folder, but not a bundle of fmnist; --out goes elsewhere"
    assert (tmp_path / out / "cat.jpg").read_bytes() == b"a cat"


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_what_is_no_file_is_never_replaced(fmnist, tmp_path, force):
    os.mkfifo(tmp_path / "pipe")
    line = last(fmnist("bundle", TINY, *OPTIONS, "--out", "pipe", *force))
    assert line == "pipe: is a pipe or device; --out goes elsewhere"
    assert left(tmp_path) == {"pipe"}


def test_standard_output_takes_no_bundle(fmnist, tmp_path):
    result = fmnist("bundle", TINY, *OPTIONS, "--out", "-")
    assert result.returncode == 2
    assert "a bundle is a file or folder" in result.stderr
    assert not left(tmp_path)


def test_a_bundle_in_which_somebody_worked_is_replaced_by_force_alone(fmnist, tmp_path):
    (tmp_path / "pi").mkdir()  # empty: nobody's
    assert fmnist("bundle", TINY, *OPTIONS, "--out", "pi").returncode == 0
    (tmp_path / "pi" / ".venv").mkdir()
    (tmp_path / "pi" / ".venv" / "pyvenv.cfg").write_text("made by install.sh")
    assert fmnist("bundle", TINY, *OPTIONS, "--out", "pi").returncode == 0
    assert not (tmp_path / "pi" / ".venv").exists()
    (tmp_path / "pi" / "eval.json").write_text("{}")
    line = last(fmnist("bundle", TINY, *OPTIONS, "--out", "pi"))
    assert line == (
        "pi: holds files that were added, such as eval.json; --force replaces it, --out goes elsewhere"
    )
    assert fmnist("bundle", TINY, *OPTIONS, "--out", "pi", "--force").returncode == 0
    assert not (tmp_path / "pi" / "eval.json").exists()
    assert left(tmp_path) == {"pi"}


def test_a_place_that_cannot_be_written(fmnist, tmp_path):
    (tmp_path / "file").write_text("no folder")
    line = last(fmnist("bundle", TINY, *OPTIONS, "--out", "file/pi.tar.gz"))
    assert line.startswith("file/pi.tar.gz: cannot be written (")
    line = last(fmnist("bundle", TINY, *OPTIONS, "--out", "x" * 300))
    assert line.endswith(": cannot be written (File name too long); choose another place")


@pytest.mark.parametrize("out", ["pi.tar.gz", "pi"])
def test_a_disk_that_is_full_leaves_what_was_there(tmp_path, out):
    """Of files of at most 100 kB, our wheel is one too many."""
    command = [sys.executable, "-m", "fmnist", "bundle", TINY, *OPTIONS, "--out", out]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    full = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert last(full) == f"{out}: cannot be written (File too large); choose another place"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == kept


def test_no_network_and_nothing_in_the_cache(fmnist, tmp_path):
    result = fmnist("bundle", TINY, *HERE, environment={**NOWHERE, "XDG_CACHE_HOME": str(tmp_path / "cache")})
    line = last(result)
    assert line.startswith(f"wheels for {HERE[1]}, Python {HERE[3]}: the network cannot be reached (")
    assert line.endswith("); try again, or let the device fetch them: fmnist bundle --wheels none")
    assert left(tmp_path) == {"cache"}
    assert not list((tmp_path / "cache" / "fmnist" / "wheels").iterdir())


def test_what_was_fetched_once_needs_no_network(fmnist, tmp_path, bundles):
    """The fixture has fetched it."""
    result = fmnist("bundle", TINY, *HERE, "--out", "again", environment=NOWHERE)
    assert result.returncode == 0, result.stderr
    sums = [(folder / "SHA256SUMS").read_text() for folder in (bundles / "here", tmp_path / "again")]
    assert sums[0] == sums[1]


@pytest.mark.parametrize("at", ["the middle", "what pip reads"])
def test_a_damaged_wheel_in_the_cache_is_named(fmnist, tmp_path, bundles, at):
    cache = tmp_path / "cache" / "fmnist" / "wheels"
    shutil.copytree(bundles / "any" / "wheels", cache)
    [wheel] = cache.glob("rich-*.whl")
    content = bytearray(wheel.read_bytes())
    with zipfile.ZipFile(wheel) as archive:
        start = archive.getinfo("rich-15.0.0.dist-info/METADATA").header_offset
    content[len(content) // 2 if at == "the middle" else start + 200] ^= 1
    wheel.write_bytes(content)
    result = fmnist(
        "bundle",
        TINY,
        "--platform",
        "any",
        environment={**NOWHERE, "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )
    assert last(result) == f"{wheel}: is damaged; delete it, and try again"


def test_a_cache_that_cannot_be_written(fmnist, tmp_path):
    (tmp_path / "cache").write_text("no folder")
    result = fmnist("bundle", TINY, *HERE, environment={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    line = last(result)
    assert line == (
        f"{tmp_path}/cache/fmnist/wheels: cannot be written (Not a directory); "
        "name another cache with XDG_CACHE_HOME"
    )


def test_a_cache_without_room_says_so(tmp_path, bundles):
    """Of files of at most 100 kB, most wheels are too many; pip answers with a page of its own code."""
    cache = tmp_path / "cache" / "fmnist" / "wheels"
    shutil.copytree(bundles / "any" / "wheels", cache)
    result = subprocess.run(
        [sys.executable, "-m", "fmnist", "bundle", TINY, "--platform", "any", "--no-data"],
        cwd=tmp_path,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert last(result) == (
        "wheels for any platform: pip cannot fetch them (OSError: [Errno 27] File too large)"
    )


def test_interrupted_it_asks_no_network_for_what_the_cache_has(tmp_path):
    """Ctrl-C reaches pip, too, and is no sign that the cache lacks something."""
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__init__.py").touch()
    (tmp_path / "pip" / "__main__.py").write_text(
        "import os, signal, sys\nopen('calls', 'a').write('call\\n')\nos.kill(os.getpid(), signal.SIGINT)\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-m", "fmnist", "bundle", TINY, "--no-data"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert last(result) == "wheels for linux-aarch64, Python 3.13: fetching them was interrupted; try again"
    assert (tmp_path / "calls").read_text() == "call\n"


def test_no_pip(tmp_path):
    code = f"""
import sys
sys.modules["pip"] = None  # as if it were not installed
sys.argv = ["fmnist", "bundle", {str(TINY)!r}, "--no-data"]
from fmnist.cli.main import main
main()
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert last(result) == (
        f"fetching wheels needs pip, which {sys.executable} does not have: python -m ensurepip; "
        "or let the device fetch them: fmnist bundle --wheels none"
    )


@pytest.mark.parametrize("name", [b"back\\slash", b"two\nlines", b"no UTF-8: \xff"])
def test_a_name_that_a_manifest_cannot_hold(fmnist, tiny, name):
    tiny.rename(tiny.with_name(os.fsdecode(name)))
    assert "rename it" in last(fmnist("bundle", *OPTIONS))
