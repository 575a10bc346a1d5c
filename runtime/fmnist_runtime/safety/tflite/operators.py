"""The TFLite operators that image classifiers are made of, by their BuiltinOperator in the schema.

An operator that is not here is refused: those that run other graphs (IF, WHILE, CALL_ONCE, …) need not
end, and those on strings, hash tables and random numbers classify no images.
"""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """What is known of an operator."""

    name: str
    """Its name in the schema."""
    fewest: int
    """Inputs that it must have."""
    most: int
    """Inputs that it may have."""
    sizes: tuple[int, ...] = ()
    """Places of the inputs whose values, not shapes, decide its output's shape."""


MAX_SIZE = 2**16
"""Largest number that decides a shape: no image has more pixels in a row."""
LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"

OPERATORS = {
    0: Kind("ADD", 2, 2),
    1: Kind("AVERAGE_POOL_2D", 1, 1),
    2: Kind("CONCATENATION", 1, 999),
    3: Kind("CONV_2D", 2, 3),
    4: Kind("DEPTHWISE_CONV_2D", 3, 3),
    5: Kind("DEPTH_TO_SPACE", 1, 1),
    6: Kind("DEQUANTIZE", 1, 1),
    8: Kind("FLOOR", 1, 1),
    9: Kind("FULLY_CONNECTED", 2, 3),
    11: Kind("L2_NORMALIZATION", 1, 1),
    12: Kind("L2_POOL_2D", 1, 1),
    13: Kind("LOCAL_RESPONSE_NORMALIZATION", 1, 1),
    14: Kind("LOGISTIC", 1, 1),
    17: Kind("MAX_POOL_2D", 1, 1),
    18: Kind("MUL", 2, 2),
    19: Kind("RELU", 1, 1),
    20: Kind("RELU_N1_TO_1", 1, 1),
    21: Kind("RELU6", 1, 1),
    22: Kind("RESHAPE", 1, 2, (1,)),
    23: Kind("RESIZE_BILINEAR", 2, 2, (1,)),
    25: Kind("SOFTMAX", 1, 1),
    26: Kind("SPACE_TO_DEPTH", 1, 1),
    28: Kind("TANH", 1, 1),
    34: Kind("PAD", 2, 2, (1,)),
    36: Kind("GATHER", 2, 2),
    37: Kind("BATCH_TO_SPACE_ND", 3, 3, (1, 2)),
    38: Kind("SPACE_TO_BATCH_ND", 3, 3, (1, 2)),
    39: Kind("TRANSPOSE", 2, 2, (1,)),
    40: Kind("MEAN", 2, 2, (1,)),
    41: Kind("SUB", 2, 2),
    42: Kind("DIV", 2, 2),
    43: Kind("SQUEEZE", 1, 1),
    44: Kind(LSTM, 20, 24),
    45: Kind("STRIDED_SLICE", 4, 4, (1, 2, 3)),
    47: Kind("EXP", 1, 1),
    48: Kind("TOPK_V2", 2, 2, (1,)),
    49: Kind("SPLIT", 2, 2, (0,)),
    50: Kind("LOG_SOFTMAX", 1, 1),
    53: Kind("CAST", 1, 1),
    54: Kind("PRELU", 2, 2),
    55: Kind("MAXIMUM", 2, 2),
    56: Kind("ARG_MAX", 2, 2, (1,)),
    57: Kind("MINIMUM", 2, 2),
    58: Kind("LESS", 2, 2),
    59: Kind("NEG", 1, 1),
    60: Kind("PADV2", 3, 3, (1,)),
    61: Kind("GREATER", 2, 2),
    62: Kind("GREATER_EQUAL", 2, 2),
    63: Kind("LESS_EQUAL", 2, 2),
    64: Kind("SELECT", 3, 3),
    65: Kind("SLICE", 3, 3, (1, 2)),
    66: Kind("SIN", 1, 1),
    67: Kind("TRANSPOSE_CONV", 3, 4, (0,)),
    69: Kind("TILE", 2, 2, (1,)),
    70: Kind("EXPAND_DIMS", 2, 2, (1,)),
    71: Kind("EQUAL", 2, 2),
    72: Kind("NOT_EQUAL", 2, 2),
    73: Kind("LOG", 1, 1),
    74: Kind("SUM", 2, 2, (1,)),
    75: Kind("SQRT", 1, 1),
    76: Kind("RSQRT", 1, 1),
    77: Kind("SHAPE", 1, 1),
    78: Kind("POW", 2, 2),
    79: Kind("ARG_MIN", 2, 2, (1,)),
    81: Kind("REDUCE_PROD", 2, 2, (1,)),
    82: Kind("REDUCE_MAX", 2, 2, (1,)),
    83: Kind("PACK", 1, 999),
    84: Kind("LOGICAL_OR", 2, 2),
    85: Kind("ONE_HOT", 4, 4, (1,)),
    86: Kind("LOGICAL_AND", 2, 2),
    87: Kind("LOGICAL_NOT", 1, 1),
    88: Kind("UNPACK", 1, 1),
    89: Kind("REDUCE_MIN", 2, 2, (1,)),
    90: Kind("FLOOR_DIV", 2, 2),
    91: Kind("REDUCE_ANY", 2, 2, (1,)),
    92: Kind("SQUARE", 1, 1),
    93: Kind("ZEROS_LIKE", 1, 1),
    94: Kind("FILL", 2, 2, (0,)),
    95: Kind("FLOOR_MOD", 2, 2),
    97: Kind("RESIZE_NEAREST_NEIGHBOR", 2, 2, (1,)),
    98: Kind("LEAKY_RELU", 1, 1),
    99: Kind("SQUARED_DIFFERENCE", 2, 2),
    100: Kind("MIRROR_PAD", 2, 2, (1,)),
    101: Kind("ABS", 1, 1),
    102: Kind("SPLIT_V", 3, 3, (1, 2)),
    104: Kind("CEIL", 1, 1),
    105: Kind("REVERSE_V2", 2, 2),
    106: Kind("ADD_N", 1, 999),
    107: Kind("GATHER_ND", 2, 2),
    108: Kind("COS", 1, 1),
    110: Kind("RANK", 1, 1),
    111: Kind("ELU", 1, 1),
    114: Kind("QUANTIZE", 1, 1),
    116: Kind("ROUND", 1, 1),
    117: Kind("HARD_SWISH", 1, 1),
    123: Kind("SELECT_V2", 3, 3),
    126: Kind("BATCH_MATMUL", 2, 2),
    128: Kind("CUMSUM", 2, 2),
    130: Kind("BROADCAST_TO", 2, 2, (1,)),
    132: Kind("CONV_3D", 2, 3),
    140: Kind("REDUCE_ALL", 2, 2, (1,)),
    150: Kind("GELU", 1, 1),
    152: Kind("RELU_0_TO_1", 1, 1),
    158: Kind("SIGN", 1, 1),
}
"""Each of them, by its number."""

