"""What must hold of an ONNX file before ONNX Runtime sees it."""

from __future__ import annotations

import mmap
from collections import Counter

from fmnist_runtime.safety.onnx.graph import MAX_DEPTH, Call, Walk
from fmnist_runtime.safety.onnx.running import Running
from fmnist_runtime.safety.onnx.sizes import check_sizes
from fmnist_runtime.safety.protobuf import Field, fields

_MAX_NODES = 100_000
"""Nodes once every local function is written out where it is called; large language models have 10,000."""


def check(content: mmap.mmap | bytes) -> Running:
    """Check all that ONNX Runtime takes for granted, and that it reads no files but those beside this one.

    Returns:
        How the model may be run.

    Raises:
        ValueError: It does not hold.
    """
    walk = Walk(content)
    functions: dict[Call, Counter[Call]] = {}
    for entry in fields(content, 0, len(content)):
        match entry[0]:
            case 7:
                walk.graph(entry, 1)
            case 20:
                for graph in walk.fields(entry):
                    if graph[0] in (1, 2):
                        walk.graph(graph, 1)
            case 25:
                inner = Walk(content)
                functions[_function(inner, entry)] = inner.calls
                check_sizes(inner.deciding, inner.constants)
                walk.external += inner.external
    check_sizes(walk.deciding, walk.constants)
    if _nodes(walk.calls, functions, {}, ()) > _MAX_NODES:
        raise ValueError(f"it has more than {_MAX_NODES:,} nodes, once its functions are written out")
    external, outputs = tuple(walk.external), tuple(walk.outputs)
    return Running(frozenset(walk.weights), max(walk.stride, 1), walk.makers, external, outputs)


def _function(walk: Walk, function: Field) -> Call:
    """Walk through a local function, and tell its domain and name."""
    name = domain = b""
    for entry in walk.fields(function):
        match entry[0]:
            case 1:
                name = walk.text(entry)
            case 10:
                domain = walk.text(entry)
            case 7:
                walk.node(entry, 1)
            case 11:
                walk.attribute(entry, 1)
    return domain, name


def _nodes(
    calls: Counter[Call], functions: dict[Call, Counter[Call]], known: dict[Call, int], path: tuple[Call, ...]
) -> int:
    """How many nodes these calls are, with every function written out."""
    if len(path) > MAX_DEPTH * 4:
        raise ValueError("its functions call each other too deeply, or themselves")
    total = 0
    for call, times in calls.items():
        if call in functions and call not in known:
            known[call] = _nodes(functions[call], functions, known, (*path, call))
        total += times * known.get(call, 1)
    return total
