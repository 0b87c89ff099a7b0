"""What a trial is, as a value without torch."""
