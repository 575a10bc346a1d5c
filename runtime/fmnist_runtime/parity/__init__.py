"""Whether a converted model may replace its original: statistics for paired predictions, with NumPy only.

from fmnist_runtime import parity

result = parity.compare_model("model-int8.tflite", "reference.npz")
print(result.passed, result.answers.accuracy_difference_interval, result.changes.confident)
"""

from fmnist_runtime.parity.answers import TopOneAgreement
from fmnist_runtime.parity.calibration import Calibration
from fmnist_runtime.parity.changes import Changes
from fmnist_runtime.parity.comparison import Parity, compare
from fmnist_runtime.parity.gates import Breach, Gate, default_gate
from fmnist_runtime.parity.intervals import Interval
from fmnist_runtime.parity.models import assert_parity, compare_model, compare_session
from fmnist_runtime.parity.probabilities import Audit, Probabilities

__all__ = [
    "Audit",
    "Breach",
    "Calibration",
    "Changes",
    "Gate",
    "Interval",
    "Parity",
    "Probabilities",
    "TopOneAgreement",
    "assert_parity",
    "compare",
    "compare_model",
    "compare_session",
    "default_gate",
]
