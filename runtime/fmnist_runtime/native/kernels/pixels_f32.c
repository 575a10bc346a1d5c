/* Pixels as the network takes them, by a table for each channel. */
static void pixels_f32(int32_t length, int32_t channels, const uint8_t *in, const float *table, float *out)
{
    for (int32_t i = 0; i < length; i++) out[i] = table[i % channels * 256 + in[i]];
}
