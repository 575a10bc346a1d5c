/* Multiplies negative numbers by a slope. */
static void leaky_relu_f32(int32_t length, const float *in, float slope, float *out)
{
    for (int32_t i = 0; i < length; i++) out[i] = in[i] < 0.0f ? in[i] * slope : in[i];
}
