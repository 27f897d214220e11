//! Puts, reads and deletes image data in a named store
