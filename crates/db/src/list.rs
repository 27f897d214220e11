//! Turns an [`ImageQuery`] into SQL: filters, order, and paging by what the last row of the page before held.

use sea_orm::{
    Order, Value,
    sea_query::{Cond, Condition, Expr, ExprTrait, Func, Query, SelectStatement},
};
use vidimus_types::{ImageId, ImageStatus};

use crate::{
    Error, Images, Result,
    dialect::Dialect,
    query::{Comparison, Direction, ImageQuery, SortKey},
    record::{self, ImageRecord},
    scope::Scope,
};

impl Images<'_> {
    /// One page of the images the scope reaches. It costs five queries, however long it is.
    ///
    /// The marker is an image like any other to look at: [`Error::MarkerNotFound`] and [`Error::MarkerForbidden`] tell
    /// why it is none. It need not match the filters. A deleted one is good enough for an admin.
    pub async fn list(&self, scope: &Scope, query: &ImageQuery) -> Result<Vec<ImageRecord>> {
        let dialect = self.db.dialect();
        let tx = self.db.read().await?;
        let mut select = select(dialect, scope, query);
        if let Some(marker) = &query.marker {
            let marker = self.marker(&tx, scope, marker).await?;
            select.cond_where(behind(dialect, &marker, query.sort.keys()));
        }
        let records = record::images(&tx, dialect, &select).await?;
        tx.commit().await?;
        Ok(records)
    }

    async fn marker(
        &self,
        tx: &sea_orm::DatabaseTransaction,
        scope: &Scope,
        id: &ImageId,
    ) -> Result<ImageRecord> {
        let mut any = record::select_images();
        any.and_where(column("id").eq(id.as_str()));
        if !scope.is_admin {
            any.and_where(column("deleted").eq(false));
        }
        let visible = any.clone().cond_where(scope.readable()).to_owned();
        if let Some(found) = record::images(tx, self.db.dialect(), &visible).await?.pop() {
            return Ok(found);
        }
        let exists = !record::images(tx, self.db.dialect(), &any)
            .await?
            .is_empty();
        Err(if exists {
            Error::MarkerForbidden(*id)
        } else {
            Error::MarkerNotFound(*id)
        })
    }
}

fn column(name: &'static str) -> Expr {
    Expr::col(("images", name))
}

fn select(dialect: Dialect, scope: &Scope, query: &ImageQuery) -> SelectStatement {
    let mut select = record::select_images();
    select
        .cond_where(dialect.is_false(("images", "deleted")))
        .and_where(column("status").ne(ImageStatus::Killed.as_str()))
        .cond_where(scope.listed(query.visibility, query.members))
        .cond_where(filters(dialect, query));
    for (key, direction) in query.sort.keys() {
        let order = match direction {
            Direction::Ascending => Order::Asc,
            Direction::Descending => Order::Desc,
        };
        select.order_by_expr(sorted_by(dialect, *key), order);
    }
    if let Some(limit) = query.limit {
        select.limit(limit);
    }
    select
}

fn filters(dialect: Dialect, query: &ImageQuery) -> Condition {
    let mut all = Cond::all().add(if query.os_hidden {
        Cond::all().add(column("os_hidden").eq(true))
    } else {
        dialect.is_false(("images", "os_hidden"))
    });
    for filter in &query.words {
        let values = filter.any_of.iter().map(String::as_str);
        all = all.add(column(filter.column.as_str()).is_in(values));
    }
    for filter in &query.numbers {
        let column = column(filter.column.as_str());
        all = all.add(compare(column, filter.comparison, filter.value.into()));
    }
    for filter in &query.times {
        let column = column(filter.column.as_str());
        let value = dialect.time(filter.value);
        all = all.add(compare(column, filter.comparison, value));
    }
    if let Some(protected) = query.protected {
        all = all.add(column("protected").eq(protected));
    }
    for tag in &query.tags {
        all = all.add(has("image_tags", &[("value", tag)]));
    }
    for (name, value) in &query.properties {
        all = all.add(has("image_properties", &[("name", name), ("value", value)]));
    }
    all
}

