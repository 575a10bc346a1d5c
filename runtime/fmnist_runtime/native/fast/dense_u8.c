/* Fully connected, with the instructions that the library is compiled for. Sums of integers do not depend on
   their order, so that all give the same bits. */
#if !(defined __AVX2__ || defined __ARM_FEATURE_DOTPROD || defined __ARM_FEATURE_MATMUL_INT8)
/* This loop compilers turn into vectors. */
static void dense_u8(int32_t rows, int32_t inputs, int32_t units, const uint8_t *in, const int8_t *weights,
                     const int32_t *biases, const float *scales, int32_t zero_point, int32_t low, int32_t high,
                     uint8_t *out)
{
    for (int32_t row = 0; row < rows; row++, in += inputs) {
        const int8_t *weight = weights;
        for (int32_t unit = 0; unit < units; unit++, weight += inputs) {
            int32_t sum = biases[unit];
            for (int32_t i = 0; i < inputs; i++) sum += in[i] * weight[i];
            *out++ = rounded((float)sum * scales[unit], zero_point, low, high);
        }
    }
}
#else
/* Weights are packed: in panels of at most 8 vectors, each of 16 units,
   [panel][group of 4 inputs][vector][16 units][4 inputs], with zeros at the end of units and inputs. */
#define PANEL 8

struct dense_u8 {
    int32_t inputs, units, groups;
    const int8_t *weights;
    const int32_t *biases;
    const float *scales;
    int32_t zero_point, low, high;
};

/* Returns four inputs as one number, 0 where there are no more. */
INLINE int32_t four_inputs(const uint8_t *in, int32_t left)
{
    int32_t four = 0;
    if (left >= 4) memcpy(&four, in, 4);
    else memcpy(&four, in, (size_t)left);
    return four;
}

/* Rounds and writes the sums of the units of a vector. */
INLINE void write_u8(const struct dense_u8 *layer, const int32_t *sums, int32_t vector, uint8_t *out)
{
    const int32_t unit = 16 * vector, left = layer->units - unit, count = left < 16 ? left : 16;
    uint8_t rounded_sums[16];
    int32_t biases[16] = {0};
    float scales[16] = {0.0f};
    if (count == 16) {
        memcpy(biases, layer->biases + unit, 64);
        memcpy(scales, layer->scales + unit, 64);
    } else {
        memcpy(biases, layer->biases + unit, (size_t)count * 4);
        memcpy(scales, layer->scales + unit, (size_t)count * 4);
    }
    for (int32_t i = 0; i < 16; i++)
        rounded_sums[i] =
            rounded((float)(sums[i] + biases[i]) * scales[i], layer->zero_point, layer->low, layer->high);
    if (count == 16) memcpy(out + unit, rounded_sums, 16);
    else memcpy(out + unit, rounded_sums, (size_t)count);
}

