/* 1 / (1 + e^-x) */
static void logistic_f32(int32_t length, const float *in, float *out)
{
    for (int32_t i = 0; i < length; i++) {
        const float small = exponential(in[i] < 0.0f ? in[i] : -in[i]);
        out[i] = (in[i] < 0.0f ? small : 1.0f) / (1.0f + small);
    }
}
