/* Pixels as the network takes them, by a table for each channel. */
static void pixels_u8(int32_t length, int32_t channels, const uint8_t *in, const uint8_t *table, uint8_t *out)
{
    for (int32_t i = 0; i < length; i++) out[i] = table[i % channels * 256 + in[i]];
}
