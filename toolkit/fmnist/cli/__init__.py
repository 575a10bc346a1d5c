"""The command `fmnist`: a file for each verb, which parses, calls a function and renders its result."""
