"""Well-formed but wrong TFLite files, mutated by the schema so that the engine would open them."""

from __future__ import annotations

import copy
import functools
import math
import random
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from support.foreign_tflite import KINDS, OPTIONS, pack, tflite_models

_SIZES = (0, 1, 2, 3, 5, 8, 16, 255, 1000, 65536, 1 << 20, (1 << 31) - 1, -1, -2, -(1 << 31))
_SCALES = (0.0, -1.0, float("nan"), float("inf"), 1e-38, 1e-45, 1e38, 1.0, 0.004)


@functools.cache
def _parsed() -> list[schema.ModelT]:
    return [schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0)) for content in tflite_models()]


def mutate_tflite(rng: random.Random) -> bytes:
    """Return a model with one to four faults, packed again."""
    for _ in range(20):
        model = copy.deepcopy(rng.choice(_parsed()))
        for _ in range(rng.choice((1, 1, 2, 4))):
            rng.choice(_MUTATIONS)(model, model.subgraphs[0], rng)
        try:
            return pack(model)
        except Exception:  # what no flatbuffer can hold: try another
            continue
    return b""


def _dimension(model: Any, graph: Any, rng: random.Random) -> None:
    tensor = rng.choice(graph.tensors)
    shape = list(tensor.shape) if tensor.shape is not None else []
    if shape:
        place = rng.randrange(len(shape))
        shape[place] = rng.choice((*_SIZES, shape[place] + 1, shape[place] * 2))
    if rng.random() < 0.2:
        shape = shape[1:] if rng.random() < 0.5 else [*shape, rng.choice((1, 2))]
    tensor.shape = shape
    if rng.random() < 0.5:
        _fill(model, tensor, rng)


def _kind(model: Any, graph: Any, rng: random.Random) -> None:
    tensor = rng.choice(graph.tensors)
    tensor.type = rng.choice((*KINDS, 17, 19, rng.randrange(23)))
    if rng.random() < 0.8:
        _fill(model, tensor, rng)


def _fill(model: Any, tensor: Any, rng: random.Random) -> None:
    """Return a constant's bytes, as many as its shape takes."""
    if not tensor.buffer or model.buffers[tensor.buffer].data is None or tensor.shape is None:
        return
    size = math.prod(map(int, tensor.shape)) * (
        np.dtype(KINDS[tensor.type]).itemsize if tensor.type in KINDS else 1
    )
    if 0 <= size < 1_000_000:
        model.buffers[tensor.buffer].data = np.frombuffer(rng.randbytes(size), np.uint8)


def _constant(model: Any, graph: Any, rng: random.Random) -> None:
    """Change one number of a constant, mostly a short one, such as a size."""
    tensors = [
        tensor for tensor in graph.tensors if tensor.buffer and model.buffers[tensor.buffer].data is not None
    ]
    tensors = [t for t in tensors if t.type == 2 and len(model.buffers[t.buffer].data) < 64] * 5 + tensors
    if not tensors:
        return
    tensor = rng.choice(tensors)
    data = bytearray(bytes(model.buffers[tensor.buffer].data))
    width = np.dtype(KINDS[tensor.type]).itemsize if tensor.type in KINDS else 1
    for _ in range(rng.choice((1, 1, 2))):
        if len(data) >= width:
            place = rng.randrange(len(data) // width) * width
            number = rng.choice((*_SIZES, rng.randrange(-10, 30)))
            data[place : place + width] = (number % (1 << 8 * width)).to_bytes(width, "little")
    model.buffers[tensor.buffer].data = np.frombuffer(bytes(data), np.uint8)


def _wiring(model: Any, graph: Any, rng: random.Random) -> None:
    operator = rng.choice(graph.operators)
    inputs, outputs = list(operator.inputs), list(operator.outputs)
    wires = rng.choice((inputs, inputs, inputs, outputs))
    index = rng.choice(
        (-1, rng.randrange(len(graph.tensors)), rng.randrange(len(graph.tensors)), len(graph.tensors))
    )
    match rng.randrange(4):
        case 0 | 1 if wires:
            wires[rng.randrange(len(wires))] = index
        case 2:
            wires.append(index)
        case _ if wires:
            wires.pop()
    operator.inputs, operator.outputs = inputs, outputs


def _code(model: Any, graph: Any, rng: random.Random) -> None:
    """Change an operator, mostly together with its settings."""
    code = rng.choice(model.operatorCodes)
    code.builtinCode = rng.randrange(210)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = rng.choice((1, 1, 2, 3, 5))


def _options(model: Any, graph: Any, rng: random.Random) -> None:
    operator = rng.choice(graph.operators)
    options = operator.builtinOptions
    if options is None or rng.random() < 0.1:
        name = rng.choice(list(OPTIONS))
        if name != "NONE":
            operator.builtinOptions, operator.builtinOptionsType = (
                getattr(schema, name + "T")(),
                OPTIONS[name],
            )
        return
    if rng.random() < 0.05:
        operator.builtinOptions, operator.builtinOptionsType = None, 0
        return
    for key, value in vars(options).items():
        if rng.random() < 0.4 and isinstance(value, int | float | bool):
            setattr(
                options,
                key,
                rng.choice((*_SIZES, value)) if not isinstance(value, float) else rng.choice(_SCALES),
            )


def _quantization(model: Any, graph: Any, rng: random.Random) -> None:
    tensor = rng.choice(graph.tensors)
    quantization = tensor.quantization = tensor.quantization or schema.QuantizationParametersT()
    match rng.randrange(5):
        case 0:
            tensor.quantization = None
        case 1:
            quantization.scale = [rng.choice(_SCALES)] * rng.choice((0, 1, 1, 2, 10))
        case 2:
            quantization.zeroPoint = [rng.choice((0, 1, -128, 127, 128, 1 << 40))] * rng.choice((0, 1, 1, 2))
        case 3:
            quantization.quantizedDimension = rng.choice(_SIZES)
        case 4:
            count = rng.choice((1, *(() if tensor.shape is None else tensor.shape)))
            quantization.scale, quantization.zeroPoint = [0.01] * int(count % 5000), [0] * int(count % 5000)
            tensor.type = rng.choice((tensor.type, 9, 3, 7, 2))


def _steps(model: Any, graph: Any, rng: random.Random) -> None:
    place = rng.randrange(len(graph.operators))
    match rng.randrange(4):
        case 0:
            graph.operators.insert(rng.randrange(len(graph.operators)), copy.deepcopy(graph.operators[place]))
        case 1:
            graph.operators.pop(place)
        case 2:
            rng.shuffle(graph.operators)
        case 3:
            graph.operators[place].opcodeIndex = rng.randrange(len(model.operatorCodes) + 1)
    if not graph.operators:
        graph.operators = [schema.OperatorT()]
        graph.operators[0].inputs, graph.operators[0].outputs = [], []


def _ends(model: Any, graph: Any, rng: random.Random) -> None:
    index = rng.randrange(-1, len(graph.tensors) + 1)
    match rng.randrange(4):
        case 0:
            graph.inputs = [index]
        case 1 | 2:
            graph.outputs = [index]
        case 3:
            rng.choice(graph.tensors).isVariable = True


_MUTATIONS = (_dimension, _dimension, _kind, _constant, _constant, _wiring, _wiring, _code, _code)
_MUTATIONS += (_options, _options, _quantization, _quantization, _steps, _ends)
"""The likelier ones are there several times."""
