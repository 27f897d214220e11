//! Rows as plain data, and how they are read.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, Order, QueryResult, Statement, TryGetable,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use serde_json::{Map, Value};
use vidimus_types::{ImageId, ImageStatus, Visibility};

use crate::{
    Error, Result,
    dialect::Dialect,
    direct::Reader,
    kept::Found,
    source::{Columns, Named, Source},
    unreadable::skip,
};

/// The text that somebody has made of a record, kept for whoever is shown the same record next.
///
/// What is in it is not known here. It goes where the record goes; a copy, which may be changed, begins without.
#[derive(Default)]
pub struct Shown(OnceLock<Bytes>);

impl Shown {
    /// The text, which is made by the first who asks. It must follow from the record alone.
    pub fn text(&self, make: impl FnOnce() -> Bytes) -> &Bytes {
        self.0.get_or_init(make)
    }
}

impl Clone for Shown {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// It says nothing that the record does not say.
impl PartialEq for Shown {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

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
    /// What was made of this for those who ask.
    pub shown: Shown,
}

impl ImageRecord {
    /// The value of a custom property, which may be null; `None` if there is no such property.
    pub fn property(&self, name: &str) -> Option<Option<&str>> {
        let found = self.properties.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_deref())
    }
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

/// Runs a query made from [`select_images`] and adds what hangs on the images.
///
/// Belongs into one transaction, or an image may come with the tags of another moment.
pub(crate) async fn images(
    source: &Source<'_>,
    dialect: Dialect,
    statement: Statement,
) -> Result<Found> {
    let read = read_images(source, dialect, statement, Unreadable::Fails).await?;
    Ok(read.images)
}

/// What a query made from [`select_images`] finds, as far as it can be read.
pub(crate) struct Readable {
    /// The images, with what hangs on them.
    pub(crate) images: Found,
    /// How many rows there were, with those that nobody can read.
    pub(crate) rows: usize,
}

/// As [`images`], without rows that cannot be read.
pub(crate) async fn readable_images(
    source: &Source<'_>,
    dialect: Dialect,
    statement: Statement,
) -> Result<Readable> {
    read_images(source, dialect, statement, Unreadable::LeftOut).await
}

/// What becomes of a row that cannot be read.
#[derive(Clone, Copy)]
enum Unreadable {
    Fails,
    /// Data that cannot be found is missing from one image, which is better than from all of a list.
    LeftOut,
}

impl Unreadable {
    fn judge<T>(self, read: Result<T>) -> Result<Option<T>> {
        match self {
            Self::Fails => read.map(Some),
            Self::LeftOut => skip(read),
        }
    }
}

async fn read_images(
    source: &Source<'_>,
    dialect: Dialect,
    statement: Statement,
    unreadable: Unreadable,
) -> Result<Readable> {
    let mut rows = 0;
    let mut records = Vec::new();
    let read = |columns: Columns<'_>| {
        rows += 1;
        records.extend(unreadable.judge(image(columns, dialect))?);
        Ok(())
    };
    source.select(statement, read).await?;
    match source {
        Source::Direct(reader) => {
            for record in &mut records {
                add_children_of(reader, record, unreadable)?;
            }
        }
        // Each query is a journey: three for all images, not three for each.
        Source::Driver(tx) => {
            for chunk in records.chunks_mut(IDS_AT_ONCE) {
                add_children(*tx, dialect, chunk, unreadable).await?;
            }
        }
    }
    Ok(Readable {
        images: records.into_iter().map(Arc::new).collect(),
        rows,
    })
}

/// As [`images`], for those who need nothing but the rows themselves.
pub(crate) async fn bare_images(
    source: &Source<'_>,
    dialect: Dialect,
    statement: Statement,
) -> Result<Vec<ImageRecord>> {
    let mut records = Vec::new();
    let read = |columns: Columns<'_>| {
        records.push(image(columns, dialect)?);
        Ok(())
    };
    source.select(statement, read).await?;
    Ok(records)
}

/// Reads [`IMAGE_COLUMNS`].
fn image(columns: Columns<'_>, dialect: Dialect) -> Result<ImageRecord> {
    let row = Named {
        columns,
        dialect,
        table: "images",
        names: &IMAGE_COLUMNS,
    };
    let created_at = row.time(16)?.ok_or_else(|| row.corrupt(16))?;
    Ok(ImageRecord {
        id: row.parse(0)?,
        name: columns.owned_text(1)?,
        disk_format: columns.owned_text(2)?,
        container_format: columns.owned_text(3)?,
        size: row.bytes(4)?,
        virtual_size: row.bytes(5)?,
        status: row.parse(6)?,
        visibility: row.parse(7)?,
        checksum: columns.owned_text(8)?,
        os_hash_algo: columns.owned_text(9)?,
        os_hash_value: columns.owned_text(10)?,
        min_disk: row.count(11)?,
        min_ram: row.count(12)?,
        owner: columns.owned_text(13)?,
        protected: columns.flag(14)?,
        os_hidden: columns.flag(15)?,
        created_at,
        updated_at: row.time(17)?.unwrap_or(created_at),
        deleted: columns.flag(18)?,
        properties: Vec::new(),
        tags: Vec::new(),
        locations: Vec::new(),
        shown: Shown::default(),
    })
}

