"""Sections of the generated pages, one a file."""
