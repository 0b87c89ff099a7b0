"""Everything in a results folder computed anew from its records, and compared."""
