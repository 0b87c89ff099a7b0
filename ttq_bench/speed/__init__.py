"""``ttq-bench speed``: what is promised about time and memory, measured in one run."""
