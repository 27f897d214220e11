//! Reads a database file without the driver: by calls on the thread that asks.
//!
//! The driver hands every query to a thread of its own and back, which costs more than most of the queries do. A look at
//! an image takes microseconds, so it is made right here, on a runtime thread, but only for as long as it stays short: a
//! query that runs out of its time is broken off and asked again where waiting harms nobody. Writes stay with the driver.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use rusqlite::{Connection, ErrorCode, OpenFlags, StatementStatus, ToSql, config::DbConfig};
use sea_orm::{ConnAcquireErr, DbErr, Statement, Value};
use tokio::sync::Semaphore;

use crate::{
    Error, Result,
    connect::ACQUIRE_TIMEOUT,
    crowds::Crowds,
    kept::{Asked, Found, Kept},
    source::{Columns, Source},
};

/// How long a runtime thread may be kept from its other tasks.
const PATIENCE: Duration = Duration::from_millis(5);

/// How often a query looks at the clock, in steps of SQLite's machine: about each twenty microseconds.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// KiB of pages each connection keeps. What is not there is in the kernel's memory, a system call away.
const PAGES_KIB: i32 = 4 * 1024;

/// Statements each connection keeps prepared. Filters make many, of which few are asked often.
const STATEMENTS: usize = 64;

/// Longer statements are not kept: they ask for one of hundreds of values, which hardly anybody asks twice.
const LONGEST_KEPT: usize = 16 * 1024;

/// Connections to one file that only read.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    busy_timeout: Duration,
    /// `None` once they are closed.
    idle: Mutex<Option<Vec<Reader>>>,
    /// How many of them. Each keeps memory, and beside the threads of the runtime only those that ask for long lists need one.
    most_idle: usize,
    /// How many queries that take long may run at the same time.
    slow: Arc<Semaphore>,
    crowds: Arc<Crowds>,
    /// Whether the database has the indexes of ours, when it was last looked at.
    are_indexed: Arc<AtomicBool>,
    /// What all queries took so far, in steps of SQLite's machine: the same however busy the computer is.
    steps: AtomicU64,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Used by one thread at a time, so never contended; without the lock it could not be shared by reference.
    connection: Mutex<Connection>,
    /// Those of the look under way.
    steps: AtomicU64,
    /// Shared by all connections to the file.
    crowds: Arc<Crowds>,
    are_indexed: Arc<AtomicBool>,
    kept: Mutex<Kept>,
}

/// Images to be looked up, with several queries on one state of the database.
pub(crate) trait Look: Send + 'static {
    fn look(&self, source: &Source<'_>) -> impl Future<Output = Result<Found>> + Send;

    /// What this asks, if others are likely to ask the same.
    fn asked(&self) -> Option<&Asked>;
}

impl Readers {
    pub(crate) fn open(path: &Path, most_slow: u32, busy_timeout: Duration) -> Result<Self> {
        let readers = Self {
            path: path.to_owned(),
            busy_timeout,
            idle: Mutex::new(Some(Vec::new())),
            most_idle: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
            slow: Arc::new(Semaphore::new(most_slow.max(1) as usize)),
            crowds: Arc::default(),
            are_indexed: Arc::default(),
            steps: AtomicU64::new(0),
        };
        let first = readers.connect(None)?;
        readers.give_back(first);
        Ok(readers)
    }

    /// What all queries took so far, in steps of SQLite's machine.
    #[cfg(test)]
    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Whether lists may count on the indexes of ours. If it is wrong they are right all the same, and take longer.
    pub(crate) fn are_indexed(&self) -> &AtomicBool {
        &self.are_indexed
    }

    /// Closes the connections; those in use, when they come back. Nothing is read any more.
    pub(crate) fn close(&self) {
        self.idle().take();
        self.slow.close();
    }

