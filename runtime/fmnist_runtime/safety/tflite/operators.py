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

_OPERATORS: dict[tuple[int, ...], str] = {
    (1, 1): (
        "1:AVERAGE_POOL_2D 5:DEPTH_TO_SPACE 6:DEQUANTIZE 8:FLOOR 11:L2_NORMALIZATION 12:L2_POOL_2D "
        "13:LOCAL_RESPONSE_NORMALIZATION 14:LOGISTIC 17:MAX_POOL_2D 19:RELU 20:RELU_N1_TO_1 21:RELU6 "
        "25:SOFTMAX 26:SPACE_TO_DEPTH 28:TANH 43:SQUEEZE 47:EXP 50:LOG_SOFTMAX 53:CAST 59:NEG 66:SIN 73:LOG "
        "75:SQRT 76:RSQRT 77:SHAPE 87:LOGICAL_NOT 88:UNPACK 92:SQUARE 93:ZEROS_LIKE 98:LEAKY_RELU 101:ABS "
        "104:CEIL 108:COS 110:RANK 111:ELU 114:QUANTIZE 116:ROUND 117:HARD_SWISH 150:GELU 152:RELU_0_TO_1 "
        "158:SIGN"
    ),
    (2, 2): (
        "0:ADD 18:MUL 36:GATHER 41:SUB 42:DIV 54:PRELU 55:MAXIMUM 57:MINIMUM 58:LESS 61:GREATER "
        "62:GREATER_EQUAL 63:LESS_EQUAL 71:EQUAL 72:NOT_EQUAL 78:POW 84:LOGICAL_OR 86:LOGICAL_AND "
        "90:FLOOR_DIV 95:FLOOR_MOD 99:SQUARED_DIFFERENCE 105:REVERSE_V2 107:GATHER_ND 126:BATCH_MATMUL "
        "128:CUMSUM"
    ),
    (2, 3): "3:CONV_2D 9:FULLY_CONNECTED 132:CONV_3D",
    (3, 3): "4:DEPTHWISE_CONV_2D 64:SELECT 123:SELECT_V2",
    (1, 999): "2:CONCATENATION 83:PACK 106:ADD_N",
    (20, 24): "44:UNIDIRECTIONAL_SEQUENCE_LSTM",
    (1, 2, 1): "22:RESHAPE",
    (2, 2, 1): (
        "23:RESIZE_BILINEAR 34:PAD 39:TRANSPOSE 40:MEAN 48:TOPK_V2 56:ARG_MAX 69:TILE 70:EXPAND_DIMS 74:SUM "
        "79:ARG_MIN 81:REDUCE_PROD 82:REDUCE_MAX 89:REDUCE_MIN 91:REDUCE_ANY 97:RESIZE_NEAREST_NEIGHBOR "
        "100:MIRROR_PAD 130:BROADCAST_TO 140:REDUCE_ALL"
    ),
    (3, 3, 1, 2): "37:BATCH_TO_SPACE_ND 38:SPACE_TO_BATCH_ND 65:SLICE 102:SPLIT_V",
    (4, 4, 1, 2, 3): "45:STRIDED_SLICE",
    (2, 2, 0): "49:SPLIT 94:FILL",
    (3, 3, 1): "60:PADV2",
    (3, 4, 0): "67:TRANSPOSE_CONV",
    (4, 4, 1): "85:ONE_HOT",
}
"""Numbers and names, by the other fields of `OperatorKind`."""
OPERATORS = {
    int(number): OperatorKind(name, fewest, most, tuple(sizes))
    for (fewest, most, *sizes), operators in _OPERATORS.items()
    for number, _, name in (operator.partition(":") for operator in operators.split())
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
