"""Figures and the summary, drawn from the analysis alone."""
