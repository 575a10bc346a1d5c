/* Returns a number on the grid of the integers from low to high, where zero_point stands for 0. Ties go to the
   even integer: at 1.5 * 2^23 a float has no fraction, so that the sum is rounded. */
static uint8_t rounded(float value, int32_t zero_point, int32_t low, int32_t high)
{
    const float least = (float)(low - zero_point), most = (float)(high - zero_point);
    value = value > least ? value : least; /* also if it is no number */
    value = value < most ? value : most;
    value = (value + 12582912.0f) - 12582912.0f;
    return (uint8_t)((int32_t)value + zero_point);
}
