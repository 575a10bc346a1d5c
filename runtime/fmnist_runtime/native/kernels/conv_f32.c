/* Convolution: fully connected to what the filters see at each place. */
static void conv_f32(int32_t images, const struct window *w, int32_t units, const float *in, const float *weights,
                     const float *biases, float low, float high, float *patch, float *out)
{
    const int32_t taps = w->filter_height * w->filter_width * w->channels;
    for (int32_t image = 0; image < images; image++, in += w->in_height * w->in_width * w->channels)
        for (int32_t y = 0; y < w->out_height; y++)
            for (int32_t x = 0; x < w->out_width; x++, out += units) {
                gather_f32(w, in, y, x, 0.0f, patch);
                dense_f32(1, taps, units, patch, weights, biases, low, high, out);
            }
}
