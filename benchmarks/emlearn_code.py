"""The default network as emlearn generates it: float32, for every microcontroller (https://emlearn.org)."""

from __future__ import annotations

from pathlib import Path

from fmnist_runtime import load
from fmnist_runtime.engines.numpy import NumpySession


def available() -> bool:
    """Return whether emlearn is installed: ``pip install emlearn``."""
    try:
        import emlearn.net  # noqa: F401
    except ImportError:
        return False
    return True


def write(npz: Path, header: Path) -> Path:
    """Write emlearn's C of the dense layers of an npz artifact, and return the folder of its headers."""
    import emlearn
    from emlearn.net import c_generate_net_loadable

    session = load(npz)
    assert isinstance(session, NumpySession)
    with session:
        layers = session.layers
    activations = [layer.activation for layer in layers]
    kernels, biases = [layer.kernel for layer in layers], [layer.bias for layer in layers]
    header.write_text(c_generate_net_loadable(activations, kernels, biases, "theirs"))
    return Path(emlearn.__file__).parent
