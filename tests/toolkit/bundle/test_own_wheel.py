"""Our wheel is the same whether it is put together from a checkout or from where it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support import ROOT

SOURCES = [ROOT / name for name in ("runtime", "exporters", "toolkit")]
WRITE = """
import sys
from pathlib import Path
from fmnist.bundle.wheels import own_wheel
from fmnist_runtime.errors import FmnistError
try:
    name, content = own_wheel()
except FmnistError as error:
    sys.exit(str(error))
Path(sys.argv[1], name).write_bytes(content)
"""


def repacked(site: Path | str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Let the code that is installed in a folder put its wheel together."""
    return subprocess.run(
        [sys.executable, "-c", WRITE, folder],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that the build makes of the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT], check=True, capture_output=True
    )
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that the checkout puts together of itself, installed to be edited."""
    folder = tmp_path_factory.mktemp("editable")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder / "site"]
    subprocess.run([*pip, "--editable", ROOT], check=True)
    result = repacked(os.pathsep.join(map(str, (folder / "site", *SOURCES))), folder)
    assert result.returncode == 0, result.stderr
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture
def site(built: Path, tmp_path: Path) -> Path:
    """That wheel, installed."""
    folder = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
    subprocess.run([*pip, built], check=True)
    return folder


def test_the_same_bytes_from_a_checkout_and_from_an_installed_wheel(checkout, site, tmp_path):
    result = repacked(site, tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / checkout.name).read_bytes() == checkout.read_bytes()
    assert checkout.name == "fmnist-0.1.0-py3-none-any.whl"


def test_it_holds_what_the_build_puts_into_it(built, checkout):
    """But for the record, and the README at the end of the metadata."""
    with zipfile.ZipFile(built) as one, zipfile.ZipFile(checkout) as other:
        assert set(one.namelist()) == set(other.namelist())
        for entry in one.namelist():
            if not entry.endswith(("/RECORD", "/METADATA")):
                assert one.read(entry) == other.read(entry), entry
        metadata = other.read("fmnist-0.1.0.dist-info/METADATA")
        assert one.read("fmnist-0.1.0.dist-info/METADATA").startswith(metadata)
        assert b"\nRequires-Dist: numpy>=1.24\n" in metadata
        assert "fmnist/bundle/install.sh" in other.namelist()


def test_pip_installs_it_and_it_can_be_repacked_again(checkout, tmp_path):
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site]
    subprocess.run([*pip, checkout], check=True)
    assert repacked(site, tmp_path).returncode == 0
    assert (tmp_path / checkout.name).read_bytes() == checkout.read_bytes()


@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_a_file_that_was_changed_since_it_was_installed_is_named(site, tmp_path, harm):
    file = site / "fmnist_exporters" / "recipes.py"
    why = "has changed since it was installed"
    if harm == "changed":
        file.write_text(file.read_text() + "# mine\n")
    else:
        why = "cannot be read (No such file or directory)"
        file.unlink()
    result = repacked(site, tmp_path)
    assert result.returncode == 1
    mend = "reinstall fmnist: pip install --force-reinstall --no-deps fmnist"
    assert result.stderr == f"{file}: {why}; {mend}\n"
    assert not list(tmp_path.glob("*.whl"))
