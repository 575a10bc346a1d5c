/* e^x / sum of all e^x, in each row. */
static void softmax_f32(int32_t rows, int32_t length, const float *in, float *out)
{
    for (int32_t row = 0; row < rows; row++, in += length, out += length) {
        float most = in[0], sum = 0.0f;
        for (int32_t i = 1; i < length; i++) most = in[i] > most ? in[i] : most;
        for (int32_t i = 0; i < length; i++) out[i] = exponential(in[i] - most);
        for (int32_t i = 0; i < length; i++) sum += out[i];
        for (int32_t i = 0; i < length; i++) out[i] /= sum;
    }
}
