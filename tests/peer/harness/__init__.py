"""Starts the servers that the peer suites talk to: real Glance and Vidimus."""
