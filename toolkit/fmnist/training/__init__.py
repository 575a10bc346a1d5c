"""Training the network, or going on with one."""