    pub(crate) async fn look(self: &Arc<Self>, look: impl Look) -> Result<Found> {
        match self.look_now(&look, Some(PATIENCE)) {
            Err(Error::Interrupted) => {}
            found => return found,
        }
        let turn = Arc::clone(&self.slow).acquire_owned();
        let turn = tokio::time::timeout(ACQUIRE_TIMEOUT, turn)
            .await
            .map_err(|_| Error::Busy(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)))?
            .map_err(|_| closed())?;
        let readers = Arc::clone(self);
        let look = tokio::task::spawn_blocking(move || {
            // Held here, because the query goes on when whoever asked has left.
            let _turn = turn;
            readers.look_now(&look, None)
        });
        look.await
            .unwrap_or_else(|stopped| Err(Error::Database(DbErr::Custom(stopped.to_string()))))
    }

    /// [`Error::Interrupted`] if the patience was not enough; with patience nothing is waited for either.
    fn look_now(&self, look: &impl Look, patience: Option<Duration>) -> Result<Found> {
        match self.try_now(look, patience) {
            Err(Error::Busy(_)) if patience.is_some() => Err(Error::Interrupted),
            found => found,
        }
    }

    fn try_now(&self, look: &impl Look, patience: Option<Duration>) -> Result<Found> {
        let idle = self.idle().as_mut().map(Vec::pop);
        let reader = match idle {
            Some(Some(reader)) => reader,
            Some(None) => self.connect(patience)?,
            None => return Err(closed()),
        };
        let found = self.ask(&reader, look, patience);
        // Whatever is wrong with a connection goes with it.
        let is_sound = !matches!(
            found,
            Err(Error::Database(_) | Error::Busy(_) | Error::StorageFull(_))
        );
        let is_at_rest = patience.is_some() || reader.wait_for_locks(Duration::ZERO).is_ok();
        if is_sound && is_at_rest {
            self.give_back(reader);
        }
        found
    }

    fn ask(&self, reader: &Reader, look: &impl Look, patience: Option<Duration>) -> Result<Found> {
        if patience.is_none() {
            reader.wait_for_locks(self.busy_timeout)?;
        }
        let version = reader.version()?;
        let kept = look
            .asked()
            .and_then(|asked| reader.kept().get(version, asked));
        if let Some(found) = kept {
            return Ok(found);
        }
        reader.set_patience(patience)?;
        let found = reader.look(look);
        let steps = reader.steps.swap(0, Ordering::Relaxed);
        self.steps.fetch_add(steps, Ordering::Relaxed);
        let found = found?;
        if let Some(asked) = look.asked() {
            reader.kept().put(version, asked, &found);
        }
        Ok(found)
    }

    fn give_back(&self, reader: Reader) {
        // One that is stuck in a transaction would go on seeing the past.
        if !reader.connection().is_autocommit() {
            return;
        }
        let mut idle = self.idle();
        if let Some(idle) = idle.as_mut().filter(|idle| idle.len() < self.most_idle) {
            idle.push(reader);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Reader>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self, patience: Option<Duration>) -> Result<Reader> {
        // Readers of a file in WAL mode write into the shared memory beside it; `query_only` keeps them off the file.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        let waits = patience.map_or(self.busy_timeout, |_| Duration::ZERO);
        connection.busy_timeout(waits)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cache_size", -PAGES_KIB)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // Or SQLite prepares statements again and again, to see whether other values would be better found in other ways.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.busy_timeout(Duration::ZERO)?;
        Ok(Reader {
            connection: Mutex::new(connection),
            steps: AtomicU64::new(0),
            crowds: Arc::clone(&self.crowds),
            are_indexed: Arc::clone(&self.are_indexed),
            kept: Mutex::default(),
        })
    }
}

fn closed() -> Error {
    Error::Database(DbErr::Custom("the database is being closed".to_owned()))
}

