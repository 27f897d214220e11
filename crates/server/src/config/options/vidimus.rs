//! `[vidimus]`: what Glance has no option for.

use std::{path::PathBuf, time::Duration};

use crate::config::{
    kind::Kind,
    option::{Opt, options},
};

options! {
    LISTEN: Vec<String> = Opt::new("vidimus", "listen", Kind::LIST)
        .help("Addresses to listen on, each `host:port` (`[::1]:9292` for IPv6) or `unix:path`. When unset, `bind_host` and `bind_port` of \
               `[DEFAULT]` are used. With `tls_cert_file`, each `host:port` speaks TLS; `http://host:port` never does, nor a \
               `unix:path`.");
    TLS_CERT_FILE: Option<PathBuf> = Opt::new("vidimus", "tls_cert_file", Kind::Str)
        .help("PEM file with the server's certificate and behind it those between it and its authority. When set, clients are \
               spoken to by TLS. The files of TLS are read again on SIGHUP; connections go on with what they began with.");
    TLS_KEY_FILE: Option<PathBuf> = Opt::new("vidimus", "tls_key_file", Kind::Str)
        .help("PEM file with the private key of that certificate, without a passphrase.");
    TLS_CLIENT_CA_FILE: Option<PathBuf> = Opt::new("vidimus", "tls_client_ca_file", Kind::Str)
        .help("PEM file with authorities. When set, only clients with a certificate of one of them are spoken to (mutual TLS).");
    TLS_MIN_VERSION: String = Opt::new("vidimus", "tls_min_version", Kind::Choice(&["1.2", "1.3"]))
        .default("1.2")
        .help("The oldest version of TLS that is spoken.");
    AUTH: Option<String> = Opt::new("vidimus", "auth", Kind::Choice(&["", "none", "proxy"]))
        .help("Who says who is calling. `none`: every caller is an administrator. `proxy`: a neighbour that checked the \
               caller, such as a proxy with Keystone's middleware, says it in the headers X-User-Id, X-Project-Id and \
               X-Roles. When unset: `none`, unless the paste flavor asks for Keystone; then it must be set.");
    TRUSTED_IDENTITY_SOURCES: Vec<String> =
        Opt::new("vidimus", "trusted_identity_sources", Kind::LIST)
        .default("loopback,unix")
        .help("With `auth = proxy`, the neighbours whose identity headers are believed: addresses, networks such as \
               `10.0.0.0/24`, `loopback`, `unix`. Headers from anybody else are ignored.");
    ALLOW_UNAUTHENTICATED_REMOTE: bool =
        Opt::new("vidimus", "allow_unauthenticated_remote", Kind::Bool)
        .default("false")
        .help("With `auth = none`, whether to listen on addresses that other machines can reach. Each of them then can read, \
               change and delete every image.");
    CACHE_FREE_SPACE_RESERVE: u64 =
        Opt::new("vidimus", "cache_free_space_reserve", Kind::at_least(0))
        .default("1073741824")
        .help("Bytes that the cache leaves free on its disk, whatever `image_cache_max_size` would allow.");
    UPKEEP_INTERVAL: Duration = Opt::new("vidimus", "upkeep_interval", Kind::at_least(1))
        .default("300")
        .help("Seconds between two rounds of cache upkeep (prune, clean, write hit counts down). No cron job is needed.");
    SCRUB: bool = Opt::new("vidimus", "scrub", Kind::Bool)
        .default("true")
        .help("Whether the server itself removes the data of images that `delayed_delete` has put aside, once `scrub_time` is over. \
               Unset it where `vidimus scrub` or Glance's scrubber does it with a `scrub_time` of its own; both at the same time do \
               no harm.");
    HEADER_TIMEOUT: Duration = Opt::new("vidimus", "header_timeout", Kind::Float { min: 0.1 })
        .default("30")
        .help("Seconds a client has to send the headers of a request, and before that for the handshake of TLS.");
    BODY_IDLE_TIMEOUT: Duration = Opt::new("vidimus", "body_idle_timeout", Kind::Float { min: 0.1 })
        .default("120")
        .help("Seconds without a byte moving after which an upload or download is given up. A transfer that moves may take \
               as long as it likes.");
    KEEP_ALIVE_TIMEOUT: Duration = Opt::new("vidimus", "keep_alive_timeout", Kind::Float { min: 0.1 })
        .default("75")
        .help("Seconds an idle connection is kept for the next request.");
    SEND_FILES: String = Opt::new("vidimus", "send_files", Kind::Choice(&["auto", "sendfile", "copy"]))
        .default("auto")
        .help("How image data in files of this machine gets to clients. `sendfile`: the kernel sends it from its page cache. \
               `copy`: it is read and written. `auto`: by the kernel, and copied where the kernel cannot send it.");
    QEMU_IMG: PathBuf = Opt::new("vidimus", "qemu_img", Kind::Str)
        .default("qemu-img")
        .help("The program that converts disks; without a folder it is looked for in the usual ones. Only imports that \
               convert need it.");
    CONVERSION_TIMEOUT: Duration = Opt::new("vidimus", "conversion_timeout", Kind::at_least(1))
        .default("7200")
        .help("Seconds one conversion may take.");
    DECOMPRESSION_RATIO: u64 = Opt::new("vidimus", "decompression_ratio", Kind::at_least(1))
        .default("200")
        .help("How many times larger than the archive the data may be that `image_decompression` finds in it. 64 MiB are \
               always allowed, more than `image_size_cap` never.");
}
