"""Writing files: whole or not at all, one process at a time, with values that text files have a form for."""
