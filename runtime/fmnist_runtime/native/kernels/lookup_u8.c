/* A function of one number, as a table. */
static void lookup_u8(int32_t length, const uint8_t *in, const uint8_t *table, uint8_t *out)
{
    for (int32_t i = 0; i < length; i++) out[i] = table[in[i]];
}
