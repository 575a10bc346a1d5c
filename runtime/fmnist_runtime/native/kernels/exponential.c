/* Returns e to the power x for x <= 0, from + - * alone, so that it is the same everywhere. x = k ln 2 + r; the
   polynomial for e^r is that of Cephes' expf, within 2 units of the last place. */
static float exponential(float x)
{
    union { int32_t bits; float value; } power;
    if (!(x >= -87.0f)) return x < -87.0f ? 0.0f : x; /* what is no number stays none */
    const float k = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
    const float r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
    float sum = 1.9875691500e-4f;
    sum = sum * r + 1.3981999507e-3f;
    sum = sum * r + 8.3334519073e-3f;
    sum = sum * r + 4.1665795894e-2f;
    sum = sum * r + 1.6666665459e-1f;
    sum = sum * r + 5.0000001201e-1f;
    power.bits = ((int32_t)k + 127) * 8388608;
    return (sum * r * r + r + 1.0f) * power.value;
}
