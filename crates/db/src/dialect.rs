//! What differs between database products, and nothing else: how values are stored, how transactions start, how tables
//! are spelled, what error codes mean.
//!
//! Only SQLite is here. A further product is a variant of [`Dialect`]; the compiler then points at everything to decide.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SubsecRound, Utc};
use sea_orm::{
    ConnAcquireErr, DbBackend, DbErr, QueryResult, RuntimeErr, SqliteTransactionMode, Statement,
    TransactionOptions, Value,
    sea_query::{Expr, ExprTrait, Func},
    sqlx,
};

use crate::schema::{
    indexes::{self, Index, Rows},
    tables::{Column, Kind, Table},
};

/// A database product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
}

/// Failures that deserve a name of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Busy,
    Full,
}

/// The present, as exactly as the database can hold it.
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

// Compat: SQLAlchemy writes SQLite times as text with always six digits, and compares and sorts them as text. The
// driver would write as many digits as are needed.
const SQLITE_TIME: &str = "%Y-%m-%d %H:%M:%S%.6f";

/// The end of the last year that is written with four digits.
const LAST_TIME: DateTime<Utc> = DateTime::from_timestamp_micros(253_402_300_799_999_999).unwrap();

impl Dialect {
    pub(crate) fn backend(self) -> DbBackend {
        match self {
            Self::Sqlite => DbBackend::Sqlite,
        }
    }

    /// A point in time as a value to bind. Whatever comes after the year 9999 is its end: it has no text that sorts behind
    /// all others.
    pub(crate) fn time(self, time: DateTime<Utc>) -> Value {
        match self {
            Self::Sqlite => Ord::min(time, LAST_TIME)
                .format(SQLITE_TIME)
                .to_string()
                .into(),
        }
    }

    /// A point in time as it stands in a row; `Err(())` if it is none.
    pub(crate) fn read_time(
        self,
        row: &QueryResult,
        column: &str,
    ) -> Result<Option<DateTime<Utc>>, Unreadable> {
        match self {
            Self::Sqlite => {
                let text: Option<String> = row.try_get("", column).map_err(|_| Unreadable)?;
                text.map(|text| self.parse_time(&text)).transpose()
            }
        }
    }

