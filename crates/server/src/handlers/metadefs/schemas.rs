//! `/v2/schemas/metadefs/…`.

use axum::http::StatusCode;
use vidimus_types::schema::metadefs::MetadefSchema;

use crate::{
    app::Call,
    handlers::{Answer, json},
};

pub(super) fn show_schema(schema: MetadefSchema, call: Call) -> Answer {
    call.reject_body()?;
    Ok(json(StatusCode::OK, &schema.document()))
}
