"""Networks as one C99 file: the graph, its C, and how a compiler makes a library of it."""
