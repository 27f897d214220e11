//! `vidimus check-config`.

use super::{ConfigArgs, say};
use crate::boot::{self, BootError};

pub(super) fn run(args: &ConfigArgs) -> Result<u8, BootError> {
    let loaded = args.load()?;
    for warning in &loaded.warnings {
        say(&format!("warning: {warning}"));
    }
    boot::policy(&loaded.settings)?;
    say("The configuration can be used.");
    Ok(0)
}
