//! Turns an [`ImageQuery`] into SQL: filters, order, and paging by what the last row of the page before held.

use std::sync::Arc;

use sea_orm::{
    Order, Value,
    sea_query::{Cond, Condition, Expr, ExprTrait, Func, Query, SelectStatement},
};
use vidimus_types::{ImageId, ImageStatus};

use crate::{
    Error, Images, Result,
    dialect::Dialect,
    direct::Look,
    kept::{Asked, Found},
    merge::{self, Walks},
    narrow,
    query::{Comparison, Direction, ImageQuery, SortKey, TimeColumn, WordColumn},
    record::{self, ImageRecord},
    scope::Scope,
    source::{Columns, Source},
};

impl Images<'_> {
    /// One page of the images the scope reaches. For most orders and filters its cost does not depend on how many there are
    /// beside it; decision 0011 names the others.
    ///
    /// The marker is an image like any other to look at: [`Error::MarkerNotFound`] and [`Error::MarkerForbidden`] tell
    /// why it is none. It need not match the filters. A deleted one is good enough for an admin.
    pub async fn list(&self, scope: &Scope, query: &ImageQuery) -> Result<Vec<Arc<ImageRecord>>> {
        let page = Page {
            dialect: self.db.dialect(),
            asked: Asked::Page(scope.clone(), query.clone()),
        };
        self.db.look(page).await
    }
}

/// One page of a list.
struct Page {
    dialect: Dialect,
    asked: Asked,
}

impl Look for Page {
    async fn look(&self, source: &Source<'_>) -> Result<Found> {
        let (dialect, Asked::Page(scope, query)) = (self.dialect, &self.asked) else {
            return Ok(Vec::new());
        };
        let marker = match &query.marker {
            Some(id) => Some(marker(source, dialect, scope, id).await?),
            None => None,
        };
        let asking = Asking {
            dialect,
            scope,
            query,
            marker: marker.as_ref(),
            are_all_updated: are_all_updated(source, dialect, query).await?,
        };
        let walks = match source {
            Source::Direct(_) if source.is_indexed() => merge::walks(asking),
            // Other databases keep statistics and choose for themselves.
            _ => None,
        };
        let is_known = walks.as_ref().is_some_and(|walks| walks.are_dense);
        let gathered = match source {
            Source::Direct(_) if !is_known => narrow::candidates(source, asking).await?,
            _ => None,
        };
        let way = match (gathered, walks) {
            (Some(rows), _) => Way::Gathered(rows),
            (None, Some(walks)) => Way::Merged(Box::new(walks)),
            (None, None) => Way::Walked,
        };
        readable_page(source, asking, &way).await
    }

    fn asked(&self) -> Option<&Asked> {
        Some(&self.asked)
    }
}

/// Where a page is looked for.
enum Way {
    /// Along the index of its order, or wherever the database thinks best.
    Walked,
    /// Among these rows.
    Gathered(Vec<i64>),
    /// Among the first rows of several walks.
    Merged(Box<Walks>),
}

/// As many images as there may be on a page. Who sees a page that is not full takes it for the last one, so the place of
/// rows that cannot be read is given to others.
async fn readable_page(source: &Source<'_>, asking: Asking<'_>, way: &Way) -> Result<Found> {
    let dialect = asking.dialect;
    let limit = asking.query.limit;
    let mut asked = limit;
    loop {
        let mut select = record::select_images();
        asking.apply(&mut select);
        if let Some(most) = asked {
            select.limit(most);
        }
        match (way, asked) {
            (Way::Gathered(rows), _) => {
                select.and_where(dialect.is_row_among(rows));
            }
            (Way::Merged(walks), Some(most)) => {
                let rows = walks.heads(source, asking, most).await?;
                select.and_where(dialect.is_row_among(&rows));
            }
            (Way::Merged(_), None) | (Way::Walked, _) => {}
        }
        let statement = dialect.backend().build(&select);
        let found = record::readable_images(source, dialect, statement).await?;
        let (rows, mut images) = (found.rows as u64, found.images);
        let (Some(limit), Some(most)) = (limit, asked) else {
            return Ok(images);
        };
        if rows < most || images.len() as u64 >= limit {
            images.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            return Ok(images);
        }
        asked = Some(most + (rows - images.len() as u64));
    }
}

