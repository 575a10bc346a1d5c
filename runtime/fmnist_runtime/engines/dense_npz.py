"""The dense network in an npz model of ours.

It is an uncompressed ``.npz`` with ``network.json``, which lists the layers, and for layer n the arrays
``n.kernel`` (float32 ``[inputs, units]``) and ``n.bias`` (float32 ``[units]``).
"""

from __future__ import annotations

import io
import json
import math
import zipfile

import numpy as np

from fmnist_runtime.artifact.container import MAX_NETWORK_BYTES, NETWORK_FILE, read_stored
from fmnist_runtime.engines.dense import Dense, DenseNetwork, Floats
from fmnist_runtime.safety.protobuf import Content
from fmnist_runtime.safety.zip import open_archive

NETWORK_SCHEMA = "fmnist.network/1"


def read_network(content: Content) -> DenseNetwork:
    """Read the network from an npz model.

    Raises:
        ValueError: The file is something else, or its arrays do not fit together. For a crafted file, NumPy
            and zipfile raise other exceptions.
    """
    limit = len(content)
    with open_archive(content) as archive:
        if NETWORK_FILE not in archive.namelist():
            raise ValueError(f"it has no {NETWORK_FILE}")
        network = json.loads(read_stored(archive, NETWORK_FILE, MAX_NETWORK_BYTES))
        if network["schema"] != NETWORK_SCHEMA:
            raise ValueError(f"its network is {network['schema']!r}, this reads {NETWORK_SCHEMA}")
        shape = tuple(int(size) for size in network["input_shape"])
        layers = tuple(
            Dense(
                name=str(layer["name"]),
                kernel=_array(archive, f"{number}.kernel.npy", limit),
                bias=_array(archive, f"{number}.bias.npy", limit),
                activation=layer["activation"],
            )
            for number, layer in enumerate(network["layers"])
        )
    return DenseNetwork(shape, layers)


def _array(archive: zipfile.ZipFile, name: str, limit: int) -> Floats:
    content = read_stored(archive, name, limit)
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"{name} is of version {version}")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    start = file.tell()
    if fortran or dtype != np.dtype("<f4") or math.prod(shape) * 4 != len(content) - start:
        raise ValueError(f"{name} is no whole float32 array")
    return np.frombuffer(content, "<f4", offset=start).reshape(shape).astype(np.float32, copy=False)
