/* Fully connected: out[row][unit] = bias + sum of in[row] * weights[unit], scaled and rounded. */
static void dense_u8(int32_t rows, int32_t inputs, int32_t units, const uint8_t *in, const int8_t *weights,
                     const int32_t *biases, const float *scales, int32_t zero_point, int32_t low, int32_t high,
                     uint8_t *out)
{
    for (int32_t row = 0; row < rows; row++, in += inputs) {
        const int8_t *weight = weights;
        for (int32_t unit = 0; unit < units; unit++, weight += inputs) {
            int32_t sum = biases[unit];
            for (int32_t i = 0; i < inputs; i++) sum += in[i] * weight[i];
            *out++ = rounded((float)sum * scales[unit], zero_point, low, high);
        }
    }
}
