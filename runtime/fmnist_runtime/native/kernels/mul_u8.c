/* a * b; b is repeated if it is shorter. */
static void mul_u8(int32_t images, int32_t length, int32_t period, int32_t b_step, const uint8_t *a, const uint8_t *b,
                   int32_t a_zero, int32_t b_zero, float scale, int32_t zero_point, int32_t low, int32_t high,
                   uint8_t *out)
{
    for (int32_t image = 0; image < images; image++, b += b_step)
        for (int32_t i = 0; i < length; i++) {
            const int32_t product = (*a++ - a_zero) * (b[i % period] - b_zero);
            *out++ = rounded((float)product * scale, zero_point, low, high);
        }
}
