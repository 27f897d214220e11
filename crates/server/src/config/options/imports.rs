//! How data is imported, and from where.

use std::path::PathBuf;

use vidimus_service::Plugin;

use crate::config::{
    kind::{Item, Kind},
    option::{Opt, options},
};

/// `[a,b]`.
const BRACKETED: Kind = Kind::List {
    item: Item::Str,
    has_brackets: true,
};

/// The plugins there are.
const PLUGINS: Kind = Kind::List {
    item: Item::Choice(&Plugin::NAMES),
    has_brackets: true,
};

options! {
    IMAGE_IMPORT_PLUGINS: Vec<String> = Opt::new("image_import_opts", "image_import_plugins", PLUGINS)
        .default("[]")
        .help("What is done with the data of every import, in this order, before it goes to a store: `image_decompression` \
               unpacks zip and gzip, `image_conversion` converts disks with qemu-img, `inject_image_metadata` sets \
               properties, `no_op` does nothing. Copies between stores are left alone.");
    MAX_PARALLEL_STORES: u64 = Opt::new("image_import_opts", "max_parallel_stores", Kind::at_least(1))
        .default("1")
        .help("Into how many stores the data of one import goes at the same time.");
    OUTPUT_FORMAT: String = Opt::new("image_conversion", "output_format", Kind::Choice(&["qcow2", "raw", "vmdk"]))
        .default("raw")
        .help("What `image_conversion` makes of every disk.");
    INJECT: Vec<(String, String)> = Opt::new("inject_metadata_properties", "inject", Kind::Dict)
        .default("")
        .help("Properties that `inject_image_metadata` sets on every image that is imported. Names that begin with \
               `os_glance` are left out.");
    IGNORE_USER_ROLES: Vec<String> = Opt::new("inject_metadata_properties", "ignore_user_roles", Kind::LIST)
        .default("admin")
        .help("Callers with one of these roles import without the properties of `inject`.");
    TASK_POOL_THREADS: u64 = Opt::new("wsgi", "task_pool_threads", Kind::at_least(1))
        .default("16")
        .help("Imports at the same time; further ones wait for their turn.");
    TASK_TIME_TO_LIVE: u64 = Opt::new("task", "task_time_to_live", Kind::at_least(0))
        .old(&[("DEFAULT", "task_time_to_live")])
        .default("48")
        .help("Hours for which finished tasks are remembered.");
    DO_SECURE_HASH: bool = Opt::new("DEFAULT", "do_secure_hash", Kind::Bool)
        .default("true")
        .help("Whether the data of a location that is added by `POST /v2/images/{id}/locations` is read: to hold it against the \
               hash that came with it, or to find out its hash. If not, what came with it is believed.");
    HTTP_RETRIES: u64 = Opt::new("DEFAULT", "http_retries", Kind::Int { min: 0, max: 1000 })
        .default("3")
        .help("How often reading the data of a location is tried again.");
    WORK_DIR: Option<PathBuf> = Opt::new("task", "work_dir", Kind::Str)
        .help("Whether tasks of the type `import` look at the data they bring, take the disk out of an OVA, and convert it as \
               `conversion_format` says. They do where this names a folder or there are several stores; the work itself is done in the staging \
               folder.");
    CONVERSION_FORMAT: Option<String> = Opt::new("taskflow_executor", "conversion_format", Kind::Choice(&["", "qcow2", "raw", "vmdk"]))
        .help("What tasks of the type `import` make of every disk.");
    ALLOWED_SCHEMES: Vec<String> = Opt::new("import_filtering_opts", "allowed_schemes", BRACKETED)
        .default("[http,https]")
        .help("Schemes of the URIs that `web-download` fetches from. Others than http and https are never fetched from.");
    DISALLOWED_SCHEMES: Vec<String> = Opt::new("import_filtering_opts", "disallowed_schemes", BRACKETED)
        .default("[]")
        .help("Schemes that `web-download` refuses, where `allowed_schemes` is empty.");
    ALLOWED_HOSTS: Vec<String> = Opt::new("import_filtering_opts", "allowed_hosts", BRACKETED)
        .default("[]")
        .help("The only hosts that `web-download` fetches from; empty for any. A host that is named here may also have an \
               address of this machine or its link, which others may not.");
    DISALLOWED_HOSTS: Vec<String> = Opt::new("import_filtering_opts", "disallowed_hosts", BRACKETED)
        .default("[]")
        .help("Hosts that `web-download` refuses, where `allowed_hosts` is empty. Addresses are also refused to names that \
               resolve to them.");
    ALLOWED_PORTS: Vec<String> = Opt::new("import_filtering_opts", "allowed_ports", BRACKETED)
        .default("[80,443]")
        .help("The only ports that a URI may name; empty for any.");
    DISALLOWED_PORTS: Vec<String> = Opt::new("import_filtering_opts", "disallowed_ports", BRACKETED)
        .default("[]")
        .help("Ports that `web-download` refuses, where `allowed_ports` is empty.");
    COPIED_PROPERTIES: Vec<String> = Opt::new("glance_download_properties", "extra_properties", BRACKETED)
        .default("[hw_,trait:,os_distro,os_secure_boot,os_type]")
        .help("How the names of properties begin that `glance-download` copies from the remote image.");
}