fn compare(column: Expr, comparison: Comparison, value: Value) -> Expr {
    match comparison {
        Comparison::Equal => column.eq(value),
        Comparison::NotEqual => column.ne(value),
        Comparison::Less => column.lt(value),
        Comparison::AtMost => column.lte(value),
        Comparison::Greater => column.gt(value),
        Comparison::AtLeast => column.gte(value),
    }
}

/// The image has a row in this table with these values.
fn has(table: &'static str, values: &[(&'static str, &String)]) -> Expr {
    let mut rows = Query::select()
        .expr(Expr::val(1))
        .from(table)
        .and_where(Expr::col((table, "image_id")).equals(("images", "id")))
        .and_where(Expr::col((table, "deleted")).eq(false))
        .to_owned();
    for (column, value) in values {
        rows.and_where(Expr::col((table, *column)).eq(value.as_str()));
    }
    Expr::exists(rows)
}

/// What stands for NULL where rows are put in order.
///
/// Compat: Glance puts the same in when it looks for the next page, but sorts by the bare column. Where a column holds
/// both NULL and its stand-in its pages can therefore lose rows; here both sides use the stand-in.
fn stand_in(dialect: Dialect, key: SortKey) -> Option<Value> {
    match key {
        SortKey::Name | SortKey::ContainerFormat | SortKey::DiskFormat => Some("".into()),
        SortKey::Size => Some(0i64.into()),
        SortKey::UpdatedAt => Some(dialect.time(chrono::DateTime::UNIX_EPOCH)),
        // Never NULL. A bare column also lets the database walk along its index.
        SortKey::Status | SortKey::Id | SortKey::CreatedAt => None,
    }
}

fn sorted_by(dialect: Dialect, key: SortKey) -> Expr {
    match stand_in(dialect, key) {
        Some(value) => Func::coalesce([column(key.as_str()), Expr::val(value)]).into(),
        None => column(key.as_str()),
    }
}

fn value_of(dialect: Dialect, image: &ImageRecord, key: SortKey) -> Value {
    let text = |text: &Option<String>| text.clone().unwrap_or_default().into();
    match key {
        SortKey::Name => text(&image.name),
        SortKey::Status => image.status.as_str().into(),
        SortKey::ContainerFormat => text(&image.container_format),
        SortKey::DiskFormat => text(&image.disk_format),
        SortKey::Size => record::stored_bytes(image.size.unwrap_or(0)).into(),
        SortKey::Id => image.id.as_str().into(),
        SortKey::CreatedAt => dialect.time(image.created_at),
        SortKey::UpdatedAt => dialect.time(image.updated_at),
    }
}

/// The images that come after this one: those further along in the first key, or equal there and further along in the
/// second, and so on.
fn behind(dialect: Dialect, marker: &ImageRecord, keys: &[(SortKey, Direction)]) -> Condition {
    let beyond = |(key, direction): (SortKey, Direction)| {
        let (column, value) = (sorted_by(dialect, key), value_of(dialect, marker, key));
        match direction {
            Direction::Ascending => column.gt(value),
            Direction::Descending => column.lt(value),
        }
    };
    let equal =
        |(key, _): (SortKey, Direction)| sorted_by(dialect, key).eq(value_of(dialect, marker, key));
    let mut any = Cond::any();
    for (at, key) in keys.iter().enumerate() {
        let mut all = Cond::all();
        for before in &keys[..at] {
            all = all.add(equal(*before));
        }
        any = any.add(all.add(beyond(*key)));
    }
    let mut behind = Cond::all();
    if let Some(first) = keys.first() {
        // Follows from the rest, but only from this does the database see where in its index the page begins.
        behind = behind.add(Cond::any().add(equal(*first)).add(beyond(*first)));
    }
    behind.add(any)
}