/// Whether no image lacks the time of its last change, where that matters. Then its index is an order.
async fn are_all_updated(
    source: &Source<'_>,
    dialect: Dialect,
    query: &ImageQuery,
) -> Result<bool> {
    if !matches!(query.sort.keys().first(), Some((SortKey::UpdatedAt, _))) {
        return Ok(false);
    }
    let mut lacking = narrow::rows_of_images();
    lacking.and_where(column("updated_at").is_null()).limit(1);
    let mut are_all = true;
    let read = |_: Columns<'_>| {
        are_all = false;
        Ok(())
    };
    source
        .select(dialect.backend().build(&lacking), read)
        .await?;
    Ok(are_all)
}

async fn marker(
    source: &Source<'_>,
    dialect: Dialect,
    scope: &Scope,
    id: &ImageId,
) -> Result<ImageRecord> {
    let mut any = record::select_images();
    any.and_where(column("id").eq(id.as_str()));
    if !scope.is_admin {
        any.and_where(column("deleted").eq(false));
    }
    let mut visible = any.clone();
    visible.cond_where(scope.readable(dialect));
    let build = |select| dialect.backend().build(select);
    let found = record::bare_images(source, dialect, build(&visible)).await?;
    if let Some(found) = found.into_iter().next() {
        return Ok(found);
    }
    let exists = record::bare_images(source, dialect, build(&any)).await?;
    Err(if exists.is_empty() {
        Error::MarkerNotFound(*id)
    } else {
        Error::MarkerForbidden(*id)
    })
}

pub(crate) fn column(name: &'static str) -> Expr {
    Expr::col(("images", name))
}

/// A list, its marker found.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) scope: &'a Scope,
    pub(crate) query: &'a ImageQuery,
    marker: Option<&'a ImageRecord>,
    /// No image lacks the time of its last change.
    are_all_updated: bool,
}

