"""Charts as SVG, which a page holds as they are, takes its colours from the style sheet, and prints sharp."""
