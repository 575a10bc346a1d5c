/* a - b; b is repeated if it is shorter. */
static void sub_f32(int32_t images, int32_t length, int32_t period, int32_t b_step, const float *a, const float *b,
                    float low, float high, float *out)
{
    for (int32_t image = 0; image < images; image++, b += b_step)
        for (int32_t i = 0; i < length; i++) *out++ = clamped(*a++ - b[i % period], low, high);
}
