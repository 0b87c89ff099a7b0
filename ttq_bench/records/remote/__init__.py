"""Results below a URL: object storage, its names, its lock, and the folder that follows it."""
