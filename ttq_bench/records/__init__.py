"""The product: one folder a finished trial, readable without torch and without Ray."""