impl Asking<'_> {
    /// Puts the conditions and the order of the list on a query for images.
    pub(crate) fn apply(self, select: &mut SelectStatement) {
        let query = self.query;
        select
            .and_where(self.dialect.is_false(("images", "deleted")))
            .and_where(column("status").ne(ImageStatus::Killed.as_str()))
            .cond_where(
                self.scope
                    .listed(self.dialect, query.visibility, query.members),
            )
            .cond_where(self.filters());
        for (key, direction) in query.sort.keys() {
            let order = match direction {
                Direction::Ascending => Order::Asc,
                Direction::Descending => Order::Desc,
            };
            select.order_by_expr(self.sorted_by(*key), order);
        }
        if let Some(marker) = self.marker {
            select.cond_where(self.behind(marker, query.sort.keys()));
        }
    }

    /// Whether a bound of the time of creation is on the side where the page begins, which behind a marker the marker says.
    pub(crate) fn begins_at_marker(self, bound: Comparison) -> bool {
        let is_upper = matches!(bound, Comparison::Less | Comparison::AtMost);
        let is_lower = matches!(bound, Comparison::Greater | Comparison::AtLeast);
        self.marker.is_some()
            && match self.query.sort.keys().first() {
                Some((SortKey::CreatedAt, Direction::Descending)) => !is_lower,
                Some((SortKey::CreatedAt, Direction::Ascending)) => !is_upper,
                _ => true,
            }
    }

    fn filters(self) -> Condition {
        let (dialect, query, has_marker) = (self.dialect, self.query, self.marker.is_some());
        let mut all = Cond::all().add(if query.os_hidden {
            dialect.unindexed(column("os_hidden")).eq(true)
        } else {
            dialect.is_false(("images", "os_hidden"))
        });
        for filter in &query.words {
            let values = filter.any_of.iter().map(String::as_str);
            let column = column(filter.column.as_str());
            let column = match filter.column {
                WordColumn::Id => column,
                // `narrow` has seen whether an index is of use here.
                _ => dialect.unindexed(column),
            };
            all = all.add(column.is_in(values));
        }
        for filter in &query.numbers {
            let column = column(filter.column.as_str());
            all = all.add(compare(column, filter.comparison, filter.value.into()));
        }
        for filter in &query.times {
            let column = match filter.column {
                // Behind a marker it is the marker that says where the page begins, nearly always further along.
                TimeColumn::CreatedAt if self.begins_at_marker(filter.comparison) => {
                    dialect.unindexed(column("created_at"))
                }
                TimeColumn::CreatedAt => column("created_at"),
                TimeColumn::UpdatedAt if self.are_all_updated && !has_marker => {
                    column("updated_at")
                }
                TimeColumn::UpdatedAt => dialect.unindexed(column("updated_at")),
            };
            let value = dialect.time(filter.value);
            all = all.add(compare(column, filter.comparison, value));
        }
        if let Some(protected) = query.protected {
            all = all.add(column("protected").eq(protected));
        }
        for tag in &query.tags {
            all = all.add(has(dialect, "image_tags", &[("value", tag)]));
        }
        for (name, value) in &query.properties {
            all = all.add(has(
                dialect,
                "image_properties",
                &[("name", name), ("value", value)],
            ));
        }
        all
    }

    /// A column as rows are put in order by it: with something else in the place of NULL.
    ///
    /// Compat: Glance puts the same in when it looks for the next page, but sorts by the bare column. Where a column holds
    /// both NULL and its stand-in its pages can therefore lose rows; here both sides use the stand-in.
    fn sorted_by(self, key: SortKey) -> Expr {
        let column = column(key.as_str());
        match key {
            SortKey::Name | SortKey::ContainerFormat | SortKey::DiskFormat => {
                Func::coalesce([column, "".into()]).into()
            }
            SortKey::Size => Func::coalesce([column, 0i64.into()]).into(),
            // A bare column also lets the database walk along its index.
            SortKey::UpdatedAt if self.are_all_updated => column,
            // As records are read.
            SortKey::UpdatedAt => Func::coalesce([column, self::column("created_at")]).into(),
            // Never NULL.
            SortKey::Status | SortKey::Id | SortKey::CreatedAt => column,
        }
    }

    /// The images that come after this one: those further along in the first key, or equal there and further along in the
    /// second, and so on.
    fn behind(self, marker: &ImageRecord, keys: &[(SortKey, Direction)]) -> Condition {
        let beyond = |(key, direction): (SortKey, Direction)| {
            let (column, value) = (self.sorted_by(key), value_of(self.dialect, marker, key));
            match direction {
                Direction::Ascending => column.gt(value),
                Direction::Descending => column.lt(value),
            }
        };
        let equal = |(key, _): (SortKey, Direction)| {
            self.sorted_by(key).eq(value_of(self.dialect, marker, key))
        };
        let mut any = Cond::any();
        for (at, key) in keys.iter().enumerate() {
            let mut all = Cond::all();
            for before in &keys[..at] {
                all = all.add(equal(*before));
            }
            any = any.add(all.add(beyond(*key)));
        }
        let mut behind = Cond::all();
        if let Some((key, direction)) = keys.first() {
            // Follows from the rest, but only from this does the database see where in its index the page begins.
            let (column, value) = (self.sorted_by(*key), value_of(self.dialect, marker, *key));
            behind = behind.add(match direction {
                Direction::Ascending => column.gte(value),
                Direction::Descending => column.lte(value),
            });
        }
        behind.add(any)
    }
}

