/* (1 - e^-2x) / (1 + e^-2x), and near 0, where that loses digits, x - x^3 / 3 + 2 x^5 / 15. */
static void tanh_f32(int32_t length, const float *in, float *out)
{
    for (int32_t i = 0; i < length; i++) {
        const float x = in[i] < 0.0f ? -in[i] : in[i], small = exponential(-2.0f * x), square = x * x;
        const float value = x < 0.1f ? x * (1.0f + square * (square * 0.13333334f - 0.33333334f))
                                     : (1.0f - small) / (1.0f + small);
        out[i] = in[i] < 0.0f ? -value : value;
    }
}
