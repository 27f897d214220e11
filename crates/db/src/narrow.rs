//! Chooses between the two ways to a page of a list.
//!
//! - *Walk* along the index of what the list is sorted by, from where the page begins, until enough images were found that
//!   the caller may see and wants. Short where such images are frequent.
//! - *Gather* the images that can be meant at all, by the index of another column, and sort them. Short where they are
//!   few: a project owns some dozens of a million images.
//!
//! Glance has no index that would do both; ours do, for the common order and the common conditions (`merge`). For the rest: with `c` candidates among `n` images a page of `l`
//! takes about `l * n / c` steps by walking and `c` by gathering, so gathering is for no more than the root of `l * n`
//! candidates. Finding out costs no more than gathering does, and what was found is gathered.
//!
//! The choice decides about time alone: both ways have all conditions of the list on them.

use sea_orm::sea_query::{Cond, Expr, ExprTrait, Query, SelectStatement};
use vidimus_types::Visibility;

use crate::{
    Result,
    dialect::Dialect,
    list::{self, Asking},
    query::{
        Comparison, ImageQuery, MemberFilter, SortKey, TimeColumn, VisibilityFilter, WordColumn,
        WordFilter,
    },
    schema::indexes::Rows,
    scope::Scope,
    source::{Columns, Source},
};

/// Looks for few images that all of the page must be among; `None` if there are too many to be worth it.
pub(crate) async fn candidates(
    source: &Source<'_>,
    asking: Asking<'_>,
) -> Result<Option<Vec<i64>>> {
    let Asking {
        dialect,
        scope,
        query,
        ..
    } = asking;
    let is_one_image = query.words.iter().any(|word| word.column == WordColumn::Id);
    let is_indexed = source.is_indexed();
    let ways = ways(dialect, scope, query, is_indexed);
    if is_one_image || ways.is_empty() {
        return Ok(None);
    }
    let mut most = worthwhile(query, is_indexed, images_at_most(source, dialect).await?);
    let mut best = None;
    for way in ways {
        let Some(found) = all_few(source, dialect, &way, most).await? else {
            continue;
        };
        most = found.len();
        best = Some(found);
        if most == 0 {
            break;
        }
    }
    Ok(best)
}

/// The root of how many images there are times as many as a page has.
pub(crate) async fn root(source: &Source<'_>, dialect: Dialect, limit: u64) -> Result<usize> {
    let images = images_at_most(source, dialect).await?;
    let root = Ord::min(limit, images).saturating_mul(images).isqrt();
    Ok(usize::try_from(root).unwrap_or(usize::MAX))
}

/// How many candidates are still fewer steps than walking.
fn worthwhile(query: &ImageQuery, is_indexed: bool, images: u64) -> usize {
    let is_ordered = matches!(
        query.sort.keys().first(),
        Some((SortKey::CreatedAt | SortKey::Id, _))
    );
    // Hardly any image has a given name, and no index of Glance's leads to it: a walk goes to the end.
    let mut words = query.words.iter();
    let is_rare = !is_indexed && words.any(|word| word.column == WordColumn::Name);
    let most = if is_ordered && !is_rare {
        let wanted = Ord::min(query.limit.unwrap_or(images), images);
        wanted.saturating_mul(images).isqrt()
    } else {
        images / 4
    };
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// Row numbers are given upwards, so the largest is no smaller than their count.
async fn images_at_most(source: &Source<'_>, dialect: Dialect) -> Result<u64> {
    let largest = Query::select()
        .expr(Expr::col(("images", "rowid")).max())
        .from("images")
        .to_owned();
    let mut images = 0;
    let read = |row: Columns<'_>| {
        images = row.integer(0)?.unwrap_or(0);
        Ok(())
    };
    source
        .select(dialect.backend().build(&largest), read)
        .await?;
    Ok(u64::try_from(images).unwrap_or(0))
}

/// Queries for row numbers which together find a superset of the list. Later ones cost more.
type Way = Vec<SelectStatement>;

