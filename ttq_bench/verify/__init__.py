"""Everything in a results folder that follows from its records, computed again and compared."""
