/* The probability of the second of two classes as those of both. */
static void pair_f32(int32_t images, const float *in, float *out)
{
    for (int32_t i = 0; i < images; i++) {
        out[2 * i] = 1.0f - in[i];
        out[2 * i + 1] = in[i];
    }
}
