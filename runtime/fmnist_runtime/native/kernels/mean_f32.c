/* The mean of each channel over all places. */
static void mean_f32(int32_t images, int32_t places, int32_t channels, const float *in, float *out)
{
    for (int32_t image = 0; image < images; image++, in += places * channels)
        for (int32_t c = 0; c < channels; c++) {
            float sum = 0.0f;
            for (int32_t place = 0; place < places; place++) sum += in[place * channels + c];
            *out++ = sum / (float)places;
        }
}
