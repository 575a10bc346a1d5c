"""Attack a command: write a file, and require a refusal in one line before an engine opens the file."""

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
