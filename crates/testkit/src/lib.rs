//! Starts a whole server in a test
