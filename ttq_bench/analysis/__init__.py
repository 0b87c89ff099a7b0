"""From records to tidy tables, intervals and verdicts. Needs neither torch nor Ray."""
