/* Copies what a filter sees at a place of an image, and an empty value beyond its edges. */
static void gather_KIND(const struct window *w, const TYPE *image, int32_t y, int32_t x, TYPE empty, TYPE *patch)
{
    for (int32_t i = 0; i < w->filter_height; i++) {
        const int32_t row = y * w->stride_y + i * w->dilation_y - w->top;
        for (int32_t j = 0; j < w->filter_width; j++) {
            const int32_t column = x * w->stride_x + j * w->dilation_x - w->left;
            const int inside = row >= 0 && row < w->in_height && column >= 0 && column < w->in_width;
            const TYPE *cell = inside ? image + (row * w->in_width + column) * w->channels : image;
            for (int32_t c = 0; c < w->channels; c++) *patch++ = inside ? cell[c] : empty;
        }
    }
}
