/* Fully connected: out[row][unit] = bias + sum of in[row] * weights[unit]. Eight sums, whose order is always
   the same, can be added at once where the processor can. */
static void dense_f32(int32_t rows, int32_t inputs, int32_t units, const float *in, const float *weights,
                      const float *biases, float low, float high, float *out)
{
    for (int32_t row = 0; row < rows; row++, in += inputs) {
        const float *weight = weights;
        for (int32_t unit = 0; unit < units; unit++, weight += inputs) {
            float sums[8] = {0.0f};
            int32_t i = 0;
            for (; i + 8 <= inputs; i += 8)
                for (int32_t lane = 0; lane < 8; lane++) sums[lane] += in[i + lane] * weight[i + lane];
            for (; i < inputs; i++) sums[i % 8] += in[i] * weight[i];
            for (int32_t half = 4; half > 0; half /= 2)
                for (int32_t lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];
            *out++ = clamped(sums[0] + biases[unit], low, high);
        }
    }
}
