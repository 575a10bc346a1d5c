"""Classification of images: where they come from, and how results are written."""
