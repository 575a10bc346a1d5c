#include <stddef.h>
#include <string.h>
#if defined __AVX2__
#include <immintrin.h>
#elif defined __ARM_FEATURE_DOTPROD
#include <arm_neon.h>
#endif
#if defined __AMX_INT8__
#include <sys/syscall.h>
#include <unistd.h>
#endif
#define INLINE static inline __attribute__((always_inline))
/* Places of a row whose convolution is computed at once. */
#define PATCHES 8
