"""What the kernel of an LSTM takes for granted of its tensors: presence, shape, type and scale.

Indices of the inputs are those of the kernel's own comments (https://github.com/google-ai-edge/LiteRT,
``tflite/kernels/lstm_shared.h``).
"""

from __future__ import annotations

from fmnist_runtime.safety.tflite.graph import FLOAT32, INT8, INT16, INT32, Tensor, TfliteOperator

_INPUT = 0
_INPUT_WEIGHTS = (1, 2, 3, 4)
"""For the input gate, the forget gate, the cell and the output gate, as in all groups of four below."""
_RECURRENT_WEIGHTS = (5, 6, 7, 8)
_BIASES = (12, 13, 14, 15)
_COUPLED = (_INPUT_WEIGHTS[0], _RECURRENT_WEIGHTS[0], _BIASES[0])
"""The input gate's tensors are left out if it is coupled with the forget gate."""
_OUTPUT_STATE, _CELL_STATE = 18, 19
_UNCOMMON = (9, 10, 11, 16, 17, 20, 21, 22, 23)
"""Peepholes, projections and normalised layers, which Keras does not have."""
_INTERMEDIATES = 5
"""Number of tensors with the rounding of normalised gates, which are not supported, and of the hidden
state."""


def check_lstm(operator: TfliteOperator, tensors: tuple[Tensor, ...]) -> None:
    """Check an LSTM in float32, with or without int8 weights, or in int8 throughout.

    Raises:
        ValueError: It is another, or its tensors do not fit together.
    """
    inputs = {place: tensors[index] for place, index in enumerate(operator.inputs) if index >= 0}
    if any(place in inputs for place in _UNCOMMON):
        raise ValueError(f"a {operator.name} with peepholes, a projection or normalised layers")
    coupled = not any(place in inputs for place in _COUPLED)
    needed = {*_INPUT_WEIGHTS, *_RECURRENT_WEIGHTS, *_BIASES} - (set(_COUPLED) if coupled else set())
    if not inputs.keys() >= {*needed, _INPUT, _OUTPUT_STATE, _CELL_STATE} or len(operator.outputs) != 1:
        raise ValueError(f"a {operator.name} that lacks a tensor")
    _check_shapes(operator.name, inputs, needed)
    output = tensors[operator.outputs[0]]
    intermediates = [tensors[index] for index in operator.intermediates]
    if inputs[_INPUT].kind == FLOAT32:
        _require_kinds(operator.name, inputs, needed, {FLOAT32, INT8}, FLOAT32, (FLOAT32, FLOAT32))
        quantised = [tensor for tensor in inputs.values() if tensor.kind == INT8]
    else:
        _require_kinds(operator.name, inputs, needed, {INT8}, INT32, (INT8, INT16))
        if inputs[_INPUT].kind != INT8 or len(intermediates) != _INTERMEDIATES:
            raise ValueError(
                f"a {operator.name} of type {inputs[_INPUT].kind}, with {len(intermediates)} roundings"
            )
        biases = {inputs[place] for place in _BIASES if place in inputs}
        known = (*inputs.values(), output, *intermediates[-1:])
        quantised = [tensor for tensor in known if tensor not in biases]
    if output.kind != inputs[_INPUT].kind:
        raise ValueError(f"a {operator.name} into type {output.kind}")
    if not all(tensor.scales == 1 == tensor.zero_points for tensor in quantised):
        raise ValueError(f"a {operator.name} of integers without a scale")


def _require_kinds(
    name: str,
    inputs: dict[int, Tensor],
    needed: set[int],
    weights: set[int],
    bias: int,
    states: tuple[int, int],
) -> None:
    kinds = {inputs[place].kind for place in needed.difference(_BIASES)}
    biases = {inputs[place].kind for place in needed.intersection(_BIASES)}
    if len(kinds) > 1 or not kinds <= weights or biases != {bias}:
        raise ValueError(
            f"a {name} with weights of types {sorted(kinds)} and biases of types {sorted(biases)}"
        )
    if (inputs[_OUTPUT_STATE].kind, inputs[_CELL_STATE].kind) != states:
        raise ValueError(f"a {name} that keeps other types than it computes")


def _check_shapes(name: str, inputs: dict[int, Tensor], needed: set[int]) -> None:
    image, weights, recurrent = inputs[_INPUT].shape, inputs[4].shape, inputs[8].shape
    if len(image) != 3 or len(weights) != 2 or len(recurrent) != 2 or recurrent[0] != recurrent[1]:
        raise ValueError(f"a {name} of shape {image} with weights of shapes {weights} and {recurrent}")
    units = recurrent[0]
    for place in needed:
        expected: tuple[int, ...] = (units,)
        if place in _INPUT_WEIGHTS:
            expected = (units, image[2])
        elif place in _RECURRENT_WEIGHTS:
            expected = (units, units)
        if inputs[place].shape != expected or not inputs[place].constant:
            raise ValueError(f"a {name} of {units:,} units with a tensor of shape {inputs[place].shape}")
    for state in (inputs[_OUTPUT_STATE], inputs[_CELL_STATE]):
        if not state.variable or (state.elements != image[0] * units and state.elements != image[1] * units):
            raise ValueError(f"a {name} of {units:,} units that keeps a tensor of shape {state.shape}")
