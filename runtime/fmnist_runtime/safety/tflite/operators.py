"""The supported TFLite operators, by their BuiltinOperator in the schema.

All others are refused. Operators that run other graphs (IF, WHILE, CALL_ONCE, …) may not terminate, and image
classifiers do not need strings, hash tables and random numbers.
"""

from __future__ import annotations

from typing import NamedTuple


class OperatorKind(NamedTuple):
    """What all operators of a kind have in common."""

    name: str
    """Its name in the schema."""
    fewest: int
    """Least number of inputs."""
    most: int
    """Largest number of inputs."""
    sizes: tuple[int, ...] = ()
    """Indices of the inputs whose values decide the output's shape."""


MAX_SIZE = 2**16
"""Largest number that may decide a shape. No image has more pixels in a row."""
LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"

OPERATORS = {
    0: OperatorKind("ADD", 2, 2),
    1: OperatorKind("AVERAGE_POOL_2D", 1, 1),
    2: OperatorKind("CONCATENATION", 1, 999),
    3: OperatorKind("CONV_2D", 2, 3),
    4: OperatorKind("DEPTHWISE_CONV_2D", 3, 3),
    5: OperatorKind("DEPTH_TO_SPACE", 1, 1),
    6: OperatorKind("DEQUANTIZE", 1, 1),
    8: OperatorKind("FLOOR", 1, 1),
    9: OperatorKind("FULLY_CONNECTED", 2, 3),
    11: OperatorKind("L2_NORMALIZATION", 1, 1),
    12: OperatorKind("L2_POOL_2D", 1, 1),
    13: OperatorKind("LOCAL_RESPONSE_NORMALIZATION", 1, 1),
    14: OperatorKind("LOGISTIC", 1, 1),
    17: OperatorKind("MAX_POOL_2D", 1, 1),
    18: OperatorKind("MUL", 2, 2),
    19: OperatorKind("RELU", 1, 1),
    20: OperatorKind("RELU_N1_TO_1", 1, 1),
    21: OperatorKind("RELU6", 1, 1),
    22: OperatorKind("RESHAPE", 1, 2, (1,)),
    23: OperatorKind("RESIZE_BILINEAR", 2, 2, (1,)),
    25: OperatorKind("SOFTMAX", 1, 1),
    26: OperatorKind("SPACE_TO_DEPTH", 1, 1),
    28: OperatorKind("TANH", 1, 1),
    34: OperatorKind("PAD", 2, 2, (1,)),
    36: OperatorKind("GATHER", 2, 2),
    37: OperatorKind("BATCH_TO_SPACE_ND", 3, 3, (1, 2)),
    38: OperatorKind("SPACE_TO_BATCH_ND", 3, 3, (1, 2)),
    39: OperatorKind("TRANSPOSE", 2, 2, (1,)),
    40: OperatorKind("MEAN", 2, 2, (1,)),
    41: OperatorKind("SUB", 2, 2),
    42: OperatorKind("DIV", 2, 2),
    43: OperatorKind("SQUEEZE", 1, 1),
    44: OperatorKind(LSTM, 20, 24),
    45: OperatorKind("STRIDED_SLICE", 4, 4, (1, 2, 3)),
    47: OperatorKind("EXP", 1, 1),
    48: OperatorKind("TOPK_V2", 2, 2, (1,)),
    49: OperatorKind("SPLIT", 2, 2, (0,)),
    50: OperatorKind("LOG_SOFTMAX", 1, 1),
    53: OperatorKind("CAST", 1, 1),
    54: OperatorKind("PRELU", 2, 2),
    55: OperatorKind("MAXIMUM", 2, 2),
    56: OperatorKind("ARG_MAX", 2, 2, (1,)),
    57: OperatorKind("MINIMUM", 2, 2),
    58: OperatorKind("LESS", 2, 2),
    59: OperatorKind("NEG", 1, 1),
    60: OperatorKind("PADV2", 3, 3, (1,)),
    61: OperatorKind("GREATER", 2, 2),
    62: OperatorKind("GREATER_EQUAL", 2, 2),
    63: OperatorKind("LESS_EQUAL", 2, 2),
    64: OperatorKind("SELECT", 3, 3),
    65: OperatorKind("SLICE", 3, 3, (1, 2)),
    66: OperatorKind("SIN", 1, 1),
    67: OperatorKind("TRANSPOSE_CONV", 3, 4, (0,)),
    69: OperatorKind("TILE", 2, 2, (1,)),
    70: OperatorKind("EXPAND_DIMS", 2, 2, (1,)),
    71: OperatorKind("EQUAL", 2, 2),
    72: OperatorKind("NOT_EQUAL", 2, 2),
    73: OperatorKind("LOG", 1, 1),
    74: OperatorKind("SUM", 2, 2, (1,)),
    75: OperatorKind("SQRT", 1, 1),
    76: OperatorKind("RSQRT", 1, 1),
    77: OperatorKind("SHAPE", 1, 1),
    78: OperatorKind("POW", 2, 2),
    79: OperatorKind("ARG_MIN", 2, 2, (1,)),
    81: OperatorKind("REDUCE_PROD", 2, 2, (1,)),
    82: OperatorKind("REDUCE_MAX", 2, 2, (1,)),
    83: OperatorKind("PACK", 1, 999),
    84: OperatorKind("LOGICAL_OR", 2, 2),
    85: OperatorKind("ONE_HOT", 4, 4, (1,)),
    86: OperatorKind("LOGICAL_AND", 2, 2),
    87: OperatorKind("LOGICAL_NOT", 1, 1),
    88: OperatorKind("UNPACK", 1, 1),
    89: OperatorKind("REDUCE_MIN", 2, 2, (1,)),
    90: OperatorKind("FLOOR_DIV", 2, 2),
    91: OperatorKind("REDUCE_ANY", 2, 2, (1,)),
    92: OperatorKind("SQUARE", 1, 1),
    93: OperatorKind("ZEROS_LIKE", 1, 1),
    94: OperatorKind("FILL", 2, 2, (0,)),
    95: OperatorKind("FLOOR_MOD", 2, 2),
    97: OperatorKind("RESIZE_NEAREST_NEIGHBOR", 2, 2, (1,)),
    98: OperatorKind("LEAKY_RELU", 1, 1),
    99: OperatorKind("SQUARED_DIFFERENCE", 2, 2),
    100: OperatorKind("MIRROR_PAD", 2, 2, (1,)),
    101: OperatorKind("ABS", 1, 1),
    102: OperatorKind("SPLIT_V", 3, 3, (1, 2)),
    104: OperatorKind("CEIL", 1, 1),
    105: OperatorKind("REVERSE_V2", 2, 2),
    106: OperatorKind("ADD_N", 1, 999),
    107: OperatorKind("GATHER_ND", 2, 2),
    108: OperatorKind("COS", 1, 1),
    110: OperatorKind("RANK", 1, 1),
    111: OperatorKind("ELU", 1, 1),
    114: OperatorKind("QUANTIZE", 1, 1),
    116: OperatorKind("ROUND", 1, 1),
    117: OperatorKind("HARD_SWISH", 1, 1),
    123: OperatorKind("SELECT_V2", 3, 3),
    126: OperatorKind("BATCH_MATMUL", 2, 2),
    128: OperatorKind("CUMSUM", 2, 2),
    130: OperatorKind("BROADCAST_TO", 2, 2, (1,)),
    132: OperatorKind("CONV_3D", 2, 3),
    140: OperatorKind("REDUCE_ALL", 2, 2, (1,)),
    150: OperatorKind("GELU", 1, 1),
    152: OperatorKind("RELU_0_TO_1", 1, 1),
    158: OperatorKind("SIGN", 1, 1),
}
"""By number."""

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
"""Groups of similar operators."""
MOVING = PADS | RESIZES | DEPTHS | BATCHES
MOVING |= {"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "REVERSE_V2", "TILE", "BROADCAST_TO", "FILL"}
MOVING |= {"GATHER", "GATHER_ND", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "PACK", "UNPACK"}
MOVING |= {"CAST", "SHAPE", "RANK", "ZEROS_LIKE"}
"""Operators that move numbers or return shapes, and compute nothing."""
