/* How a filter moves over images [height][width][channels]. */
struct window {
    int32_t in_height, in_width, channels, out_height, out_width, filter_height, filter_width;
    int32_t stride_y, stride_x, dilation_y, dilation_x, top, left;
};
