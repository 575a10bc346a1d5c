"""npz models that fmnist did not write, array by array."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np


def write_network(path: Path, network: Any, arrays: dict[str, np.ndarray], compression: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("network.json", json.dumps(network))
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(f"{name}.npy", buffer.getvalue())
    return path


def network(activation: str = "softmax", **changes: Any) -> dict[str, Any]:
    layers = [{"name": "only", "activation": activation}]
    return {"schema": "fmnist.network/1", "input_shape": [2, 2], "layers": layers, **changes}


KERNEL, BIAS = np.arange(12, dtype=np.float32).reshape(4, 3) / 1000, np.float32([0.5, -0.5, 0])
