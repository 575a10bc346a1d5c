/* Fully connected, eight sums at once, as the portable code adds them one by one: the same products, in the same
   order, give the same bits. */
typedef float eight __attribute__((vector_size(32), aligned(4), may_alias));

/* Writes some rows and units. */
INLINE void sums_f32(int32_t rows, int32_t count, int32_t inputs, int32_t units, const float *in, const float *weights,
                     const float *biases, float low, float high, float *out)
{
    eight sums[2][8] = {{{0.0f}}};
    int32_t i = 0;
    for (; i + 8 <= inputs; i += 8)
        for (int32_t row = 0; row < rows; row++)
            for (int32_t n = 0; n < count; n++)
                sums[row][n] += *(const eight *)(in + row * inputs + i) * *(const eight *)(weights + n * inputs + i);
    for (int32_t row = 0; row < rows; row++)
        for (int32_t n = 0; n < count; n++) {
            eight sum = sums[row][n];
            for (int32_t rest = i; rest < inputs; rest++)
                sum[rest - i] += in[row * inputs + rest] * weights[n * inputs + rest];
            const float whole = ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
            out[row * units + n] = clamped(whole + biases[n], low, high);
        }
}

/* Writes some rows. */
INLINE void rows_f32(int32_t rows, int32_t inputs, int32_t units, const float *in, const float *weights,
                     const float *biases, float low, float high, float *out)
{
    const int32_t at_once = rows == 1 ? 8 : 4; /* eight sums hide the time of an addition */
    int32_t unit = 0;
    for (; unit + at_once <= units; unit += at_once, weights += at_once * (size_t)inputs)
        sums_f32(rows, at_once, inputs, units, in, weights, biases + unit, low, high, out + unit);
    for (; unit < units; unit++, weights += inputs)
        sums_f32(rows, 1, inputs, units, in, weights, biases + unit, low, high, out + unit);
}

static void dense_f32(int32_t rows, int32_t inputs, int32_t units, const float *in, const float *weights,
                      const float *biases, float low, float high, float *out)
{
    for (; rows >= 2; rows -= 2, in += 2 * (size_t)inputs, out += 2 * (size_t)units)
        rows_f32(2, inputs, units, in, weights, biases, low, high, out);
    if (rows) rows_f32(1, inputs, units, in, weights, biases, low, high, out);
}
