"""Networks under test. ``catalog`` needs no torch; ``build`` makes a network from its card."""
