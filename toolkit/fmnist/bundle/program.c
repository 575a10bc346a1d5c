/* Reads images of raw pixels from standard input, and writes the class and probability of each, a line each. */
#include <stdio.h>

static uint8_t pixels[UPPER_PIXELS];
static float scratch[UPPER_SCRATCH(1)], scores[UPPER_CLASSES];

int main(void)
{
    size_t length;
    if (NAME_self_test(scratch)) {
        fputs("the golden images get other probabilities here; export the model again\n", stderr);
        return 3;
    }
    while ((length = fread(pixels, 1, sizeof pixels, stdin)) == sizeof pixels) {
        NAME_scores(1, pixels, scratch, scores);
        const int32_t answer = NAME_class(scores);
        printf("%s\t%.4f\n", NAME_labels[answer], (double)scores[answer]);
        if (fflush(stdout)) return 1;
    }
    if (!length) return 0;
    fprintf(stderr, "an image has %d pixels, a byte each; the last one has %d\n", UPPER_PIXELS, (int)length);
    return 1;
}
