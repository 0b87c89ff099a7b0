"""Images that do not fit into memory: read, decoded and cropped while a network trains."""
