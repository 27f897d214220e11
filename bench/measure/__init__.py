"""Measures servers that do the same job, in turn, on one machine."""
