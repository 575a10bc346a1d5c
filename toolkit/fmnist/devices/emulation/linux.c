/* Reads images from the file images, and writes their probabilities to the file scores, one by one. */
#include <stdio.h>

static uint8_t pixels[UPPER_PIXELS];
static float scratch[UPPER_SCRATCH(1)], scores[UPPER_CLASSES];

int main(void)
{
    FILE *images = fopen("images", "rb"), *answers = fopen("scores", "wb");
    if (!images || !answers || NAME_self_test(scratch)) return 1;
    while (fread(pixels, 1, sizeof pixels, images) == sizeof pixels) {
        NAME_scores(1, pixels, scratch, scores);
        if (fwrite(scores, 1, sizeof scores, answers) != sizeof scores) return 1;
    }
    return fclose(answers) != 0;
}
