/* x * relu6(x + 3) / 6 */
static void hard_swish_f32(int32_t length, const float *in, float *out)
{
    for (int32_t i = 0; i < length; i++) out[i] = in[i] * clamped(in[i] + 3.0f, 0.0f, 6.0f) / 6.0f;
}
