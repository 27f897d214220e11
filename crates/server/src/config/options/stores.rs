//! Which stores there are, and what each of them needs.

use crate::config::{
    kind::Kind,
    option::{Opt, options},
};

options! {
    ENABLED_BACKENDS: Vec<(String, String)> = Opt::new("DEFAULT", "enabled_backends", Kind::Dict)
        .help("The stores, as `name:type,name:type`. Each has a section of its name. When unset there is one unnamed store of \
               each type in `[glance_store] stores`.");
    DEFAULT_BACKEND: Option<String> = Opt::new("glance_store", "default_backend", Kind::Str)
        .help("The store for images when the client names none. Needed with `enabled_backends`.");
    STORES: Vec<String> = Opt::new("glance_store", "stores", Kind::LIST)
        .default("file,http")
        .help("The types of stores, where `enabled_backends` is unset.");
    DEFAULT_STORE: String = Opt::new("glance_store", "default_store", Kind::Choice(&[
            "file", "filesystem", "http", "https", "swift", "swift+http", "swift+https", "swift+config", "rbd", "cinder",
            "vsphere", "s3",
        ]))
        .default("file")
        .help("The type of store for new images, where `enabled_backends` is unset.");
}

/// Options of every named store, in its own section.
pub(in crate::config) mod each {
    use super::{Kind, Opt, options};

    options! {
        STORE_DESCRIPTION: Option<String> = Opt::new("<store>", "store_description", Kind::Str)
            .help("What users are told about the store.");
        WEIGHT: i64 = Opt::new("<store>", "weight", Kind::INT)
            .default("0")
            .help("Where an image is in several stores, the one with the highest weight is read first.");
    }
}

/// Options of stores of type `file`: in the section of the store, in `[backend_defaults]` for all of them, or in
/// `[glance_store]` where stores have no names.
pub(in crate::config) mod file {
    use std::path::PathBuf;

    use super::{Kind, Opt, options};

    options! {
        DATADIR: Option<PathBuf> = Opt::new("file", "filesystem_store_datadir", Kind::Str)
            .default("/var/lib/glance/images")
            .help("Folder of the image files.");
        DATADIRS: Vec<String> = Opt::new("file", "filesystem_store_datadirs", Kind::MultiStr)
            .help("Several folders instead of one, each `path` or `path:priority`. New images go to the highest priority with \
                   room, and there to the folder with the most free space.");
        FILE_PERM: i64 = Opt::new("file", "filesystem_store_file_perm", Kind::INT)
            .default("0")
            .help("Mode of the image files in octal digits, such as 640. Zero or less: as the umask has it.");
        CHUNK_SIZE: u64 = Opt::new("file", "filesystem_store_chunk_size", Kind::at_least(1))
            .default("65536")
            .help("Shown to administrators in `GET /v2/info/stores/detail`; reads and writes choose their own size.");
        THIN_PROVISIONING: bool = Opt::new("file", "filesystem_thin_provisioning", Kind::Bool)
            .default("false")
            .help("Whether stretches of zeros become holes that take no space.");
        TIMEOUT: u64 = Opt::new("file", "filesystem_store_timeout", Kind::at_least(0))
            .default("0")
            .help("Seconds the file system may take to open, measure, create or delete a file before the request is answered \
                   with 503, where a folder may lie on a network file system that is gone. 0: as long as it likes.");
        THREADS: u64 = Opt::new("file", "filesystem_store_thread_pool_size", Kind::at_least(1))
            .default("10")
            .help("With `filesystem_store_timeout`: how many such calls of this store may be under way, those included that \
                   nobody waits for any more.");
        WARN_FROM: u64 = Opt::new("file", "filesystem_store_threadpool_threshold", Kind::Int { min: 0, max: 100 })
            .default("75")
            .help("With `filesystem_store_timeout`: the percentage of calls under way from which on a warning is logged.");
    }
}

/// Options of stores of type `http`, in the same sections.
pub(in crate::config) mod http {
    use std::path::PathBuf;

    use super::{Kind, Opt, options};

    options! {
        CA_FILE: Option<PathBuf> = Opt::new("http", "https_ca_certificates_file", Kind::Str)
            .help("PEM file with the authorities that servers of image data are believed by. When set, `https_insecure` does not \
                   matter.");
        INSECURE: bool = Opt::new("http", "https_insecure", Kind::Bool)
            .default("true")
            .help("Whether the certificates of servers of image data are believed unseen. False: only those the machine believes.");
        PROXIES: Vec<(String, String)> = Opt::new("http", "http_proxy_information", Kind::Dict)
            .default("")
            .help("Proxies to servers of image data, as `http:host:port,https:host:port`. The names in locations are still resolved \
                   here as well, and judged by `[import_filtering_opts]`.");
    }
}
