//! What handlers take from a request, parsed once and refused in Glance's own words.

pub(crate) mod image_id;
pub(crate) mod json;
pub(crate) mod metadef_path;
pub(crate) mod query;
pub(crate) mod range;