#if defined __AVX512VNNI__
#define ROWS 4
#define VECTORS 4
/* Writes some rows and vectors; width is the number of vectors of the panel. */
INLINE void sums_u8(const struct dense_u8 *layer, int32_t rows, int32_t vectors, int32_t width, int32_t first,
                    const int8_t *panel, const uint8_t *in, uint8_t *out)
{
    __m512i sum[ROWS][PANEL];
    for (int32_t row = 0; row < rows; row++)
        for (int32_t i = 0; i < vectors; i++) sum[row][i] = _mm512_setzero_si512();
    for (int32_t at = 0; at < layer->inputs; at += 4, panel += 64 * width) {
        int32_t four[ROWS];
        for (int32_t row = 0; row < rows; row++)
            four[row] = four_inputs(in + row * layer->inputs + at, layer->inputs - at);
        if (rows == 1 && !four[0]) continue; /* black pixels: no weight need be read */
        for (int32_t i = 0; i < vectors; i++) {
            const __m512i weights = _mm512_load_si512(panel + 64 * i);
            for (int32_t row = 0; row < rows; row++)
                sum[row][i] = _mm512_dpbusd_epi32(sum[row][i], _mm512_set1_epi32(four[row]), weights);
        }
    }
    for (int32_t row = 0; row < rows; row++)
        for (int32_t i = 0; i < vectors; i++) {
            int32_t sums[16];
            _mm512_storeu_si512(sums, sum[row][i]);
            write_u8(layer, sums, first + i, out + row * layer->units);
        }
}
#elif defined __AVXVNNI__
#define ROWS 3
#define VECTORS 2
INLINE void sums_u8(const struct dense_u8 *layer, int32_t rows, int32_t vectors, int32_t width, int32_t first,
                    const int8_t *panel, const uint8_t *in, uint8_t *out)
{
    __m256i sum[ROWS][2 * VECTORS];
    for (int32_t row = 0; row < rows; row++)
        for (int32_t i = 0; i < 2 * vectors; i++) sum[row][i] = _mm256_setzero_si256();
    for (int32_t at = 0; at < layer->inputs; at += 4, panel += 64 * width) {
        int32_t four[ROWS];
        for (int32_t row = 0; row < rows; row++)
            four[row] = four_inputs(in + row * layer->inputs + at, layer->inputs - at);
        if (rows == 1 && !four[0]) continue;
        for (int32_t i = 0; i < 2 * vectors; i++) {
            const __m256i weights = _mm256_load_si256((const __m256i *)(const void *)(panel + 32 * i));
            for (int32_t row = 0; row < rows; row++)
                sum[row][i] = _mm256_dpbusd_avx_epi32(sum[row][i], _mm256_set1_epi32(four[row]), weights);
        }
    }
    for (int32_t row = 0; row < rows; row++)
        for (int32_t i = 0; i < vectors; i++) {
            int32_t sums[16];
            memcpy(sums, &sum[row][2 * i], 64);
            write_u8(layer, sums, first + i, out + row * layer->units);
        }
}
#elif defined __AVX2__
#define ROWS 2
#define VECTORS 1
/* Without an instruction for bytes: pairs of products of 16 bits, added to 32. */
INLINE void sums_u8(const struct dense_u8 *layer, int32_t rows, int32_t vectors, int32_t width, int32_t first,
                    const int8_t *panel, const uint8_t *in, uint8_t *out)
{
    __m256i sum[ROWS][4];
    (void)vectors;
    for (int32_t row = 0; row < rows; row++)
        for (int32_t i = 0; i < 4; i++) sum[row][i] = _mm256_setzero_si256();
    for (int32_t at = 0; at < layer->inputs; at += 4, panel += 64 * width) {
        __m256i x[ROWS];
        for (int32_t row = 0; row < rows; row++) {
            const int32_t four = four_inputs(in + row * layer->inputs + at, layer->inputs - at);
            x[row] = _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
        }
        for (int32_t i = 0; i < 4; i++) {
            const __m128i eight_bits = _mm_load_si128((const __m128i *)(const void *)(panel + 16 * i));
            const __m256i weights = _mm256_cvtepi8_epi16(eight_bits);
            for (int32_t row = 0; row < rows; row++)
                sum[row][i] = _mm256_add_epi32(sum[row][i], _mm256_madd_epi16(x[row], weights));
        }
    }
    for (int32_t row = 0; row < rows; row++) {
        int32_t pairs[32], sums[16];
        memcpy(pairs, sum[row], 128);
        for (int32_t i = 0; i < 16; i++) sums[i] = pairs[2 * i] + pairs[2 * i + 1];
        write_u8(layer, sums, first, out + row * layer->units);
    }
}
#elif defined __ARM_FEATURE_MATMUL_INT8 || defined __ARM_FEATURE_DOTPROD
#define ROWS 2
#define VECTORS 1
/* Where only bytes of one sign are multiplied, the weights are held 128 higher, and 128 times the sum of the
   inputs is taken off. */
INLINE void sums_u8(const struct dense_u8 *layer, int32_t rows, int32_t vectors, int32_t width, int32_t first,
                    const int8_t *panel, const uint8_t *in, uint8_t *out)
{
    uint32x4_t sum[ROWS][4], more[ROWS];
    (void)vectors;
    for (int32_t row = 0; row < rows; row++) {
        more[row] = vdupq_n_u32(0);
        for (int32_t i = 0; i < 4; i++) sum[row][i] = vdupq_n_u32(0);
    }
    for (int32_t at = 0; at < layer->inputs; at += 4, panel += 64 * width) {
        uint8x16_t x[ROWS];
        for (int32_t row = 0; row < rows; row++)
            x[row] = vreinterpretq_u8_s32(
                vdupq_n_s32(four_inputs(in + row * layer->inputs + at, layer->inputs - at)));
#if defined __ARM_FEATURE_MATMUL_INT8
        for (int32_t i = 0; i < 4; i++) {
            const int8x16_t weights = vld1q_s8(panel + 16 * i);
            for (int32_t row = 0; row < rows; row++)
                sum[row][i] = vreinterpretq_u32_s32(
                    vusdotq_s32(vreinterpretq_s32_u32(sum[row][i]), x[row], weights));
        }
#else
        for (int32_t row = 0; row < rows; row++) more[row] = vdotq_u32(more[row], x[row], vdupq_n_u8(128));
        for (int32_t i = 0; i < 4; i++) {
            const uint8x16_t weights = veorq_u8(vreinterpretq_u8_s8(vld1q_s8(panel + 16 * i)), vdupq_n_u8(128));
            for (int32_t row = 0; row < rows; row++) sum[row][i] = vdotq_u32(sum[row][i], x[row], weights);
        }
#endif
    }
    for (int32_t row = 0; row < rows; row++) {
        int32_t sums[16];
        for (int32_t i = 0; i < 4; i++)
            vst1q_s32(sums + 4 * i, vreinterpretq_s32_u32(vsubq_u32(sum[row][i], more[row])));
        write_u8(layer, sums, first, out + row * layer->units);
    }
}
#endif