VARIABLES = (142, 143, 144)
"""VAR_HANDLE, READ_VARIABLE and ASSIGN_VARIABLE."""
ARITHMETIC = {"ADD", "SUB", "MUL", "DIV", "POW", "MAXIMUM", "MINIMUM"}
ARITHMETIC |= {"FLOOR_DIV", "FLOOR_MOD", "SQUARED_DIFFERENCE"}
COMPARISONS = {"LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "EQUAL", "NOT_EQUAL"}
LOGIC = {"LOGICAL_AND", "LOGICAL_OR"}
REDUCTIONS = {"MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"}
SEARCHES = {"ARG_MAX", "ARG_MIN"}
POOLS = {"AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"}
PADS = {"PAD", "PADV2", "MIRROR_PAD"}
RESIZES = {"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"}
DEPTHS = {"SPACE_TO_DEPTH", "DEPTH_TO_SPACE"}
BATCHES = {"SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"}
"""Operators that are alike."""
MOVING = PADS | RESIZES | DEPTHS | BATCHES
MOVING |= {"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "REVERSE_V2", "TILE", "BROADCAST_TO", "FILL"}
MOVING |= {"GATHER", "GATHER_ND", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "PACK", "UNPACK"}
MOVING |= {"CAST", "SHAPE", "RANK", "ZEROS_LIKE"}
"""Operators that move numbers, or tell of shapes, and compute nothing."""
