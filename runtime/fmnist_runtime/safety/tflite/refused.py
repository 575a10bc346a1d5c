"""The reason for refusing a TFLite file with an unsupported operator."""

from __future__ import annotations

from fmnist_runtime.safety import AdvisedError

_UNSUPPORTED = (
    "7:EMBEDDING_LOOKUP 10:HASHTABLE_LOOKUP 15:LSH_PROJECTION 16:LSTM 24:RNN 27:SVDF 29:CONCAT_EMBEDDINGS "
    "30:SKIP_GRAM 31:CALL 33:EMBEDDING_LOOKUP_SPARSE 35:UNIDIRECTIONAL_SEQUENCE_RNN "
    "46:BIDIRECTIONAL_SEQUENCE_RNN 51:DELEGATE 52:BIDIRECTIONAL_SEQUENCE_LSTM 68:SPARSE_TO_DENSE "
    "80:FAKE_QUANT 96:RANGE 103:UNIQUE 109:WHERE 112:REVERSE_SEQUENCE 113:MATRIX_DIAG 115:MATRIX_SET_DIAG "
    "118:IF 119:WHILE 120:NON_MAX_SUPPRESSION_V4 121:NON_MAX_SUPPRESSION_V5 122:SCATTER_ND 124:DENSIFY "
    "125:SEGMENT_SUM 129:CALL_ONCE 131:RFFT2D 133:IMAG 134:REAL 135:COMPLEX_ABS 136:HASHTABLE "
    "137:HASHTABLE_FIND 138:HASHTABLE_IMPORT 139:HASHTABLE_SIZE 141:CONV_3D_TRANSPOSE 145:BROADCAST_ARGS "
    "146:RANDOM_STANDARD_NORMAL 147:BUCKETIZE 148:RANDOM_UNIFORM 149:MULTINOMIAL 151:DYNAMIC_UPDATE_SLICE "
    "153:UNSORTED_SEGMENT_PROD 154:UNSORTED_SEGMENT_MAX 155:UNSORTED_SEGMENT_SUM 156:ATAN2 "
    "157:UNSORTED_SEGMENT_MIN 159:BITCAST 160:BITWISE_XOR 161:RIGHT_SHIFT 162:STABLEHLO_LOGISTIC "
    "163:STABLEHLO_ADD 164:STABLEHLO_DIVIDE 165:STABLEHLO_MULTIPLY 166:STABLEHLO_MAXIMUM "
    "167:STABLEHLO_RESHAPE 168:STABLEHLO_CLAMP 169:STABLEHLO_CONCATENATE 170:STABLEHLO_BROADCAST_IN_DIM "
    "171:STABLEHLO_CONVOLUTION 172:STABLEHLO_SLICE 173:STABLEHLO_CUSTOM_CALL 174:STABLEHLO_REDUCE "
    "175:STABLEHLO_ABS 176:STABLEHLO_AND 177:STABLEHLO_COSINE 178:STABLEHLO_EXPONENTIAL 179:STABLEHLO_FLOOR "
    "180:STABLEHLO_LOG 181:STABLEHLO_MINIMUM 182:STABLEHLO_NEGATE 183:STABLEHLO_OR 184:STABLEHLO_POWER "
    "185:STABLEHLO_REMAINDER 186:STABLEHLO_RSQRT 187:STABLEHLO_SELECT 188:STABLEHLO_SUBTRACT "
    "189:STABLEHLO_TANH 190:STABLEHLO_SCATTER 191:STABLEHLO_COMPARE 192:STABLEHLO_CONVERT "
    "193:STABLEHLO_DYNAMIC_SLICE 194:STABLEHLO_DYNAMIC_UPDATE_SLICE 195:STABLEHLO_PAD 196:STABLEHLO_IOTA "
    "197:STABLEHLO_DOT_GENERAL 198:STABLEHLO_REDUCE_WINDOW 199:STABLEHLO_SORT 200:STABLEHLO_WHILE "
    "201:STABLEHLO_GATHER 202:STABLEHLO_TRANSPOSE 203:DILATE 204:STABLEHLO_RNG_BIT_GENERATOR "
    "205:REDUCE_WINDOW 206:STABLEHLO_COMPOSITE 207:STABLEHLO_SHIFT_LEFT 208:STABLEHLO_CBRT "
    "209:STABLEHLO_CASE "
)
"""Numbers and names of the unsupported builtin operators in the schema."""
_NAMES = dict(entry.split(":") for entry in _UNSUPPORTED.split())
_DETECTION = "TFLite_Detection_PostProcess"
_EDGE_TPU = "edgetpu-custom-op"
_SHOWN = 60
"""Shown letters of a name, which is not trusted."""


def refusal(number: int, custom: str) -> AdvisedError:
    """Return why a file with this operator is refused.

    Args:
        number: Its number in the schema.
        custom: Its own name if it is not in the schema; else empty.
    """
    if custom == _EDGE_TPU:
        return AdvisedError(
            "is compiled for an Edge TPU, and nothing else runs it; take the file that edgetpu_compiler was "
            "given, the one without _edgetpu in its name"
        )
    if custom == _DETECTION:
        return AdvisedError(
            f"detects objects, as its operator {custom} shows; take a model that classifies images instead"
        )
    if custom.startswith("Flex"):
        return AdvisedError(
            f"has the operator {custom[:_SHOWN]} of TensorFlow itself; convert the model without "
            "tf.lite.OpsSet.SELECT_TF_OPS"
        )
    if custom:
        return AdvisedError(
            f"has the operator {custom[:_SHOWN]}, which is not a part of TFLite; convert the model without "
            "allow_custom_ops"
        )
    name = _NAMES.get(str(number), f"number {number}")
    if name == "WHILE":
        return AdvisedError(
            "has the operator WHILE, which is not run here; a recurrent Keras layer becomes one, so give it "
            "unroll=True and convert the model again, for one image at a time"
        )
    return AdvisedError(
        f"has the operator {name}, which is not run here, as image classifiers do without; convert the model "
        "without it"
    )
