"""Measuring the latency of inference in one process: on real images, with every single time kept.

`warm_up` runs a model until its latency has settled. Then `time_calls` runs it back to back, `time_periodic`
at a camera's pace, and `measure_throughput` without a clock between calls. Each returns a `Timing`. Several
processes together show how reliable a figure is (`pooled_percentile`, and `fmnist_runtime.timing.trust`).
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
