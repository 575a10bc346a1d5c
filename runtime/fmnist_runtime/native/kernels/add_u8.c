/* a + b in whole numbers; b is repeated if it is shorter. The shift rounds down, also below 0. */
static void add_u8(int32_t images, int32_t length, int32_t period, int32_t b_step, const uint8_t *a, const uint8_t *b,
                   int32_t bias, int32_t a_factor, int32_t b_factor, int32_t shift, int32_t zero_point, int32_t low,
                   int32_t high, uint8_t *out)
{
    for (int32_t image = 0; image < images; image++, b += b_step)
        for (int32_t i = 0; i < length; i++) {
            int32_t sum = bias + *a++ * a_factor + b[i % period] * b_factor;
            sum = (sum < 0 ? ~(~sum >> shift) : sum >> shift) + zero_point;
            sum = sum < low ? low : sum;
            *out++ = (uint8_t)(sum > high ? high : sum);
        }
}
