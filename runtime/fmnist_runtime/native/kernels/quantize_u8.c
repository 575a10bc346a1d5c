/* Numbers as integers. */
static void quantize_u8(int32_t length, const float *in, float factor, int32_t zero_point, uint8_t *out)
{
    for (int32_t i = 0; i < length; i++) out[i] = rounded(in[i] * factor, zero_point, 0, 255);
}