/// All that hangs on one image. A plus keeps SQLite off the index of a column that leads to half the table.
const CHILDREN: &str = "\
    SELECT 0, id, name, value, NULL FROM image_properties WHERE image_id = ?1 AND +deleted = 0 \
    UNION ALL SELECT 1, id, value, NULL, NULL FROM image_tags WHERE image_id = ?1 AND +deleted = 0 \
    UNION ALL SELECT 2, id, value, meta_data, status FROM image_locations \
    WHERE image_id = ?1 AND +deleted = 0 AND status = 'active'";

fn add_children_of(
    reader: &Reader,
    record: &mut ImageRecord,
    unreadable: Unreadable,
) -> Result<()> {
    let mut properties: Vec<(i64, (String, Option<String>))> = Vec::new();
    let mut tags: Vec<(i64, String)> = Vec::new();
    reader.select_by_text(CHILDREN, record.id.as_str(), |row| {
        let id = row.integer(1)?.unwrap_or_default();
        let text = row.owned_text(2)?.unwrap_or_default();
        match row.integer(0)? {
            Some(0) => properties.push((id, (text, row.owned_text(3)?))),
            Some(1) => tags.push((id, text)),
            _ => {
                let status = row.text(4)?.unwrap_or_default();
                let metadata = row.text(3)?;
                let location = |metadata| LocationRecord {
                    id,
                    url: without_s3_credentials(text),
                    metadata,
                    status: LocationStatus::parse(&status),
                };
                let read = location_metadata(id, metadata.as_deref()).map(location);
                record.locations.extend(unreadable.judge(read)?);
            }
        }
        Ok(())
    })?;
    properties.sort_unstable_by_key(|(id, _)| *id);
    tags.sort_unstable_by_key(|(id, _)| *id);
    record
        .locations
        .sort_unstable_by_key(|location| location.id);
    record.properties = properties
        .into_iter()
        .map(|(_, property)| property)
        .collect();
    for (_, tag) in tags {
        record.add_tag(tag);
    }
    Ok(())
}

impl ImageRecord {
    /// No constraint keeps a tag from being there twice, when Glance added it in two places at once.
    fn add_tag(&mut self, tag: String) {
        if !self.tags.contains(&tag) {
            self.tags.push(tag);
        }
    }
}

async fn add_children(
    conn: &impl ConnectionTrait,
    dialect: Dialect,
    records: &mut [ImageRecord],
    unreadable: Unreadable,
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
            record.add_tag(row.try_get("", "value")?);
        }
    }
    let mut locations = of_images("image_locations", LOCATION_COLUMNS);
    locations.and_where(Expr::col("status").eq(LocationStatus::Active.as_str()));
    for row in conn.query_all(&locations).await? {
        if let Some(record) = by_id.get_mut(&row.try_get::<String>("", "image_id")?) {
            record.locations.extend(unreadable.judge(location(&row))?);
        }
    }
    Ok(())
}

/// The columns [`location`] reads.
pub(crate) const LOCATION_COLUMNS: &[&str] = &["id", "value", "meta_data", "status"];

pub(crate) fn location(row: &QueryResult) -> Result<LocationRecord> {
    let id: i64 = row.try_get("", "id")?;
    let metadata: Option<String> = row.try_get("", "meta_data")?;
    Ok(LocationRecord {
        id,
        url: without_s3_credentials(row.try_get("", "value")?),
        metadata: location_metadata(id, metadata.as_deref())?,
        status: LocationStatus::parse(&row.try_get::<String>("", "status")?),
    })
}

fn location_metadata(id: i64, text: Option<&str>) -> Result<Map<String, Value>> {
    match text {
        None | Some("" | "null") => Ok(Map::new()),
        Some(text) => serde_json::from_str(text).map_err(|_| Error::Corrupt {
            table: "image_locations",
            row: id.to_string(),
            column: "meta_data",
        }),
    }
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
    fn a_text_is_made_once_and_not_copied_with_its_record() {
        let shown = Shown::default();
        assert_eq!(shown.text(|| Bytes::from_static(b"first")), "first");
        assert_eq!(shown.text(|| Bytes::from_static(b"second")), "first");
        assert_eq!(shown.clone().text(|| Bytes::from_static(b"third")), "third");
        assert_eq!(shown, Shown::default(), "it says nothing of its own");
    }

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
