//! Rows as plain data, and how they are read.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, Order, QueryResult, TryGetable,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use serde_json::{Map, Value};
use vidimus_types::{ImageId, ImageStatus, Visibility};

use crate::{Error, Result, dialect::Dialect, unreadable::skip};

/// An image: its row and what hangs on it.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRecord {
    /// The id.
    pub id: ImageId,
    /// What its owner calls it.
    pub name: Option<String>,
    /// Format of the disk inside.
    pub disk_format: Option<String>,
    /// Format of what the disk is wrapped in.
    pub container_format: Option<String>,
    /// Bytes of data.
    pub size: Option<u64>,
    /// Bytes of the disk once unpacked.
    pub virtual_size: Option<u64>,
    /// Where it is in its life.
    pub status: ImageStatus,
    /// Who can see it.
    pub visibility: Visibility,
    /// MD5 of the data, in hexadecimal.
    pub checksum: Option<String>,
    /// Name of the hash `os_hash_value` was made with.
    pub os_hash_algo: Option<String>,
    /// Hash of the data, in hexadecimal.
    pub os_hash_value: Option<String>,
    /// GiB of disk needed to boot it.
    pub min_disk: u32,
    /// MiB of memory needed to boot it.
    pub min_ram: u32,
    /// The project it belongs to; an image without one can be read by everybody.
    pub owner: Option<String>,
    /// Whether deleting is forbidden.
    pub protected: bool,
    /// Whether default lists leave it out.
    pub os_hidden: bool,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it, one of its properties or its tags last changed.
    pub updated_at: DateTime<Utc>,
    /// Whether this is what is left of a deleted image. Only an admin's marker ever finds such a row.
    pub deleted: bool,
    /// Custom properties, oldest first.
    pub properties: Vec<(String, Option<String>)>,
    /// Tags, each once, oldest first.
    pub tags: Vec<String>,
    /// Where the data is: the active locations, oldest first.
    pub locations: Vec<LocationRecord>,
}

/// Where a copy of an image's data lies.
#[derive(Debug, Clone, PartialEq)]
pub struct LocationRecord {
    /// Row number.
    pub id: i64,
    /// Address in a store.
    pub url: String,
    /// What the store wants to know; `store` names it.
    pub metadata: Map<String, Value>,
    /// Whether it can be read.
    pub status: LocationStatus,
}

/// What is to be thought of a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocationStatus {
    /// The data is there.
    Active,
    /// The image is gone, the data perhaps not yet.
    PendingDelete,
    /// The data is gone as well.
    Deleted,
    /// Something Glance writes while it moves data.
    Other,
}

impl LocationStatus {
    /// The word in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::PendingDelete => "pending_delete",
            Self::Deleted => "deleted",
            Self::Other => "pending",
        }
    }

    fn parse(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "pending_delete" => Self::PendingDelete,
            "deleted" => Self::Deleted,
            _ => Self::Other,
        }
    }
}

/// The columns [`ImageRecord`]s are made from.
const IMAGE_COLUMNS: [&str; 19] = [
    "id",
    "name",
    "disk_format",
    "container_format",
    "size",
    "virtual_size",
    "status",
    "visibility",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
    "min_disk",
    "min_ram",
    "owner",
    "protected",
    "os_hidden",
    "created_at",
    "updated_at",
    "deleted",
];

/// How many ids are put into one query; SQLite takes 32766 values, other databases less.
const IDS_AT_ONCE: usize = 1000;

/// A query for images, to be given conditions and to be read by [`images`].
pub(crate) fn select_images() -> SelectStatement {
    Query::select()
        .columns(IMAGE_COLUMNS.map(|column| ("images", column)))
        .from("images")
        .to_owned()
}

/// Runs a query made from [`select_images`] and adds what hangs on the images: three more queries, not three per image.
///
/// Belongs into one transaction, or an image may come with the tags of another moment.
pub(crate) async fn images(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    select: &SelectStatement,
) -> Result<Vec<ImageRecord>> {
    let mut records = bare_images(conn, dialect, select).await?;
    for chunk in records.chunks_mut(IDS_AT_ONCE) {
        add_children(conn, dialect, chunk, |location| location.map(Some)).await?;
    }
    Ok(records)
}

