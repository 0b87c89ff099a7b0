"""The weights of all quantized layers at once; see ``rows.py``."""
