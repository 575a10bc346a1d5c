/* Convolution: fully connected to what the filters see at several places of a row, which share each weight. */
static void conv_f32(int32_t images, const struct window *w, int32_t units, const float *in, const float *weights,
                     const float *biases, float low, float high, float *patch, float *out)
{
    const int32_t taps = w->filter_height * w->filter_width * w->channels;
    for (int32_t image = 0; image < images; image++, in += w->in_height * w->in_width * w->channels)
        for (int32_t y = 0; y < w->out_height; y++)
            for (int32_t x = 0; x < w->out_width; x += PATCHES) {
                const int32_t some = w->out_width - x < PATCHES ? w->out_width - x : PATCHES;
                for (int32_t i = 0; i < some; i++) gather_f32(w, in, y, x + i, 0.0f, patch + i * taps);
                dense_f32(some, taps, units, patch, weights, biases, low, high, out);
                out += (size_t)some * (size_t)units;
            }
}
