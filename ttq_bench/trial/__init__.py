"""One trial from its spec to its record, in whatever process a backend gives it."""
