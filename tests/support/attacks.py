"""How a test attacks: a file is written, and has to be refused in one line before an engine sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fmnist_runtime import load
from fmnist_runtime.artifact.checked import check_file
from fmnist_runtime.errors import ModelError


def refused(path: Path, content: bytes, complaint: str) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelError, match=complaint) as caught:
        check_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(ModelError, match=complaint):
        load(path, input_range="0-255")
