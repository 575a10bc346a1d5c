/* Depthwise convolution: each channel has filters of its own, weights [height][width][channels][filters]. */
static void depthwise_f32(int32_t images, const struct window *w, int32_t filters, const float *in,
                          const float *weights, const float *biases, float low, float high, float *patch,
                          float *out)
{
    const int32_t cells = w->filter_height * w->filter_width, units = w->channels * filters;
    for (int32_t image = 0; image < images; image++, in += w->in_height * w->in_width * w->channels)
        for (int32_t y = 0; y < w->out_height; y++)
            for (int32_t x = 0; x < w->out_width; x++) {
                gather_f32(w, in, y, x, 0.0f, patch);
                for (int32_t unit = 0; unit < units; unit++) {
                    float sum = biases[unit];
                    for (int32_t i = 0; i < cells; i++)
                        sum += patch[i * w->channels + unit / filters] * weights[i * units + unit];
                    *out++ = clamped(sum, low, high);
                }
            }
}
