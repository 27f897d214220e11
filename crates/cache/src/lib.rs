//! Keeps copies of image data on local disk, fills each once, stays under its limit
