/* Limits each number. */
static void clamp_f32(int32_t length, const float *in, float low, float high, float *out)
{
    for (int32_t i = 0; i < length; i++) out[i] = clamped(in[i], low, high);
}
