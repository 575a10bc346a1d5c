/* Fully connected: out[row][unit] = bias + sum of in[row] * weights[unit], scaled and rounded. Four units at once
   share each input. */
static void dense_u8(int32_t rows, int32_t inputs, int32_t units, const uint8_t *in, const int8_t *weights,
                     const int32_t *biases, const float *scales, int32_t zero_point, int32_t low, int32_t high,
                     uint8_t *out)
{
    const int32_t whole = units - units % 4;
    for (int32_t row = 0; row < rows; row++, in += inputs) {
        const int8_t *a = weights;
        for (int32_t unit = 0; unit < whole; unit += 4, a += 4 * inputs) {
            const int8_t *b = a + inputs, *c = b + inputs, *d = c + inputs;
            int32_t sum_a = 0, sum_b = 0, sum_c = 0, sum_d = 0;
            for (int32_t i = 0; i < inputs; i++) {
                const int32_t value = in[i];
                sum_a += value * a[i];
                sum_b += value * b[i];
                sum_c += value * c[i];
                sum_d += value * d[i];
            }
            const int32_t sums[4] = {sum_a, sum_b, sum_c, sum_d};
            for (int32_t i = 0; i < 4; i++)
                *out++ = rounded((float)(sums[i] + biases[unit + i]) * scales[unit + i], zero_point, low, high);
        }
        for (int32_t unit = whole; unit < units; unit++, a += inputs) {
            int32_t sum = biases[unit];
            for (int32_t i = 0; i < inputs; i++) sum += in[i] * a[i];
            *out++ = rounded((float)sum * scales[unit], zero_point, low, high);
        }
    }
}
