/* Copies rows into longer rows, one of the parts of a concatenation. */
static void copy_KIND(int32_t rows, int32_t length, int32_t step, const TYPE *in, TYPE *out)
{
    for (int32_t row = 0; row < rows; row++, out += step)
        for (int32_t i = 0; i < length; i++) out[i] = *in++;
}