pub(crate) fn compare(column: Expr, comparison: Comparison, value: Value) -> Expr {
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
fn has(dialect: Dialect, table: &'static str, values: &[(&'static str, &String)]) -> Expr {
    let mut rows = Query::select()
        .expr(Expr::val(1))
        .from(table)
        .and_where(Expr::col((table, "image_id")).equals(("images", "id")))
        .and_where(dialect.is_false((table, "deleted")))
        .to_owned();
    for (column, value) in values {
        rows.and_where(Expr::col((table, *column)).eq(value.as_str()));
    }
    Expr::exists(rows)
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use sea_orm::ConnectionTrait;
    use vidimus_types::Visibility;

    use super::*;
    use crate::{Db, DbConfig, MemberFilter, NewImage, VisibilityFilter, WordFilter};

    async fn memory() -> Db {
        let config = DbConfig {
            url: "sqlite://".to_owned(),
            max_connections: 1,
        };
        let db = Db::connect(&config).await.unwrap();
        db.sync().await.unwrap();
        db
    }

    #[tokio::test]
    async fn a_page_costs_the_same_however_long_it_is() {
        let mut db = memory().await;
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        Arc::get_mut(&mut db.inner)
            .unwrap()
            .readers
            .set_metric_callback(move |_| {
                seen.fetch_add(1, Ordering::Relaxed);
            });
        let mut last = None;
        for _ in 0..30 {
            let mut new = NewImage::new(ImageId::random(), Some("p".to_owned()));
            new.tags = vec!["t".to_owned()];
            new.properties = vec![("a".to_owned(), Some("b".to_owned()))];
            last = Some(db.images().create(&new).await.unwrap().id);
        }
        let mut costs = Vec::new();
        for (limit, marker) in [(1, None), (30, None), (1, last), (30, last)] {
            count.store(0, Ordering::Relaxed);
            let query = ImageQuery {
                limit: Some(limit),
                marker,
                ..ImageQuery::default()
            };
            db.images()
                .list(&Scope::project("p"), &query)
                .await
                .unwrap();
            costs.push(count.load(Ordering::Relaxed));
        }
        assert_eq!(costs, [4, 4, 5, 5]);
    }

    fn select(
        dialect: Dialect,
        scope: &Scope,
        query: &ImageQuery,
        marker: Option<&ImageRecord>,
    ) -> SelectStatement {
        let asking = Asking {
            dialect,
            scope,
            query,
            marker,
            are_all_updated: false,
        };
        let mut select = record::select_images();
        asking.apply(&mut select);
        if let Some(limit) = query.limit {
            select.limit(limit);
        }
        select
    }

    async fn plan(db: &Db, select: &SelectStatement) -> String {
        let mut statement = db.dialect().backend().build(select);
        statement.sql.insert_str(0, "EXPLAIN QUERY PLAN ");
        let rows = db.inner.readers.query_all_raw(statement).await.unwrap();
        let steps: Vec<String> = rows
            .iter()
            .map(|row| row.try_get("", "detail").unwrap())
            .collect();
        steps.join("\n")
    }

    fn queries() -> impl Iterator<Item = (Scope, ImageQuery)> {
        let visibilities = [
            VisibilityFilter::Default,
            VisibilityFilter::All,
            VisibilityFilter::Only(Visibility::Shared),
        ];
        let scopes = [Scope::admin(), Scope::project("p"), Scope::anonymous()];
        scopes.into_iter().flat_map(move |scope| {
            visibilities.map(|visibility| {
                let query = ImageQuery {
                    visibility,
                    members: MemberFilter::Any,
                    tags: vec!["t".to_owned()],
                    properties: vec![("a".to_owned(), "b".to_owned())],
                    words: vec![WordFilter::eq(WordColumn::Status, "active")],
                    ..ImageQuery::default()
                };
                (scope.clone(), query)
            })
        })
    }

    #[tokio::test]
    async fn no_list_follows_an_index_that_leads_to_half_the_table() {
        let db = memory().await;
        for (scope, query) in queries() {
            let plan = plan(&db, &select(db.dialect(), &scope, &query, None)).await;
            for bad in ["deleted", "os_hidden_image_idx"] {
                assert!(!plan.contains(bad), "{scope:?} {query:?}:\n{plan}");
            }
        }
    }

    #[tokio::test]
    async fn an_admins_pages_are_read_off_the_index_from_where_they_begin() {
        let db = memory().await;
        let new = NewImage::new(ImageId::random(), None);
        let marker = db.images().create(&new).await.unwrap();
        let query = ImageQuery::default();
        let select = select(db.dialect(), &Scope::admin(), &query, Some(&marker));
        let plan = plan(&db, &select).await;
        assert!(
            plan.starts_with("SEARCH images USING INDEX created_at_image_idx (created_at<?)"),
            "{plan}"
        );
    }

    #[test]
    fn everything_a_caller_says_is_bound() {
        let dialect = Dialect::Sqlite;
        let evil = "'; DROP TABLE images; --";
        for (_, mut query) in queries() {
            query.tags = vec![evil.to_owned()];
            query.properties = vec![(evil.to_owned(), evil.to_owned())];
            query.words = vec![WordFilter::eq(WordColumn::Name, evil)];
            let select = select(dialect, &Scope::project(evil), &query, None);
            let sql = dialect.backend().build(&select).sql;
            assert!(!sql.contains("DROP"), "{sql}");
        }
    }
}
