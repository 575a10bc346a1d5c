/* e^x / sum of all e^x, in each row, where table[255 - d] is e^x for the number d below the largest. */
static void softmax_u8(int32_t rows, int32_t length, const uint8_t *in, const float *table, float scale,
                       int32_t zero_point, uint8_t *out)
{
    for (int32_t row = 0; row < rows; row++, in += length) {
        int32_t most = in[0];
        float sum = 0.0f;
        for (int32_t i = 1; i < length; i++) most = in[i] > most ? in[i] : most;
        for (int32_t i = 0; i < length; i++) sum += table[255 - most + in[i]];
        const float factor = 1.0f / (sum * scale);
        for (int32_t i = 0; i < length; i++) {
            const int32_t value = (int32_t)(table[255 - most + in[i]] * factor + 0.5f) + zero_point;
            *out++ = (uint8_t)(value > 255 ? 255 : value);
        }
    }
}
