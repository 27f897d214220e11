//! What becomes of the data of deleted images, and when.

use std::time::Duration;

use crate::config::{
    kind::Kind,
    option::{Opt, options},
};

options! {
    DELAYED_DELETE: bool = Opt::new("DEFAULT", "delayed_delete", Kind::Bool)
        .default("false")
        .help("Whether a deleted image waits, in status `pending_delete` and invisible, until the scrubber removes its data. Until \
               then `vidimus scrub --restore` brings it back.");
    SCRUB_TIME: Duration = Opt::new("DEFAULT", "scrub_time", Kind::at_least(0))
        .default("0")
        .help("Seconds such an image waits before the scrubber may remove its data.");
    SCRUB_POOL_SIZE: u64 = Opt::new("DEFAULT", "scrub_pool_size", Kind::at_least(1))
        .default("1")
        .help("Images whose data the scrubber removes at the same time.");
    WAKEUP_TIME: Duration = Opt::new("DEFAULT", "wakeup_time", Kind::at_least(0))
        .default("300")
        .help("Seconds between two rounds of the scrubber, in the server and in `vidimus scrub --daemon`; at least one. Data that \
               could not be removed is tried again in each.");
    DAEMON: bool = Opt::new("DEFAULT", "daemon", Kind::Bool)
        .default("false")
        .help("Whether `vidimus scrub` goes on until it is told to stop, as with `--daemon`. Of no effect in the server.");
}
