"""A new format is a row in the table and a module of its name, and a session on the device's side.

Here the format that keeps weights as text, added from outside as docs/how-to/add-a-format.md says, is
exported, proved, listed, verified and compared like any other.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import DATA, TINY
from support.documents import DOCS, blocks

PAGE = (DOCS / "how-to" / "add-a-format.md").read_text(encoding="utf-8")
FILES = {block.said: block.text for block in blocks(PAGE) if block.remark == "file"}


@pytest.fixture
def extended(tmp_path):
    """Run the command with one more format, in a folder with a copy of the tiny run."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    shutil.copytree(TINY, tmp_path / "run", ignore=shutil.ignore_patterns("export"))

    def run(*arguments: str) -> str:
        result = subprocess.run(
            [sys.executable, "start.py", *arguments],
            cwd=tmp_path,
            env={**os.environ, "FMNIST_DATA": str(DATA)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def test_one_row_and_a_module_make_a_format(extended, tmp_path):
    assert "100.00%" in extended("export", "run", "--format", "text")
    artifact = Path("run/export/model-float32.text")
    assert "kept" in extended("export", "run", "--format", "text")
    manifest = json.loads((tmp_path / "run/export/manifest.json").read_text())
    assert [entry["file"] for entry in manifest["artifacts"]] == [artifact.name]
    assert "verified" in extended("verify", str(artifact))
    assert " pass " in extended("parity", str(artifact))
