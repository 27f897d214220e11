//! The third way to a page of a list: a few short walks, each along an index of ours, and what they find put together.
//!
//! An index of `schema::indexes` holds the images with one value in a column in the order of lists by age. A list for which
//! one value is asked is one walk along it; what a project sees is its own images, the public ones, and those shared with
//! it, which is three. As many of each as the page has room for hold all that is on the page, however many there are behind
//! them.
//!
//! Like `narrow`'s, the choice decides about time alone: the page is read with all conditions on it.

use chrono::TimeDelta;
use sea_orm::sea_query::{Cond, Condition, ExprTrait, SelectStatement};
use vidimus_types::Visibility;

use crate::{
    Result,
    list::{self, Asking},
    narrow,
    query::{Comparison, SortKey, TimeColumn, WordColumn},
    schema::indexes::{Rows, SOON},
    source::{Columns, Source},
};

/// A value a caller may ask for one by one; more are not worth a walk each.
const MOST_VALUES: usize = 16;

/// Walks that together come by everything on a list.
pub(crate) struct Walks {
    arms: Vec<Arm>,
    changed: Option<Changed>,
    /// Nearly all they come by is on the list, so that no other way can be shorter.
    pub(crate) are_dense: bool,
}

enum Arm {
    /// Along the order of the list.
    Ordered(Condition),
    /// All rows of a query, if they are few; if not, along the order of the list, where they are then frequent.
    Few(Box<SelectStatement>, Condition),
}

/// What was changed within some time was created within it or not long before, or is among what was changed late.
struct Changed {
    created: Condition,
    late: SelectStatement,
}

impl Walks {
    /// The rows of so many images from the beginning of each walk.
    pub(crate) async fn heads(
        &self,
        source: &Source<'_>,
        asking: Asking<'_>,
        limit: u64,
    ) -> Result<Vec<i64>> {
        let dialect = asking.dialect;
        let most = narrow::root(source, dialect, limit).await?;
        let mut rows = Vec::new();
        let mut created = Cond::all();
        if let Some(changed) = &self.changed
            && let Some(late) = narrow::few(source, dialect, &changed.late, most).await?
        {
            rows.extend(late);
            created = changed.created.clone();
        }
        for arm in &self.arms {
            let order = match arm {
                Arm::Ordered(order) => order,
                Arm::Few(all, order) => {
                    if let Some(found) = narrow::few(source, dialect, all, most).await? {
                        rows.extend(found);
                        continue;
                    }
                    order
                }
            };
            let mut select = narrow::rows_of_images();
            select.cond_where(order.clone()).cond_where(created.clone());
            asking.apply(&mut select);
            select.limit(limit);
            let read = |row: Columns<'_>| {
                rows.extend(row.integer(0)?);
                Ok(())
            };
            source
                .select(dialect.backend().build(&select), read)
                .await?;
        }
        rows.sort_unstable();
        rows.dedup();
        Ok(rows)
    }
}

/// The walks to a list, if there are any.
pub(crate) fn walks(asking: Asking<'_>) -> Option<Walks> {
    let Asking {
        dialect,
        scope,
        query,
        ..
    } = asking;
    let (first, _) = query.sort.keys().first()?;
    let is_one_image = query.words.iter().any(|word| word.column == WordColumn::Id);
    if *first != SortKey::CreatedAt || is_one_image || query.limit.is_none() {
        return None;
    }
    let changed = changed(asking);
    // Everything that can make what is on the list rare where a walk leads by.
    let reasons = query.words.len()
        + query.numbers.len()
        + query.tags.len()
        + query.properties.len()
        + usize::from(query.protected.is_some())
        + usize::from(!scope.is_admin)
        + usize::from(query.visibility_asked().is_some());
    let by_word = [WordColumn::Name, WordColumn::Owner]
        .iter()
        .find_map(|column| {
            let mut words = query.words.iter();
            words.find(|word| word.column == *column && word.any_of.len() <= MOST_VALUES)
        });
    let with = |column: &'static str, value: &str| {
        let indexed = Cond::all()
            .add(dialect.is_held("images", Rows::Alive))
            .add(list::column(column).eq(value))
            .add(list::column("os_hidden").eq(query.os_hidden));
        Arm::Ordered(indexed)
    };
    // How many of the reasons are what the walks are about.
    let mut met = 1;
    let arms = if let Some(word) = by_word {
        let values = word.any_of.iter();
        values
            .map(|value| with(word.column.as_str(), value))
            .collect()
    } else if let Some(open @ (Visibility::Public | Visibility::Community)) =
        query.visibility_asked()
    {
        // Whoever asks sees all of them.
        met = 1 + usize::from(!scope.is_admin);
        vec![with("visibility", open.as_str())]
    } else if !scope.is_admin {
        visible(asking, with)
    } else if let Some(visibility) = query.visibility_asked() {
        vec![with("visibility", visibility.as_str())]
    } else if query.os_hidden {
        met = 0;
        vec![Arm::Ordered(
            Cond::all().add(dialect.is_held("images", Rows::Hidden)),
        )]
    } else if changed.is_some() {
        met = 0;
        vec![Arm::Ordered(Cond::all())]
    } else {
        return None;
    };
    Some(Walks {
        arms,
        changed,
        are_dense: reasons <= met,
    })
}

/// What a caller can see who is no admin.
fn visible(asking: Asking<'_>, with: impl Fn(&'static str, &str) -> Arm) -> Vec<Arm> {
    let Asking {
        dialect,
        scope,
        query,
        ..
    } = asking;
    let mut arms = Vec::new();
    if let Some(project) = &scope.project {
        arms.push(with("owner", project));
    }
    for open in [Visibility::Public, Visibility::Community] {
        if narrow::wants(query, open) {
            arms.push(with("visibility", open.as_str()));
        }
    }
    if let Some(project) = scope.project.as_ref()
        && narrow::wants(query, Visibility::Shared)
    {
        let shared = narrow::shared_with(dialect, project, query.members);
        let Arm::Ordered(all) = with("visibility", Visibility::Shared.as_str()) else {
            return arms;
        };
        arms.push(Arm::Few(Box::new(shared), all));
    }
    arms
}

fn changed(asking: Asking<'_>) -> Option<Changed> {
    let Asking { dialect, query, .. } = asking;
    let column = |bound| {
        let column = list::column("created_at");
        if asking.begins_at_marker(bound) {
            dialect.unindexed(column)
        } else {
            column
        }
    };
    // SQLite counts milliseconds, and not always the same way as we do.
    let slack = TimeDelta::seconds(1);
    let mut created = Cond::all();
    let mut late = narrow::rows_of_images();
    late.and_where(dialect.is_held("images", Rows::ChangedLate));
    let mut bounds = 0;
    for time in &query.times {
        if time.column != TimeColumn::UpdatedAt || time.comparison == Comparison::NotEqual {
            continue;
        }
        bounds += 1;
        let updated = list::column("updated_at");
        let value = dialect.time(time.value);
        late.and_where(list::compare(updated, time.comparison, value));
        if !matches!(time.comparison, Comparison::Less | Comparison::AtMost) {
            let from = time.value.checked_sub_signed(SOON + slack)?;
            created = created.add(column(Comparison::AtLeast).gte(dialect.time(from)));
        }
        if !matches!(time.comparison, Comparison::Greater | Comparison::AtLeast) {
            let to = time.value.checked_add_signed(slack)?;
            created = created.add(column(Comparison::AtMost).lte(dialect.time(to)));
        }
    }
    (bounds > 0).then_some(Changed { created, late })
}