/* Writes some rows of a panel: many vectors at once where registers hold their sums. */
INLINE void panel_u8(const struct dense_u8 *layer, int32_t rows, int32_t width, int32_t first, const int8_t *panel,
                     const uint8_t *in, uint8_t *out)
{
    int32_t at = 0;
#if defined __AVX512VNNI__
    if (rows == 1 && width == PANEL) {
        sums_u8(layer, 1, PANEL, PANEL, first, panel, in, out);
        return;
    }
#endif
    for (; at + VECTORS <= width; at += VECTORS)
        sums_u8(layer, rows, VECTORS, width, first + at, panel + 64 * at, in, out);
    for (; at < width; at++) sums_u8(layer, rows, 1, width, first + at, panel + 64 * at, in, out);
}

#if defined __AMX_INT8__
/* Tiles: 0 to 3 hold sums of 16 rows and 4 vectors; 4 and 6 inputs, 5 and 7 weights, of 16 groups or of the rest. */
INLINE void configure_tiles(int32_t rest)
{
    struct {
        uint8_t palette, start_row, zero[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } tiles = {.palette = 1};
    for (int32_t tile = 0; tile < 8; tile++) {
        tiles.rows[tile] = 16;
        tiles.bytes[tile] = 64;
    }
    if (rest) {
        tiles.bytes[6] = (uint16_t)(4 * rest);
        tiles.rows[7] = (uint8_t)rest;
    }
    _tile_loadconfig(&tiles);
}

/* Writes 16 rows of at most 4 vectors. */
INLINE void tile_u8(const struct dense_u8 *layer, int32_t vectors, int32_t width, int32_t first, const int8_t *panel,
                    const uint8_t *in, uint8_t *out)
{
    const int32_t full = layer->groups / 16, rest = layer->groups % 16;
    const size_t step = 64 * (size_t)width;
    int32_t sums[4][16][16];
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int32_t block = 0; block < full; block++, panel += 16 * step) {
        _tile_loadd(4, in + 64 * block, (size_t)layer->inputs);
#define PRODUCT(VECTOR, INPUTS, WEIGHTS)                       \
    if (VECTOR < vectors) {                                    \
        _tile_loadd(WEIGHTS, panel + 64 * VECTOR, step);       \
        _tile_dpbusd(VECTOR, INPUTS, WEIGHTS);                 \
    }
        PRODUCT(0, 4, 5)
        PRODUCT(1, 4, 5)
        PRODUCT(2, 4, 5)
        PRODUCT(3, 4, 5)
    }
    if (rest) {
        _tile_loadd(6, in + 64 * full, (size_t)layer->inputs);
        PRODUCT(0, 6, 7)
        PRODUCT(1, 6, 7)
        PRODUCT(2, 6, 7)
        PRODUCT(3, 6, 7)
    }
    _tile_stored(0, sums[0], 64);
    _tile_stored(1, sums[1], 64);
    _tile_stored(2, sums[2], 64);
    _tile_stored(3, sums[3], 64);
    for (int32_t row = 0; row < 16; row++)
        for (int32_t i = 0; i < vectors; i++) write_u8(layer, sums[i][row], first + i, out + row * layer->units);
}

/* Writes as many rows as fill tiles, and returns how many. */
static int32_t tiles_u8(const struct dense_u8 *layer, int32_t rows, const uint8_t *in, uint8_t *out)
{
    const int32_t vectors = (layer->units + 15) / 16;
    int32_t row = 0;
    if (rows < 16 || layer->inputs % 4) return 0; /* a tile reads whole groups */
    configure_tiles(layer->groups % 16);
    for (; row + 16 <= rows; row += 16)
        for (int32_t first = 0; first < vectors; first += PANEL) {
            const int32_t width = vectors - first < PANEL ? vectors - first : PANEL;
            const int8_t *panel = layer->weights + (size_t)first * (size_t)layer->groups * 64;
            for (int32_t at = 0; at < width; at += 4)
                tile_u8(layer, width - at < 4 ? width - at : 4, width, first + at, panel + 64 * at,
                        in + (size_t)row * (size_t)layer->inputs, out + (size_t)row * (size_t)layer->units);
        }
    _tile_release();
    return row;
}
#endif

static void dense_u8(int32_t rows, int32_t inputs, int32_t units, const uint8_t *in, const int8_t *weights,
                     const int32_t *biases, const float *scales, int32_t zero_point, int32_t low, int32_t high,
                     uint8_t *out)
{
    const struct dense_u8 layer = {inputs, units, (inputs + 3) / 4, weights, biases, scales, zero_point, low, high};
    const int32_t vectors = (units + 15) / 16;
    int32_t row = 0;
#if defined __AMX_INT8__
    row = tiles_u8(&layer, rows, in, out);
#endif
    while (row < rows) {
        const int32_t some = rows - row >= ROWS ? ROWS : 1;
        for (int32_t first = 0; first < vectors; first += PANEL) {
            const int32_t width = vectors - first < PANEL ? vectors - first : PANEL;
            const int8_t *panel = weights + (size_t)first * (size_t)layer.groups * 64;
            const uint8_t *from = in + (size_t)row * (size_t)inputs;
            uint8_t *to = out + (size_t)row * (size_t)units;
            if (some == ROWS) panel_u8(&layer, ROWS, width, first, panel, from, to);
            else panel_u8(&layer, 1, width, first, panel, from, to);
        }
        row += some;
    }
}
#endif
