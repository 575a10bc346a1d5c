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
            for (int32_t i = 0; i < whole; i += 8)
                for (int32_t lane = 0; lane < 8; lane++) sums[lane] += in[i + lane] * weight[i + lane];
            for (int32_t i = whole; i < inputs; i++) sums[i - whole] += in[i] * weight[i];
            const float even = (sums[0] + sums[4]) + (sums[2] + sums[6]);
            const float odd = (sums[1] + sums[5]) + (sums[3] + sums[7]);
            *out++ = clamped(even + odd + biases[unit], low, high);
        }
    }
}
