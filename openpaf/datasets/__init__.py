"""Annotated photographs as they are on disk."""
