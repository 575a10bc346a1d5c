"""How long inference takes, in one process: real images, a clock around each call, every time kept.

`warm_up` runs a model until it has settled. Then `time_calls` runs it back to back, `time_periodic` at a
camera's pace, and `measure_throughput` without a clock in between. Each gives a `Timing`; several processes
together tell how sure a figure is (`pooled_percentile`, and `fmnist_runtime.timing.trust`).
"""

from fmnist_runtime.timing.calls import Timing, measure_throughput, time_block, time_calls, time_periodic
from fmnist_runtime.timing.samples import Samples, pooled_percentile
from fmnist_runtime.timing.warm_up import WarmUp, warm_up

__all__ = [
    "Samples",
    "Timing",
    "WarmUp",
    "measure_throughput",
    "pooled_percentile",
    "time_block",
    "time_calls",
    "time_periodic",
    "warm_up",
]
