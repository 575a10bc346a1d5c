/* Depthwise convolution: each channel has filters of its own, weights [height][width][channels][filters]. */
static void depthwise_u8(int32_t images, const struct window *w, int32_t filters, const uint8_t *in,
                         const int8_t *weights, const int32_t *biases, const float *scales, int32_t empty,
                         int32_t zero_point, int32_t low, int32_t high, uint8_t *patch, uint8_t *out)
{
    const int32_t cells = w->filter_height * w->filter_width, units = w->channels * filters;
    for (int32_t image = 0; image < images; image++, in += w->in_height * w->in_width * w->channels)
        for (int32_t y = 0; y < w->out_height; y++)
            for (int32_t x = 0; x < w->out_width; x++) {
                gather_u8(w, in, y, x, (uint8_t)empty, patch);
                for (int32_t unit = 0; unit < units; unit++) {
                    int32_t sum = biases[unit];
                    for (int32_t i = 0; i < cells; i++)
                        sum += patch[i * w->channels + unit / filters] * weights[i * units + unit];
                    *out++ = rounded((float)sum * scales[unit], zero_point, low, high);
                }
            }
}