/// What a query made from [`select_images`] finds, as far as it can be read.
pub(crate) struct Readable {
    /// The images, with what hangs on them.
    pub(crate) images: Vec<ImageRecord>,
    /// How many rows there were, with those that nobody can read.
    pub(crate) rows: usize,
}

/// As [`images`], without rows that cannot be read.
pub(crate) async fn readable_images(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    select: &SelectStatement,
) -> Result<Readable> {
    let rows = conn.query_all(select).await?;
    let mut images = Vec::with_capacity(rows.len());
    for row in &rows {
        images.extend(skip(image(row, dialect))?);
    }
    for chunk in images.chunks_mut(IDS_AT_ONCE) {
        // Data that cannot be found is missing from one image, which is better than from all of a list.
        add_children(conn, dialect, chunk, skip).await?;
    }
    Ok(Readable {
        images,
        rows: rows.len(),
    })
}

/// As [`images`], for those who need nothing but the rows themselves.
pub(crate) async fn bare_images(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    select: &SelectStatement,
) -> Result<Vec<ImageRecord>> {
    let rows = conn.query_all(select).await?;
    rows.iter().map(|row| image(row, dialect)).collect()
}

fn image(row: &QueryResult, dialect: Dialect) -> Result<ImageRecord> {
    let row = Row::new(row, dialect, "images", "id")?;
    let created_at = row.time("created_at")?.ok_or(row.corrupt("created_at"))?;
    Ok(ImageRecord {
        id: row.parse("id")?,
        name: row.get("name")?,
        disk_format: row.get("disk_format")?,
        container_format: row.get("container_format")?,
        size: row.bytes("size")?,
        virtual_size: row.bytes("virtual_size")?,
        status: row.parse("status")?,
        visibility: row.parse("visibility")?,
        checksum: row.get("checksum")?,
        os_hash_algo: row.get("os_hash_algo")?,
        os_hash_value: row.get("os_hash_value")?,
        min_disk: row.count("min_disk")?,
        min_ram: row.count("min_ram")?,
        owner: row.get("owner")?,
        protected: row.get("protected")?,
        os_hidden: row.get("os_hidden")?,
        created_at,
        updated_at: row.time("updated_at")?.unwrap_or(created_at),
        deleted: row.get("deleted")?,
        properties: Vec::new(),
        tags: Vec::new(),
        locations: Vec::new(),
    })
}

async fn add_children(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    records: &mut [ImageRecord],
    keep: impl Fn(Result<LocationRecord>) -> Result<Option<LocationRecord>>,
) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = records.iter().map(|record| record.id.to_string()).collect();
    let mut by_id: HashMap<String, &mut ImageRecord> = records
        .iter_mut()
        .map(|record| (record.id.to_string(), record))
        .collect();
    let of_images = |table: &'static str, columns: &[&'static str]| {
        Query::select()
            .column("image_id")
            .columns(columns.iter().copied())
            .from(table)
            .and_where(Expr::col("image_id").is_in(ids.iter().map(String::as_str)))
            .and_where(dialect.is_false((table, "deleted")))
            .order_by("id", Order::Asc)
            .to_owned()
    };

    let properties = of_images("image_properties", &["name", "value"]);
    for row in conn.query_all(&properties).await? {
        if let Some(record) = by_id.get_mut(&row.try_get::<String>("", "image_id")?) {
            let property = (row.try_get("", "name")?, row.try_get("", "value")?);
            record.properties.push(property);
        }
    }
    for row in conn.query_all(&of_images("image_tags", &["value"])).await? {
        if let Some(record) = by_id.get_mut(&row.try_get::<String>("", "image_id")?) {
            let tag: String = row.try_get("", "value")?;
            // No constraint keeps a tag from being there twice, when Glance added it in two places at once.
            if !record.tags.contains(&tag) {
                record.tags.push(tag);
            }
        }
    }
    let mut locations = of_images("image_locations", LOCATION_COLUMNS);
    locations.and_where(Expr::col("status").eq(LocationStatus::Active.as_str()));
    for row in conn.query_all(&locations).await? {
        if let Some(record) = by_id.get_mut(&row.try_get::<String>("", "image_id")?) {
            record.locations.extend(keep(location(&row))?);
        }
    }
    Ok(())
}

