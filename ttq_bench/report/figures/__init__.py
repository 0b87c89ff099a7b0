"""Figures, one a file, in one frame. To add one: see ``catalog.py``."""
