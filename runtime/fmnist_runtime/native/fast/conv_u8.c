/* Convolution: fully connected to what the filters see at several places of a row, which share each weight. */
static void conv_u8(int32_t images, const struct window *w, int32_t units, const uint8_t *in, const int8_t *weights,
                    const int32_t *biases, const float *scales, int32_t empty, int32_t zero_point, int32_t low,
                    int32_t high, uint8_t *patch, uint8_t *out)
{
    const int32_t taps = w->filter_height * w->filter_width * w->channels;
    for (int32_t image = 0; image < images; image++, in += w->in_height * w->in_width * w->channels)
        for (int32_t y = 0; y < w->out_height; y++)
            for (int32_t x = 0; x < w->out_width; x += PATCHES) {
                const int32_t some = w->out_width - x < PATCHES ? w->out_width - x : PATCHES;
                for (int32_t i = 0; i < some; i++) gather_u8(w, in, y, x + i, (uint8_t)empty, patch + i * taps);
                dense_u8(some, taps, units, patch, weights, biases, scales, zero_point, low, high, out);
                out += (size_t)some * (size_t)units;
            }
}
