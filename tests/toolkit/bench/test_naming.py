from __future__ import annotations

from support.timings import timed

from fmnist.bench.result import file_names, short_names


def test_names_say_what_differs():
    times = range(1, 100)
    kinds = [timed("a.tflite", times), timed("b.onnx", times, engine="onnxruntime")]
    assert short_names(kinds) == ["tflite int8", "onnx int8"]
    assert short_names([timed("old.tflite", times), timed("new.tflite", times)]) == [
        "old.tflite",
        "new.tflite",
    ]
    foreign = [timed("a.tflite", times, scheme="unknown")]
    assert short_names(foreign) == ["a.tflite"]
    sweep = [
        timed("a.tflite", times, engine=engine, threads=threads, batch=batch)
        for engine, threads, batch in (("tflite", 1, 1), ("tflite", 2, 8), ("numpy", 1, 1))
    ]
    assert short_names(sweep) == [
        "tflite int8, tflite, 1 thread, batch 1",
        "tflite int8, tflite, 2 threads, batch 8",
        "tflite int8, numpy, 1 thread, batch 1",
    ]
    assert file_names(sweep[:2]) == ["a.tflite 1 thread batch 1", "a.tflite 2 threads batch 8"]
