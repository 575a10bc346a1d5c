"""The time that each operator takes on ONNX Runtime, by its own profiler.

It writes what Chrome's trace viewer reads: https://onnxruntime.ai/docs/performance/tune-performance/profiling-tools.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fmnist_runtime.engines import open_sound
from fmnist_runtime.engines.onnx import OnnxSession
from fmnist_runtime.engines.opening import opening_of
from fmnist_runtime.engines.session import ModelInfo, Session
from fmnist_runtime.errors import ModelError, OutputError
from fmnist_runtime.timing.operators import OperatorRun

CAVEAT = (
    "a part of that is in these figures, about as much for each operator, so small operators take less than "
    "is said; the profiler counts whole µs"
)
_TIME = "_kernel_time"
"""What follows the name of a node where its time is told; old versions tell other things of it, too."""
_MAX_BYTES = 2**28
"""256 MB of profile, some 300,000 runs of operators. Of those after a million the engine tells nothing."""


class _ProfiledSession(OnnxSession):
    def __init__(self, info: ModelInfo, folder: str) -> None:
        self._prefix = f"{folder}/operators"
        # Checked anew, as the file may be another by now.
        super().__init__(open_sound(opening_of(info)))

    def _options(self, threads: int) -> Any:
        options = super()._options(threads)
        options.enable_profiling, options.profile_file_prefix = True, self._prefix
        return options


def record(info: ModelInfo, run: Callable[[Session], object]) -> list[OperatorRun]:
    """Load a model once more, with the engine's profiler, and run it.

    Args:
        info: Of the model.
        run: Runs a session of it.

    Returns:
        Every run of an operator, in order.

    Raises:
        ModelError: It cannot be loaded or run, or what the profiler wrote cannot be read.
        OutputError: There is no room for temporary files.
    """
    try:
        folder = TemporaryDirectory(prefix="fmnist-")
    except OSError as error:
        raise OutputError(
            f"{info.path}: its profile has no folder for temporary files ({error}); name one in TMPDIR"
        ) from error
    with folder as name:
        with _ProfiledSession(info, name) as session:
            run(session)
            profile = Path(session.inference_session.end_profiling())
        try:
            return _read(profile)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{info.path}: the profile that {info.engine} made cannot be read ({error})"
            ) from error


def _read(profile: Path) -> list[OperatorRun]:
    size = profile.stat().st_size
    if size > _MAX_BYTES:
        raise ValueError(f"it has {size:,} bytes, at most {_MAX_BYTES:,} are read; profile fewer inferences")
    text = profile.read_text(encoding="utf-8", errors="replace")
    # Not strict: older versions write a name's line breaks as they are.
    events = json.loads(text, strict=False)
    return [
        OperatorRun(event["name"].removesuffix(_TIME), event["args"]["op_name"], event["dur"])
        for event in events
        if event["cat"] == "Node"
        and event["name"].endswith(_TIME)
        and event["args"]["op_name"] != "If"  # its time is that of the nodes in it, which are told themselves
    ]
