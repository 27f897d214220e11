//! The use cases of the image service, and its workers
