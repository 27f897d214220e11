//! The image cache.

use std::{path::PathBuf, time::Duration};

use crate::config::{
    kind::Kind,
    option::{Opt, options},
};

options! {
    IMAGE_CACHE_DIR: Option<PathBuf> = Opt::new("DEFAULT", "image_cache_dir", Kind::Str)
        .help("Folder of this node's cached images. When unset there is no cache. A folder that Glance used is taken over.");
    IMAGE_CACHE_DRIVER: String = Opt::new("DEFAULT", "image_cache_driver",
            Kind::Choice(&["centralized_db", "sqlite", "xattr"]))
        .default("centralized_db")
        .help("Where what is cached is recorded besides the folder itself. `centralized_db`: in the tables of the database, \
               which needs `worker_self_reference_url`. The others: nowhere.");
    IMAGE_CACHE_MAX_SIZE: u64 = Opt::new("DEFAULT", "image_cache_max_size", Kind::at_least(0))
        .default("10737418240")
        .help("Bytes the cache may hold. It is a limit: room is made before an image comes in.");
    IMAGE_CACHE_STALL_TIME: Duration =
        Opt::new("DEFAULT", "image_cache_stall_time", Kind::at_least(0))
        .default("86400")
        .help("Seconds after which an unfinished file of another program in the cache folder is removed.");
}
