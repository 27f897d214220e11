//! The key manager: certificates of signed images, and keys that go with their image.

use std::path::PathBuf;

use crate::config::{
    kind::Kind,
    option::{Opt, options},
};

options! {
    BACKEND: String = Opt::new("key_manager", "backend", Kind::Str)
        .old(&[("key_manager", "api_class")])
        .default("barbican")
        .help("The kind of key manager. Only `barbican` is built in; with any other name there is none.");
    BARBICAN_ENDPOINT: Option<String> = Opt::new("barbican", "barbican_endpoint", Kind::Str)
        .help("The URL of Barbican, without a version: `http://localhost:9311`. It is asked with the token that comes with a \
               request. No catalog is searched for it: when unset, data of signed images is refused, and keys of encrypted \
               volumes are not deleted with their images.");
    BARBICAN_API_VERSION: Option<String> = Opt::new("barbican", "barbican_api_version", Kind::Choice(&["", "v1"]))
        .help("The version of Barbican's API. There is one.");
    VERIFY_SSL: bool = Opt::new("barbican", "verify_ssl", Kind::Bool)
        .default("true")
        .help("Whether Barbican's own certificate is checked.");
    VERIFY_SSL_PATH: Option<PathBuf> = Opt::new("barbican", "verify_ssl_path", Kind::Str)
        .help("File with the authorities that are believed about that. When unset, those the machine believes.");
}
