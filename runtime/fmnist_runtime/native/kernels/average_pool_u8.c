/* The mean of each window, without what lies beyond the edges; halves are rounded away from zero_point. */
static void average_pool_u8(int32_t images, const struct window *w, const uint8_t *in, int32_t zero, int32_t low,
                            int32_t high, uint8_t *out)
{
    for (int32_t image = 0; image < images; image++, in += w->in_height * w->in_width * w->channels)
        for (int32_t place = 0; place < w->out_height * w->out_width; place++)
            for (int32_t c = 0; c < w->channels; c++) {
                int32_t sum = 0, count = 0;
                for (int32_t i = 0; i < w->filter_height; i++)
                    for (int32_t j = 0; j < w->filter_width; j++) {
                        const int32_t row = place / w->out_width * w->stride_y + i - w->top;
                        const int32_t column = place % w->out_width * w->stride_x + j - w->left;
                        if (row < 0 || row >= w->in_height || column < 0 || column >= w->in_width) continue;
                        sum += in[(row * w->in_width + column) * w->channels + c] - zero;
                        count++;
                    }
                sum = (sum > 0 ? sum + count / 2 : sum - count / 2) / count + zero;
                sum = sum < low ? low : sum;
                *out++ = (uint8_t)(sum > high ? high : sum);
            }
}
