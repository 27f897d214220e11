//! Recognises disk formats in a byte stream and refuses unsafe ones
