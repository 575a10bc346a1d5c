/* Returns the number within the limits that is nearest to a value. */
static float clamped(float value, float low, float high)
{
    value = value < low ? low : value;
    return value > high ? high : value;
}
