def inspect():
    "x"
