//! What the libraries under Glance brought along: database, policy, CORS, proxy headers, health check.

use std::{path::PathBuf, time::Duration};

use crate::config::{
    kind::Kind,
    option::{Opt, options},
    secret::Secret,
};

options! {
    CONNECTION: Option<Secret> = Opt::new("database", "connection", Kind::Str)
        .secret()
        .help("The database, as an SQLAlchemy URL: `sqlite:////absolute/path`.");
    MAX_POOL_SIZE: u32 = Opt::new("database", "max_pool_size", Kind::Int { min: 0, max: 10_000 })
        .default("5")
        .help("Queries that may run at the same time. 0: as many as the program finds useful.");
    POLICY_FILE: PathBuf = Opt::new("oslo_policy", "policy_file", Kind::Str)
        .default("policy.yaml")
        .help("File with rules that replace built-in ones. A relative path is looked for beside the configuration file. It \
               need not exist.");
    POLICY_DIRS: Vec<String> = Opt::new("oslo_policy", "policy_dirs", Kind::MultiStr)
        .default("policy.d")
        .help("Folders with more such files; they are read by name, after `policy_file`.");
    POLICY_DEFAULT_RULE: String = Opt::new("oslo_policy", "policy_default_rule", Kind::Str)
        .default("default")
        .help("The rule that decides where a rule refers to one that does not exist.");
    ENFORCE_NEW_DEFAULTS: bool = Opt::new("oslo_policy", "enforce_new_defaults", Kind::Bool)
        .default("true")
        .help("Whether the built-in rules are only today's. If not, what the older ones allowed is allowed too.");
    ENABLE_PROXY_HEADERS_PARSING: bool =
        Opt::new("oslo_middleware", "enable_proxy_headers_parsing", Kind::Bool)
        .default("false")
        .help("Whether links are built from the Forwarded and X-Forwarded-* headers of a proxy.");
    DISABLE_BY_FILE_PATH: Option<PathBuf> =
        Opt::new("healthcheck", "disable_by_file_path", Kind::Str)
        .default("/etc/glance/healthcheck_disable")
        .help("While this file exists, `/healthcheck` answers 503, so that a balancer sends nobody here.");
    ALLOWED_ORIGIN: Vec<String> = Opt::new("cors", "allowed_origin", Kind::LIST)
        .help("Origins whose web pages may call the API from a browser, such as `https://horizon.example.com`; `*` for any. \
               When unset, none.");
    ALLOW_CREDENTIALS: bool = Opt::new("cors", "allow_credentials", Kind::Bool)
        .default("true")
        .help("Whether such pages may send the user's credentials along.");
    EXPOSE_HEADERS: Vec<String> = Opt::new("cors", "expose_headers", Kind::LIST)
        .default("X-Image-Meta-Checksum,X-Auth-Token,X-Subject-Token,X-Service-Token,X-OpenStack-Request-ID")
        .help("Headers of answers such pages may read.");
    MAX_AGE: Duration = Opt::new("cors", "max_age", Kind::at_least(0))
        .default("3600")
        .help("Seconds a browser may remember these rules.");
    ALLOW_METHODS: Vec<String> = Opt::new("cors", "allow_methods", Kind::LIST)
        .default("GET,PUT,POST,DELETE,PATCH")
        .help("Methods such pages may use.");
    ALLOW_HEADERS: Vec<String> = Opt::new("cors", "allow_headers", Kind::LIST)
        .default("Content-MD5,X-Image-Meta-Checksum,X-Storage-Token,Accept-Encoding,X-Auth-Token,X-Identity-Status,X-Roles,\
                  X-Service-Catalog,X-User-Id,X-Tenant-Id,X-OpenStack-Request-ID")
        .help("Headers of requests such pages may set.");
}
