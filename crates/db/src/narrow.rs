//! Chooses between the two ways to a page of a list.
//!
//! - *Walk* along the index of what the list is sorted by, from where the page begins, until enough images were found that
//!   the caller may see and wants. Short where such images are frequent.
//! - *Gather* the images that can be meant at all, by the index of another column, and sort them. Short where they are
//!   few: a project owns some dozens of a million images.
//!
//! Glance has no index that would do both, and we add none (ADR 0011). With `c` candidates among `n` images a page of `l`
//! takes about `l * n / c` steps by walking and `c` by gathering, so gathering is for no more than the root of `l * n`
//! candidates. Finding out costs no more than gathering does, and what was found is gathered.
//!
//! The choice decides about time alone: both ways have all conditions of the list on them.

use sea_orm::sea_query::{Cond, Expr, ExprTrait, Query, SelectStatement};
use vidimus_types::Visibility;

use crate::{
    Result,
    dialect::Dialect,
    list,
    query::{
        Comparison, ImageQuery, MemberFilter, SortKey, TimeColumn, VisibilityFilter, WordColumn,
    },
    scope::Scope,
    source::{Columns, Source},
};

/// Looks for few images that all of the page must be among; `None` if there are too many to be worth it.
pub(crate) async fn candidates(
    source: &Source<'_>,
    dialect: Dialect,
    scope: &Scope,
    query: &ImageQuery,
) -> Result<Option<Vec<i64>>> {
    let is_one_image = query.words.iter().any(|word| word.column == WordColumn::Id);
    let ways = ways(dialect, scope, query);
    if is_one_image || ways.is_empty() {
        return Ok(None);
    }
    let mut most = worthwhile(query, images_at_most(source, dialect).await?);
    let mut best = None;
    for way in ways {
        let Some(found) = few(source, dialect, &way, most).await? else {
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

/// How many candidates are still fewer steps than walking.
fn worthwhile(query: &ImageQuery, images: u64) -> usize {
    let is_indexed = matches!(
        query.sort.keys().first(),
        Some((SortKey::CreatedAt | SortKey::Id, _))
    );
    // Hardly any image has a given name, and no index leads to it: a walk goes to the end.
    let is_rare = query
        .words
        .iter()
        .any(|word| word.column == WordColumn::Name);
    let most = if is_indexed && !is_rare {
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

/// What `way` finds, if that is less than `most`.
async fn few(
    source: &Source<'_>,
    dialect: Dialect,
    way: &Way,
    most: usize,
) -> Result<Option<Vec<i64>>> {
    let mut found = Vec::new();
    for arm in way {
        let mut arm = arm.clone();
        let left = most - found.len();
        // Of the statement as it is without the limit: what leads to many rows is known by that.
        let crowd = dialect.backend().build(&arm);
        if source.is_crowded(&crowd, left) {
            return Ok(None);
        }
        // One more, to see that there are more.
        arm.limit(left as u64 + 1);
        let read = |row: Columns<'_>| {
            found.extend(row.integer(0)?);
            Ok(())
        };
        source.select(dialect.backend().build(&arm), read).await?;
        if found.len() > most {
            source.note_crowd(&crowd, left);
            return Ok(None);
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(Some(found))
}

fn ways(dialect: Dialect, scope: &Scope, query: &ImageQuery) -> Vec<Way> {
    // What the caller can see is seldom much, and then all that follows is soon given up.
    let mut ways: Vec<Way> = visible(dialect, scope, query).into_iter().collect();
    for word in &query.words {
        let is_indexed = matches!(
            word.column,
            WordColumn::Owner | WordColumn::Checksum | WordColumn::OsHashValue
        );
        if is_indexed {
            let values = word.any_of.iter().map(String::as_str);
            ways.push(vec![rows(list::column(word.column.as_str()).is_in(values))]);
        }
    }
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
    let wants = |visibility| match query.visibility {
        VisibilityFilter::Default => visibility != Visibility::Community,
        VisibilityFilter::All => true,
        VisibilityFilter::Only(only) => only == visibility,
    };
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

/// Compat: Glance has no index by member, so this reads all memberships. They are few beside the images.
fn shared_with(dialect: Dialect, project: &str, members: MemberFilter) -> SelectStatement {
    let mut shared = Query::select()
        .column(("images", "rowid"))
        .from("image_members")
        .inner_join(
            "images",
            Expr::col(("images", "id")).equals(("image_members", "image_id")),
        )
        .and_where(Expr::col(("image_members", "member")).eq(project))
        .and_where(dialect.is_false(("image_members", "deleted")))
        .to_owned();
    if let MemberFilter::Only(status) = members {
        shared.and_where(Expr::col(("image_members", "status")).eq(status.as_str()));
    }
    shared
}

fn rows_of_images() -> SelectStatement {
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
