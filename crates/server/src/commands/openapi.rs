//! `vidimus openapi`.

use super::{ConfigArgs, say};
use crate::{
    boot::{self, BootError},
    openapi::printed,
};

pub(super) fn run(args: &ConfigArgs) -> Result<u8, BootError> {
    let loaded = args.load()?;
    let document = printed(&boot::site(&loaded.settings)?);
    say(document.trim_end());
    Ok(0)
}
