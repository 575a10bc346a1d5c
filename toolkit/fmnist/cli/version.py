"""`fmnist --version`: what is installed, without importing any of it."""

import platform

import typer

PACKAGES = ("numpy", "ai-edge-litert", "tflite-runtime", "onnxruntime", "tensorflow", "keras")
"""Distributions that results depend on, as pip calls them."""
_OLDER = "tflite-runtime"
"""The older name of ai-edge-litert, of which one is enough."""


def print_version(ctx: typer.Context, wanted: bool) -> None:
    """Print our version, and on further lines those of all that results depend on; then exit."""
    if not wanted or ctx.resilient_parsing:  # then a shell asks what may follow
        return
    versions = {name: _version(name) for name in ("fmnist", *PACKAGES)}
    if versions[_OLDER] is None:
        del versions[_OLDER]
    elif versions["ai-edge-litert"] is None:
        del versions["ai-edge-litert"]
    print(f"fmnist {versions.pop('fmnist') or 'unknown'}")
    print(f"python {platform.python_version()}")
    for name, version in versions.items():
        print(f"{name} {version or 'not installed'}")
    raise typer.Exit


def _version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
