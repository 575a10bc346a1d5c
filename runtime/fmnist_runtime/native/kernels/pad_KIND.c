/* Images [height][width][channels] with an empty border. */
static void pad_KIND(int32_t images, const struct window *w, const TYPE *in, TYPE empty, TYPE *out)
{
    for (int32_t image = 0; image < images; image++)
        for (int32_t y = 0; y < w->out_height; y++)
            for (int32_t x = 0; x < w->out_width; x++) {
                const int32_t row = y - w->top, column = x - w->left;
                const int inside = row >= 0 && row < w->in_height && column >= 0 && column < w->in_width;
                const TYPE *cell = !inside ? in : in + ((image * w->in_height + row) * w->in_width + column) * w->channels;
                for (int32_t c = 0; c < w->channels; c++) *out++ = inside ? cell[c] : empty;
            }
}
