/* Returns whether the system lets this process use the instructions; Linux wants to be asked for tiles
   (https://docs.kernel.org/arch/x86/xstate.html). */
int32_t fmnist_ready(void)
{
#if defined __AMX_INT8__
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return 1;
#endif
}

/* What the engine calls: runs prepared images, and returns whether all scores are numbers. */
struct fmnist_call {
    int32_t images;
    float *scratch, *scores;
};

int32_t fmnist_run(const uint8_t *pixels, const struct fmnist_call *call)
{
    int32_t finite = 1;
    NAME_scores(call->images, pixels, call->scratch, call->scores);
    for (int32_t i = 0; i < call->images * UPPER_CLASSES; i++)
        finite &= call->scores[i] >= -3.4e38f && call->scores[i] <= 3.4e38f;
    return finite;
}