    /// A point in time as [`Self::time`] writes it.
    pub(crate) fn parse_time(self, text: &str) -> Result<DateTime<Utc>, Unreadable> {
        match self {
            // `%.f` also takes a row without a fraction, which hand-made rows may lack.
            Self::Sqlite => parse_plain(text)
                .or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok())
                .map(|time| time.and_utc())
                .ok_or(Unreadable),
        }
    }

    /// How a transaction starts that only reads, and reads several times from one state.
    pub(crate) fn read_options(self) -> TransactionOptions {
        match self {
            Self::Sqlite => TransactionOptions::default(),
        }
    }

    /// How a transaction starts that writes.
    pub(crate) fn write_options(self) -> TransactionOptions {
        match self {
            // A transaction that reads first and writes later cannot wait for another process's write in between:
            // SQLite refuses at once, whatever the busy timeout. Immediate transactions wait at their start.
            Self::Sqlite => TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            },
        }
    }

    /// The row is not marked as deleted, or hidden, or whatever its column says, which is so in most rows.
    pub(crate) fn is_false(self, column: (&'static str, &'static str)) -> Expr {
        self.without_index(Expr::col(column), true).eq(false)
    }

    /// A column that is never NULL, compared without the help of its index.
    pub(crate) fn without_index(self, column: Expr, instead_of_null: impl Into<Value>) -> Expr {
        match self {
            // SQLite keeps no statistics by itself and expects any index to lead to ten rows. One that leads to half the
            // table then wins over the one that leads to the row, or that spares sorting all images for each page. An
            // expression has no index.
            Self::Sqlite => Func::coalesce([column, Expr::val(instead_of_null)]).into(),
        }
    }

    /// A column, NULL or not, compared without the help of its index.
    pub(crate) fn unindexed(self, column: Expr) -> Expr {
        match self {
            Self::Sqlite => Expr::cust_with_expr("+?", column),
        }
    }

    /// The image has one of these row numbers.
    pub(crate) fn is_row_among(self, rows: &[i64]) -> Expr {
        match self {
            // One value, so that the statement is the same however many there are.
            Self::Sqlite => {
                let rows = serde_json::json!(rows).to_string();
                let sql = "\"images\".\"rowid\" IN (SELECT value FROM json_each(?))";
                Expr::cust_with_values(sql, [rows])
            }
        }
    }

    /// The row is one of those that an index holds, said so that the index is found.
    pub(crate) fn is_held(self, table: &str, rows: Rows) -> Expr {
        Expr::cust(self.spell_rows(&format!("\"{table}\"."), rows))
    }

    fn spell_rows(self, of: &str, rows: Rows) -> String {
        match (self, rows) {
            // Not `deleted = 0`: Glance's index leads to half the table by that, and wins.
            (Self::Sqlite, Rows::Alive) => format!("NOT {of}deleted"),
            (Self::Sqlite, Rows::Hidden) => format!("NOT {of}deleted AND {of}os_hidden"),
            // Whatever SQLite does not take for a time is among them too.
            (Self::Sqlite, Rows::ChangedLate) => format!(
                "NOT {of}deleted AND coalesce((julianday({of}updated_at) - julianday({of}created_at)) * 86400000, -1) NOT BETWEEN 0 AND {}",
                indexes::SOON.num_milliseconds()
            ),
        }
    }

    /// The statement that makes an index of ours.
    pub(crate) fn create_index(self, index: &Index) -> String {
        format!(
            "CREATE INDEX {} ON {} ({}) WHERE {}",
            index.name,
            index.table,
            index.columns.join(", "),
            self.spell_rows("", index.rows)
        )
    }

    /// A query with a row in it if the index exists.
    pub(crate) fn find_index(self, index: &str) -> Statement {
        match self {
            Self::Sqlite => Statement::from_sql_and_values(
                DbBackend::Sqlite,
                "SELECT name FROM sqlite_master WHERE type = 'index' AND name = ?",
                [index.into()],
            ),
        }
    }

    /// A query with a row in it if the table exists.
    pub(crate) fn find_table(self, table: &str) -> Statement {
        match self {
            Self::Sqlite => Statement::from_sql_and_values(
                DbBackend::Sqlite,
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name = ?",
                [table.into()],
            ),
        }
    }

    /// The statements that make a table and its indexes.
    pub(crate) fn create_table(self, table: &Table) -> Vec<String> {
        let mut parts: Vec<String> = table
            .columns
            .iter()
            .map(|column| self.spell_column(column))
            .collect();
        let constraint = match table.primary_key_name {
            Some(name) => format!("CONSTRAINT {name} "),
            None => String::new(),
        };
        parts.push(format!(
            "{constraint}PRIMARY KEY ({})",
            table.primary_key.join(", ")
        ));
        for (column, table, key) in table.foreign_keys {
            parts.push(format!("FOREIGN KEY({column}) REFERENCES {table} ({key})"));
        }
        for (name, columns) in table.uniques {
            parts.push(format!("CONSTRAINT {name} UNIQUE ({})", columns.join(", ")));
        }
        for column in table.checked_booleans() {
            parts.push(format!("CHECK ({} IN (0, 1))", column.name));
        }
        let mut statements = vec![format!(
            "CREATE TABLE {} ({})",
            table.name,
            parts.join(", ")
        )];
        for (name, columns) in table.indexes {
            statements.push(format!(
                "CREATE INDEX {name} ON {} ({})",
                table.name,
                columns.join(", ")
            ));
        }
        statements
    }

    fn spell_column(self, column: &Column) -> String {
        let mut text = format!("{} {}", column.name, self.spell_kind(column.kind));
        if let Some(default) = column.default {
            text.push_str(" DEFAULT ");
            text.push_str(default);
        }
        if !column.nullable {
            text.push_str(" NOT NULL");
        }
        text
    }

    fn spell_kind(self, kind: Kind) -> String {
        match (self, kind) {
            (Self::Sqlite, Kind::Varchar(length)) => format!("VARCHAR({length})"),
            (Self::Sqlite, Kind::Text) => "TEXT".to_owned(),
            (Self::Sqlite, Kind::Integer | Kind::WideInteger) => "INTEGER".to_owned(),
            (Self::Sqlite, Kind::BigInteger) => "BIGINT".to_owned(),
            (Self::Sqlite, Kind::Timestamp) => "DATETIME".to_owned(),
            (Self::Sqlite, Kind::Boolean) => "BOOLEAN".to_owned(),
            (Self::Sqlite, Kind::Visibility) => "VARCHAR(9)".to_owned(),
        }
    }
}

/// A time with exactly six digits, as nearly all are: a page holds fifty of them, and the general reader is slow.
fn parse_plain(text: &str) -> Option<NaiveDateTime> {
    let bytes: &[u8; 26] = text.as_bytes().try_into().ok()?;
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().try_fold(0_u32, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
            Some(number * 10 + u32::from(digit))
        })
    };
    let marks = [
        (4, b'-'),
        (7, b'-'),
        (10, b' '),
        (13, b':'),
        (16, b':'),
        (19, b'.'),
    ];
    if marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(number(0, 4)?).ok()?,
        number(5, 7)?,
        number(8, 10)?,
    )?;
    date.and_hms_micro_opt(
        number(11, 13)?,
        number(14, 16)?,
        number(17, 19)?,
        number(20, 26)?,
    )
}

/// The value in a row is not what its column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// What a failure means, if it is one of those that callers can act on.
pub(crate) fn trouble(error: &DbErr) -> Option<Trouble> {
    // Waiting for the one writer for longer than the pool waits is as busy as a locked file.
    if matches!(error, DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) {
        return Some(Trouble::Busy);
    }
    let (DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return None;
    };
    let sqlx::Error::Database(cause) = cause.as_ref() else {
        return None;
    };
    // SQLite's result code is the low byte of the extended one.
    match cause.code()?.parse::<u32>().ok()? & 0xff {
        5 | 6 => Some(Trouble::Busy),
        13 => Some(Trouble::Full),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_digits_whatever_they_hold() {
        for (micros, text) in [
            (0, "1970-01-01 00:00:00.000000"),
            (1_500_000, "1970-01-01 00:00:01.500000"),
            (1_790_000_000_000_001, "2026-09-21 14:13:20.000001"),
        ] {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            assert_eq!(Dialect::Sqlite.time(time), Value::from(text.to_owned()));
        }
    }

    #[test]
    fn the_quick_reader_of_times_agrees_with_the_general_one() {
        for text in [
            "2026-09-21 14:13:20.000001",
            "1970-01-01 00:00:00.000000",
            "2024-02-29 23:59:59.999999",
            "2026-09-21 14:13:20",
            "2026-09-21 14:13:20.5",
            "2023-02-29 00:00:00.000000",
            "2026-09-21 24:00:00.000000",
            "2026-09-21T14:13:20.000001",
            "2026-09-2x 14:13:20.000001",
            "",
        ] {
            let general = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
            let read = Dialect::Sqlite.parse_time(text);
            assert_eq!(read.ok(), general.ok().map(|time| time.and_utc()), "{text}");
            assert_eq!(
                parse_plain(text).is_some(),
                read.is_ok() && text.len() == 26
            );
        }
    }

    #[test]
    fn now_survives_being_stored() {
        let time = now();
        assert_eq!(time.timestamp_subsec_nanos() % 1000, 0);
    }
}
