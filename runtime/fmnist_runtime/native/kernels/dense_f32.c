/* Fully connected: out[row][unit] = bias + sum of in[row] * weights[unit]. Eight sums, whose order is always
   the same, can be added at once where the processor can. */
static void dense_f32(int32_t rows, int32_t inputs, int32_t units, const float *in, const float *weights,
                      const float *biases, float low, float high, float *out)
{
    const int32_t whole = inputs - inputs % 8;
    for (int32_t row = 0; row < rows; row++, in += inputs) {
        const float *weight = weights;
        for (int32_t unit = 0; unit < units; unit++, weight += inputs) {
            float sums[8] = {0.0f};
            for (int32_t i = 0; i < whole; i += 8) {
                sums[0] += in[i] * weight[i];
                sums[1] += in[i + 1] * weight[i + 1];
                sums[2] += in[i + 2] * weight[i + 2];
                sums[3] += in[i + 3] * weight[i + 3];
                sums[4] += in[i + 4] * weight[i + 4];
                sums[5] += in[i + 5] * weight[i + 5];
                sums[6] += in[i + 6] * weight[i + 6];
                sums[7] += in[i + 7] * weight[i + 7];
            }
            for (int32_t i = whole; i < inputs; i++) sums[i - whole] += in[i] * weight[i];
            const float even = (sums[0] + sums[4]) + (sums[2] + sums[6]);
            const float odd = (sums[1] + sums[5]) + (sums[3] + sums[7]);
            *out++ = clamped(even + odd + biases[unit], low, high);
        }
    }
}
