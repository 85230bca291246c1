"""The words of the shop as plain Python: no input, no output, standard library alone."""
