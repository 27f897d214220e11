//! Where the log goes.

use std::path::PathBuf;

use crate::config::{
    kind::Kind,
    option::{Opt, options},
};

options! {
    DEBUG: bool = Opt::new("DEFAULT", "debug", Kind::Bool)
        .default("false")
        .help("Whether the log tells every step.");
    LOG_FILE: Option<PathBuf> = Opt::new("DEFAULT", "log_file", Kind::Str)
        .old(&[("DEFAULT", "logfile")])
        .help("File to log to; below `log_dir` unless it is an absolute path. When both are unset, the log goes to standard \
               error.");
    LOG_DIR: Option<PathBuf> = Opt::new("DEFAULT", "log_dir", Kind::Str)
        .old(&[("DEFAULT", "logdir")])
        .help("Folder of the log file, which is called `vidimus.log` unless `log_file` names it.");
    USE_STDERR: bool = Opt::new("DEFAULT", "use_stderr", Kind::Bool)
        .default("false")
        .help("Whether the log goes to standard error as well as to a file.");
}