impl Reader {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that is another one once anybody else has committed.
    fn version(&self) -> Result<i64> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached("PRAGMA data_version")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }

    pub(crate) fn crowds(&self) -> &Crowds {
        &self.crowds
    }

    pub(crate) fn is_indexed(&self) -> bool {
        self.are_indexed.load(Ordering::Relaxed)
    }

    fn set_patience(&self, patience: Option<Duration>) -> Result<()> {
        let end = patience.map(|patience| Instant::now() + patience);
        let is_over = end.map(|end| move || Instant::now() > end);
        self.connection()
            .progress_handler(STEPS_BETWEEN_LOOKS, is_over)?;
        Ok(())
    }

    /// How long a lock is waited for: not at all by one at rest. SQLite sleeps meanwhile, and does not look at the clock.
    fn wait_for_locks(&self, time: Duration) -> Result<()> {
        Ok(self.connection().busy_timeout(time)?)
    }

    fn look(&self, look: &impl Look) -> Result<Found> {
        self.execute("BEGIN")?;
        // Only the driver makes anybody wait.
        let found = look.look(&Source::Direct(self)).now_or_never();
        let found = found.unwrap_or(Err(Error::Interrupted));
        // The answer is there; its time being over is no reason to lose it.
        let untimed = self.connection().progress_handler(0, None::<fn() -> bool>);
        let ended = self.execute("COMMIT");
        let found = found?;
        untimed?;
        ended?;
        Ok(found)
    }

    fn execute(&self, sql: &'static str) -> Result<()> {
        self.connection().prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// Shows every row of the answer to `each`.
    pub(crate) fn select(
        &self,
        statement: Statement,
        each: impl FnMut(Columns<'_>) -> Result<()>,
    ) -> Result<()> {
        let values = statement.values.map(|values| values.0).unwrap_or_default();
        self.run(&statement.sql, values.iter().map(bound), each)
    }

    /// As [`Self::select`], for a statement that never changes.
    pub(crate) fn select_by_text(
        &self,
        sql: &'static str,
        value: &str,
        each: impl FnMut(Columns<'_>) -> Result<()>,
    ) -> Result<()> {
        self.run(sql, std::iter::once(Ok(Bound::Text(value))), each)
    }

    fn run<'v>(
        &self,
        sql: &str,
        values: impl Iterator<Item = Result<Bound<'v>>>,
        mut each: impl FnMut(Columns<'_>) -> Result<()>,
    ) -> Result<()> {
        let connection = self.connection();
        let (mut kept, mut once);
        let statement: &mut rusqlite::Statement<'_> = if sql.len() > LONGEST_KEPT {
            once = connection.prepare(sql)?;
            &mut once
        } else {
            kept = connection.prepare_cached(sql)?;
            &mut kept
        };
        for (at, value) in values.enumerate() {
            statement.raw_bind_parameter(at + 1, value?)?;
        }
        // Never put back to nothing: by this number SQLite knows when to look at the clock, and a statement that is short
        // and comes often would never get there.
        let before = statement.get_status(StatementStatus::VmStep);
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            each(Columns::Direct(row))?;
        }
        drop(rows);
        let after = statement.get_status(StatementStatus::VmStep);
        let steps = after.wrapping_sub(before).cast_unsigned();
        self.steps.fetch_add(steps.into(), Ordering::Relaxed);
        Ok(())
    }
}

enum Bound<'v> {
    Null,
    Integer(i64),
    Text(&'v str),
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Self::Null => Ok(rusqlite::types::Null.to_sql()?),
            Self::Integer(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
        }
    }
}

/// A value of a query, as SQLite stores it.
fn bound(value: &Value) -> Result<Bound<'_>> {
    Ok(match value {
        Value::Bool(flag) => flag.map_or(Bound::Null, |flag| Bound::Integer(flag.into())),
        Value::Int(number) => number.map_or(Bound::Null, |number| Bound::Integer(number.into())),
        Value::BigInt(number) => number.map_or(Bound::Null, Bound::Integer),
        Value::BigUnsigned(number) => number.map_or(Bound::Null, |number| {
            Bound::Integer(i64::try_from(number).unwrap_or(i64::MAX))
        }),
        Value::String(text) => text.as_deref().map_or(Bound::Null, Bound::Text),
        other => {
            let text = format!("a query about images binds {other:?}");
            return Err(Error::Database(DbErr::Custom(text)));
        }
    })
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        let said = || DbErr::Custom(error.to_string());
        match code {
            Some(ErrorCode::OperationInterrupted) => Self::Interrupted,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(said()),
            Some(ErrorCode::DiskFull) => Self::StorageFull(said()),
            _ => Self::Database(said()),
        }
    }
}
