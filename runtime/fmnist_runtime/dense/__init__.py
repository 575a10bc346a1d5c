"""Reading dense networks, layers in a row, from files of several formats without their engines.

There is a module for each format, of its name, whose ``read_network(path)`` gives a `network.Network`.
"""
