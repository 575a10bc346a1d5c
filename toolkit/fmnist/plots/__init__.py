"""Pictures for people, drawn with Matplotlib's objects alone: no global state, and no window.

Each module makes one figure of data that others read; `style.write_figure` puts it into a file.
"""
