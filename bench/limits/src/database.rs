//! SQLite alone: a page of images read, an image written and deleted.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};

use crate::{Failure, print_rate};

/// A plus keeps SQLite off the indexes of columns that lead to the whole table.
const PAGE: &str = "SELECT id, name, disk_format, container_format, visibility, size, virtual_size, status, checksum, protected,
  min_ram, min_disk, owner, os_hidden, os_hash_algo, os_hash_value, created_at, updated_at FROM images
  WHERE +deleted = 0 AND +os_hidden = 0 ORDER BY created_at DESC, id DESC LIMIT 25";

/// What hangs on an image, by its id.
const PARTS: [&str; 3] = [
    "SELECT name, value FROM image_properties WHERE image_id = ? AND +deleted = 0",
    "SELECT value FROM image_tags WHERE image_id = ? AND +deleted = 0",
    "SELECT value, meta_data FROM image_locations WHERE image_id = ? AND +deleted = 0",
];

/// Reads the first page, each value of it, with what hangs on its images.
pub(crate) fn pages(database: &str, seconds: &str) -> Result<(), Failure> {
    let connection = Connection::open(Path::new(database))?;
    let mut bytes = 0;
    repeat(seconds, || {
        let mut page = connection.prepare_cached(PAGE)?;
        let mut ids = Vec::new();
        let mut rows = page.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..18 {
                bytes += size_of(row, column)?;
            }
            ids.push(row.get::<_, String>(0)?);
        }
        for id in ids {
            for part in PARTS {
                let mut part = connection.prepare_cached(part)?;
                let columns = part.column_count();
                let mut rows = part.query([&id])?;
                while let Some(row) = rows.next()? {
                    for column in 0..columns {
                        bytes += size_of(row, column)?;
                    }
                }
            }
        }
        Ok(())
    })?;
    if bytes == 0 {
        return Err("the database has no images".into());
    }
    Ok(())
}

/// Inserts an image and marks it deleted, each in a transaction that is on disk before the next begins.
pub(crate) fn commits(database: &str, seconds: &str) -> Result<(), Failure> {
    let mut connection = Connection::open(Path::new(database))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let mut number = 0_u64;
    repeat(seconds, || {
        number += 1;
        let id = format!("00000000-0000-4000-9000-{number:012x}");
        let now = "2026-01-01 00:00:00.000000";
        let transaction = connection.transaction()?;
        transaction
            .prepare_cached(
                "INSERT INTO images (id, name, status, created_at, updated_at, deleted, min_disk, min_ram, protected, visibility, \
                 os_hidden) VALUES (?, 'made', 'queued', ?, ?, 0, 0, 0, 0, 'shared', 0)",
            )?
            .execute(params![id, now, now])?;
        transaction
            .prepare_cached(
                "INSERT INTO image_properties (image_id, name, value, created_at, updated_at, deleted) \
                 VALUES (?, 'os_distro', 'debian', ?, ?, 0)",
            )?
            .execute(params![id, now, now])?;
        transaction.commit()?;
        let transaction = connection.transaction()?;
        for statement in [
            "UPDATE images SET deleted = 1, deleted_at = ?, status = 'deleted' WHERE id = ?",
            "UPDATE image_properties SET deleted = 1, deleted_at = ? WHERE image_id = ?",
        ] {
            transaction
                .prepare_cached(statement)?
                .execute(params![now, id])?;
        }
        transaction.commit()?;
        Ok(())
    })
}

/// Does it for so long and prints how often.
fn repeat(seconds: &str, mut work: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    let limit = Duration::from_secs_f64(seconds.parse()?);
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < limit {
        work()?;
        count += 1;
    }
    print_rate(count, begin.elapsed().as_secs_f64());
    Ok(())
}

fn size_of(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<usize> {
    use rusqlite::types::ValueRef;
    Ok(match row.get_ref(column)? {
        ValueRef::Text(text) | ValueRef::Blob(text) => text.len(),
        ValueRef::Null => 0,
        ValueRef::Integer(_) | ValueRef::Real(_) => 8,
    })
}
