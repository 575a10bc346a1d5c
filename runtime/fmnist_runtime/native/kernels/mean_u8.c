/* The mean of each channel over all places, scaled: sum * scale + offset, rounded. */
static void mean_u8(int32_t images, int32_t places, int32_t channels, const uint8_t *in, int32_t zero, float scale,
                    float offset, int32_t zero_point, uint8_t *out)
{
    for (int32_t image = 0; image < images; image++, in += places * channels)
        for (int32_t c = 0; c < channels; c++) {
            int32_t sum = 0;
            for (int32_t place = 0; place < places; place++) sum += in[place * channels + c] - zero;
            *out++ = rounded((float)sum * scale + offset, zero_point, 0, 255);
        }
}
