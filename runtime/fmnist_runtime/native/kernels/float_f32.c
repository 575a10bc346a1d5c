/* What integers stand for. */
static void float_f32(int32_t length, const uint8_t *in, int32_t zero_point, float scale, float *out)
{
    for (int32_t i = 0; i < length; i++) out[i] = (float)(in[i] - zero_point) * scale;
}