/// The columns [`location`] reads.
pub(crate) const LOCATION_COLUMNS: &[&str] = &["id", "value", "meta_data", "status"];

pub(crate) fn location(row: &QueryResult) -> Result<LocationRecord> {
    let id: i64 = row.try_get("", "id")?;
    let metadata: Option<String> = row.try_get("", "meta_data")?;
    let metadata = match metadata.as_deref() {
        None | Some("" | "null") => Map::new(),
        Some(text) => serde_json::from_str(text).map_err(|_| Error::Corrupt {
            table: "image_locations",
            row: id.to_string(),
            column: "meta_data",
        })?,
    };
    Ok(LocationRecord {
        id,
        url: without_s3_credentials(row.try_get("", "value")?),
        metadata,
        status: LocationStatus::parse(&row.try_get::<String>("", "status")?),
    })
}

/// Compat: keys of S3 belong into the configuration. Older versions of Glance wrote them into URLs, from where version 33 takes
/// them away when it reads an image.
fn without_s3_credentials(url: String) -> String {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !matches!(scheme, "s3" | "s3+http" | "s3+https") {
        return url;
    }
    let end = url.find(['?', '#']).unwrap_or(url.len());
    match url[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &url[at + 1..end]),
        None => url,
    }
}

/// A row together with what an error about it has to say.
pub(crate) struct Row<'r> {
    row: &'r QueryResult,
    dialect: Dialect,
    table: &'static str,
    key: String,
}

impl<'r> Row<'r> {
    pub(crate) fn new(
        row: &'r QueryResult,
        dialect: Dialect,
        table: &'static str,
        key: &'static str,
    ) -> Result<Self> {
        Ok(Self {
            row,
            dialect,
            table,
            key: row.try_get("", key)?,
        })
    }

    pub(crate) fn get<T: TryGetable>(&self, column: &str) -> Result<T> {
        Ok(self.row.try_get("", column)?)
    }

    pub(crate) fn parse<T: std::str::FromStr>(&self, column: &'static str) -> Result<T> {
        let text: String = self.get(column)?;
        text.parse().map_err(|_| self.corrupt(column))
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<Option<DateTime<Utc>>> {
        self.dialect
            .read_time(self.row, column)
            .map_err(|_| self.corrupt(column))
    }

    pub(crate) fn bytes(&self, column: &'static str) -> Result<Option<u64>> {
        let number: Option<i64> = self.get(column)?;
        number
            .map(|number| u64::try_from(number).map_err(|_| self.corrupt(column)))
            .transpose()
    }

    fn count(&self, column: &'static str) -> Result<u32> {
        let number: i64 = self.get(column)?;
        u32::try_from(number).map_err(|_| self.corrupt(column))
    }

    pub(crate) fn corrupt(&self, column: &'static str) -> Error {
        Error::Corrupt {
            table: self.table,
            row: self.key.clone(),
            column,
        }
    }
}

/// Bytes as the database counts them: up to 8 EiB, which nothing reaches.
pub(crate) fn stored_bytes(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_s3_are_not_told() {
        for (kept, told) in [
            ("s3://KEY:SECRET@host/bucket/id", "s3://host/bucket/id"),
            (
                "s3+https://KEY:SE/C@RET@host/bucket/id?x=1",
                "s3+https://host/bucket/id",
            ),
            ("s3://host/bucket/id?x=1", "s3://host/bucket/id?x=1"),
            ("http://user:word@host/id", "http://user:word@host/id"),
            ("s3", "s3"),
        ] {
            assert_eq!(without_s3_credentials(kept.to_owned()), told);
        }
    }
}
