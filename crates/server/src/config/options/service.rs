//! `[DEFAULT]` and friends: addresses, paging, what images show, how requests come in.

use std::path::PathBuf;

use crate::config::{
    kind::{Item, Kind},
    option::{Opt, options},
};

options! {
    BIND_HOST: String = Opt::new("DEFAULT", "bind_host", Kind::Str)
        .default("127.0.0.1")
        .help("Address to listen on, where `[vidimus] listen` is unset. Glance once listened on 0.0.0.0 by default.");
    BIND_PORT: u16 = Opt::new("DEFAULT", "bind_port", Kind::PORT)
        .default("9292")
        .help("Port to listen on, where `[vidimus] listen` is unset.");
    PUBLIC_ENDPOINT: Option<String> = Opt::new("DEFAULT", "public_endpoint", Kind::Str)
        .help("URL under which clients reach the service; links in version documents start with it. When unset, the Host of \
               the request is used.");
    WORKER_SELF_REFERENCE_URL: Option<String> =
        Opt::new("DEFAULT", "worker_self_reference_url", Kind::Str)
        .help("URL under which other nodes reach this node. It names the node in the database, so it must differ between \
               nodes. When unset, `public_endpoint` is used.");
    ENABLED_IMPORT_METHODS: Vec<String> =
        Opt::new("DEFAULT", "enabled_import_methods", Kind::List {
            item: Item::Choice(&["glance-direct", "web-download", "copy-image", "glance-download"]),
            has_brackets: true,
        })
        .default("[glance-direct,web-download,copy-image]")
        .help("The ways to import image data that clients are offered, in this order.");
    LIMIT_PARAM_DEFAULT: u64 = Opt::new("DEFAULT", "limit_param_default", Kind::at_least(1))
        .default("25")
        .help("Entries on a page of a list when the client does not say.");
    API_LIMIT_MAX: u64 = Opt::new("DEFAULT", "api_limit_max", Kind::at_least(1))
        .default("1000")
        .help("Entries on a page of a list at the most, whatever the client says.");
    SHOW_IMAGE_DIRECT_URL: bool = Opt::new("DEFAULT", "show_image_direct_url", Kind::Bool)
        .default("false")
        .help("Whether images show `direct_url`, where their data is. It can hold credentials of the store.");
    SHOW_MULTIPLE_LOCATIONS: bool = Opt::new("DEFAULT", "show_multiple_locations", Kind::Bool)
        .default("false")
        .help("Whether images show all their `locations`, and clients may change them. Who can do that can replace data \
               (OSSN-0065).");
    ALLOW_ANONYMOUS_ACCESS: bool = Opt::new("DEFAULT", "allow_anonymous_access", Kind::Bool)
        .default("false")
        .help("With `[vidimus] auth = proxy`, whether who is not confirmed by the proxy may read what the policy lets a caller \
               without roles read, instead of being refused. The rules this program ships with let such a caller read nothing.");
    MAX_REQUEST_ID_LENGTH: u64 =
        Opt::new("DEFAULT", "max_request_id_length", Kind::at_least(0))
        .default("64")
        .help("Characters a request id sent by a client may have.");
    NODE_STAGING_URI: String = Opt::new("DEFAULT", "node_staging_uri", Kind::Str)
        .default("file:///tmp/staging/")
        .help("Folder for data on its way through an import, as a `file://` URL, where `enabled_backends` is unset.");
    STAGING_DATADIR: PathBuf =
        Opt::new("os_glance_staging_store", "filesystem_store_datadir", Kind::Str)
        .default("/var/lib/glance/os_glance_staging_store")
        .help("Folder for data on its way through an import, where `enabled_backends` is set.");
    FLAVOR: Option<String> = Opt::new("paste_deploy", "flavor", Kind::Choice(&[
            "", "caching", "cachemanagement", "keystone", "keystone+caching", "keystone+cachemanagement",
        ]))
        .help("What requests pass through, in Glance's words. `keystone`: callers are authenticated (see `[vidimus] auth`). \
               `caching`: downloads fill and use the cache. `cachemanagement`: also the cache API is served.");
}
