"""From a plan to records: one trial, the scheduler around it, and the places where it can run."""
