"""One module for each group of cases; each has `scenes()`."""