/// What `way` finds, if that is no more than `most`.
async fn all_few(
    source: &Source<'_>,
    dialect: Dialect,
    way: &Way,
    most: usize,
) -> Result<Option<Vec<i64>>> {
    let mut found = Vec::new();
    for arm in way {
        match few(source, dialect, arm, most - found.len()).await? {
            Some(rows) => found.extend(rows),
            None => return Ok(None),
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(Some(found))
}

/// What the query finds, if that is no more than `most`.
pub(crate) async fn few(
    source: &Source<'_>,
    dialect: Dialect,
    rows: &SelectStatement,
    most: usize,
) -> Result<Option<Vec<i64>>> {
    // Of the statement as it is without the limit: what leads to many rows is known by that.
    let crowd = dialect.backend().build(rows);
    if source.is_crowded(&crowd, most) {
        return Ok(None);
    }
    let mut rows = rows.clone();
    // One more, to see that there are more.
    rows.limit(most as u64 + 1);
    let mut found = Vec::new();
    let read = |row: Columns<'_>| {
        found.extend(row.integer(0)?);
        Ok(())
    };
    source.select(dialect.backend().build(&rows), read).await?;
    if found.len() > most {
        source.note_crowd(&crowd, most);
        return Ok(None);
    }
    Ok(Some(found))
}

fn ways(dialect: Dialect, scope: &Scope, query: &ImageQuery, is_indexed: bool) -> Vec<Way> {
    let by_word = |columns: &[WordColumn]| {
        let words = query.words.iter();
        let words = words.filter(|word| columns.contains(&word.column));
        let way = |word: &WordFilter| {
            let values = word.any_of.iter().map(String::as_str);
            rows(list::column(word.column.as_str()).is_in(values))
        };
        words.map(way).collect::<Vec<_>>()
    };
    let mut ways: Vec<Way> = Vec::new();
    if is_indexed {
        for mut named in by_word(&[WordColumn::Name]) {
            named.and_where(dialect.is_held("images", Rows::Alive));
            ways.push(vec![named]);
        }
    }
    // What the caller can see is seldom much, and then all that follows is soon given up.
    ways.extend(visible(dialect, scope, query));
    let indexed = [
        WordColumn::Owner,
        WordColumn::Checksum,
        WordColumn::OsHashValue,
    ];
    ways.extend(by_word(&indexed).into_iter().map(|rows| vec![rows]));
    if let VisibilityFilter::Only(visibility) = query.visibility {
        ways.push(vec![rows(
            list::column("visibility").eq(visibility.as_str()),
        )]);
    }
    if query.os_hidden {
        ways.push(vec![rows(list::column("os_hidden").eq(true))]);
    }
    let mut updated = Cond::all();
    for time in &query.times {
        let is_range = time.comparison != Comparison::NotEqual;
        if is_range && time.column == TimeColumn::UpdatedAt {
            let column = list::column("updated_at");
            let value = dialect.time(time.value);
            updated = updated.add(list::compare(column, time.comparison, value));
        }
    }
    if !updated.is_empty() {
        let mut range = rows_of_images();
        range.cond_where(updated);
        ways.push(vec![range]);
    }
    ways
}

/// What a caller can see who is no admin: its own images, those open to all, and those shared with it.
fn visible(dialect: Dialect, scope: &Scope, query: &ImageQuery) -> Option<Way> {
    if scope.is_admin {
        return None;
    }
    let wants = |visibility| wants(query, visibility);
    let mut way = Vec::new();
    if let Some(project) = &scope.project {
        way.push(rows(list::column("owner").eq(project.as_str())));
    }
    for open in [Visibility::Public, Visibility::Community] {
        if wants(open) {
            way.push(rows(list::column("visibility").eq(open.as_str())));
        }
    }
    if let Some(project) = scope.project.as_ref().filter(|_| wants(Visibility::Shared)) {
        way.push(shared_with(dialect, project, query.members));
    }
    Some(way)
}

/// Whether a list has images of this visibility that are not the caller's.
pub(crate) fn wants(query: &ImageQuery, visibility: Visibility) -> bool {
    match query.visibility {
        VisibilityFilter::Default => visibility != Visibility::Community,
        VisibilityFilter::All => true,
        VisibilityFilter::Only(only) => only == visibility,
    }
}

/// Compat: Glance has no index by member, so without ours this reads all memberships.
pub(crate) fn shared_with(
    dialect: Dialect,
    project: &str,
    members: MemberFilter,
) -> SelectStatement {
    let mut shared = Query::select()
        .column(("images", "rowid"))
        .from("image_members")
        .inner_join(
            "images",
            Expr::col(("images", "id")).equals(("image_members", "image_id")),
        )
        .and_where(Expr::col(("image_members", "member")).eq(project))
        .and_where(dialect.is_held("image_members", Rows::Alive))
        .to_owned();
    if let MemberFilter::Only(status) = members {
        shared.and_where(Expr::col(("image_members", "status")).eq(status.as_str()));
    }
    shared
}

pub(crate) fn rows_of_images() -> SelectStatement {
    Query::select()
        .column(("images", "rowid"))
        .from("images")
        .to_owned()
}

fn rows(condition: Expr) -> SelectStatement {
    let mut rows = rows_of_images();
    rows.and_where(condition);
    rows
}
