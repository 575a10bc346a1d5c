/* The largest number in each window. */
static void max_pool_KIND(int32_t images, const struct window *w, const TYPE *in, TYPE low, TYPE high, TYPE *out)
{
    for (int32_t image = 0; image < images; image++, in += w->in_height * w->in_width * w->channels)
        for (int32_t place = 0; place < w->out_height * w->out_width; place++)
            for (int32_t c = 0; c < w->channels; c++) {
                TYPE most = low;
                for (int32_t i = 0; i < w->filter_height; i++)
                    for (int32_t j = 0; j < w->filter_width; j++) {
                        const int32_t row = place / w->out_width * w->stride_y + i - w->top;
                        const int32_t column = place % w->out_width * w->stride_x + j - w->left;
                        if (row < 0 || row >= w->in_height || column < 0 || column >= w->in_width) continue;
                        const TYPE value = in[(row * w->in_width + column) * w->channels + c];
                        most = value > most ? value : most;
                    }
                *out++ = most < high ? most : high;
            }
}
