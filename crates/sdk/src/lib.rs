//! A Rust client of the Image API
