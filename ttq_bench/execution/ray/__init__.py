"""All that imports Ray: the backend, its nodes and workers, ranks, jobs, security."""
