"""Words that options take, as help shows them and a shell completes them.

Those of formats, schemes and data sets stand in tables that load NumPy, for which neither may wait. Tests
compare the two; the verbs themselves ask the tables.
"""

from collections.abc import Callable, Collection

FORMATS = ("tflite", "onnx", "npz", "all")
SCHEMES = ("none", "float16", "dynamic", "int8", "int8-full", "all")
DATASETS = ("fashion-mnist", "mnist")
RANGES = ("0-255", "0-1", "-1-1", "mean=0.1307,std=0.3081", "mean=0.485,0.456,0.406,std=0.229,0.224,0.225")


def either(words: Collection[str]) -> str:
    """How help shows that one of a few words is to be given."""
    return f"<{'|'.join(words)}>"


def completing(words: Collection[str]) -> Callable[[str], list[str]]:
    """What Typer calls for the words that begin like an incomplete one; without any, files are completed."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete
