//! What a query about images is put to: a transaction of the driver, or a connection of our own that answers at once.
//!
//! Which of the two is not for those who ask to know. Where they differ in price, in how many rows are fetched with
//! one query, is decided by `record`.

use std::borrow::Cow;

use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult, Statement};

use crate::{Error, Result, dialect::Dialect, direct::Reader};

/// One state of the database, to be asked several times.
pub(crate) enum Source<'a> {
    /// Each query goes to the driver's thread, or to another machine, and back.
    Driver(&'a DatabaseTransaction),
    /// Each query is a call. Its futures are always ready.
    Direct(&'a Reader),
}

impl Source<'_> {
    /// Shows every row of the answer to `each`.
    pub(crate) async fn select(
        &self,
        statement: Statement,
        mut each: impl FnMut(Columns<'_>) -> Result<()> + Send,
    ) -> Result<()> {
        match self {
            Self::Driver(transaction) => {
                for row in transaction.query_all_raw(statement).await? {
                    each(Columns::Driver(&row))?;
                }
                Ok(())
            }
            Self::Direct(reader) => reader.select(statement, each),
        }
    }
}

impl Source<'_> {
    /// Whether the database has the indexes of ours, as far as that is of use here.
    pub(crate) fn is_indexed(&self) -> bool {
        match self {
            // It keeps statistics and chooses for itself.
            Self::Driver(_) => false,
            Self::Direct(reader) => reader.is_indexed(),
        }
    }

    /// Whether a query was lately found to have more rows than `most`.
    pub(crate) fn is_crowded(&self, statement: &Statement, most: usize) -> bool {
        match self {
            Self::Driver(_) => false,
            Self::Direct(reader) => reader.crowds().is_crowded(statement, most),
        }
    }

    /// A query has more rows than `most`; to be remembered for a while.
    pub(crate) fn note_crowd(&self, statement: &Statement, most: usize) {
        match self {
            Self::Driver(_) => {}
            Self::Direct(reader) => reader.crowds().note(statement, most),
        }
    }
}

/// A row, its columns counted from 0.
#[derive(Clone, Copy)]
pub(crate) enum Columns<'a> {
    Driver(&'a QueryResult),
    Direct(&'a rusqlite::Row<'a>),
}

impl Columns<'_> {
    /// Text, or a time as it is stored.
    pub(crate) fn text(&self, at: usize) -> Result<Option<Cow<'_, str>>> {
        match self {
            Self::Driver(row) => Ok(row.try_get_by_index::<Option<String>>(at)?.map(Cow::Owned)),
            Self::Direct(row) => {
                let value = row.get_ref(at)?;
                let text = value.as_str_or_null().map_err(rusqlite::Error::from)?;
                Ok(text.map(Cow::Borrowed))
            }
        }
    }

    pub(crate) fn owned_text(&self, at: usize) -> Result<Option<String>> {
        Ok(self.text(at)?.map(Cow::into_owned))
    }

    pub(crate) fn integer(&self, at: usize) -> Result<Option<i64>> {
        match self {
            Self::Driver(row) => Ok(row.try_get_by_index(at)?),
            Self::Direct(row) => Ok(row.get(at)?),
        }
    }

    pub(crate) fn flag(&self, at: usize) -> Result<bool> {
        match self {
            Self::Driver(row) => Ok(row.try_get_by_index(at)?),
            Self::Direct(row) => Ok(row.get(at)?),
        }
    }
}

/// A row together with what an error about it has to say.
pub(crate) struct Named<'r> {
    pub(crate) columns: Columns<'r>,
    pub(crate) dialect: Dialect,
    pub(crate) table: &'static str,
    /// The names of the columns, in order; the first is the key.
    pub(crate) names: &'static [&'static str],
}

impl Named<'_> {
    pub(crate) fn corrupt(&self, at: usize) -> Error {
        let key = self.columns.owned_text(0).ok().flatten();
        Error::Corrupt {
            table: self.table,
            row: key.unwrap_or_default(),
            column: self.names.get(at).copied().unwrap_or_default(),
        }
    }

    pub(crate) fn parse<T: std::str::FromStr>(&self, at: usize) -> Result<T> {
        let text = self.columns.text(at)?;
        let parsed = text.and_then(|text| text.parse().ok());
        parsed.ok_or_else(|| self.corrupt(at))
    }

    pub(crate) fn time(&self, at: usize) -> Result<Option<chrono::DateTime<chrono::Utc>>> {
        let text = self.columns.text(at)?;
        text.map(|text| self.dialect.parse_time(&text))
            .transpose()
            .map_err(|_| self.corrupt(at))
    }

    pub(crate) fn bytes(&self, at: usize) -> Result<Option<u64>> {
        let number = self.columns.integer(at)?;
        number
            .map(|number| u64::try_from(number).map_err(|_| self.corrupt(at)))
            .transpose()
    }

    pub(crate) fn count(&self, at: usize) -> Result<u32> {
        let number = self.columns.integer(at)?;
        let number = number.and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| self.corrupt(at))
    }
}
