//! What can be asked of a list of images, already parsed. How it becomes SQL is `list`'s business.

use chrono::{DateTime, Utc};
use vidimus_types::{ImageId, MemberStatus, Visibility};

/// One page of images.
///
/// The default is what Glance's API lists without parameters, except that there is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ImageQuery {
    /// Text columns and the values they may have.
    pub words: Vec<WordFilter>,
    /// Number columns and their bounds.
    pub numbers: Vec<NumberFilter>,
    /// Times and their bounds.
    pub times: Vec<TimeFilter>,
    /// Only images whose deletion is forbidden, or only others.
    pub protected: Option<bool>,
    /// The hidden images instead of the others.
    pub os_hidden: bool,
    /// Tags an image must have, all of them.
    pub tags: Vec<String>,
    /// Custom properties an image must have, with exactly these values.
    pub properties: Vec<(String, String)>,
    /// Which of the images shared with the caller.
    pub members: MemberFilter,
    /// Which of the images the caller can see.
    pub visibility: VisibilityFilter,
    /// In which order.
    pub sort: Sort,
    /// Start behind this image.
    pub marker: Option<ImageId>,
    /// At most so many.
    pub limit: Option<u64>,
}

impl ImageQuery {
    /// The one visibility that was asked for.
    pub(crate) fn visibility_asked(&self) -> Option<Visibility> {
        match self.visibility {
            VisibilityFilter::Only(visibility) => Some(visibility),
            VisibilityFilter::Default | VisibilityFilter::All => None,
        }
    }
}

/// A text column must be one of some values; of none, nothing matches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WordFilter {
    /// The column.
    pub column: WordColumn,
    /// The values it may have.
    pub any_of: Vec<String>,
}

impl WordFilter {
    /// The column has exactly this value.
    pub fn eq(column: WordColumn, value: impl Into<String>) -> Self {
        Self {
            column,
            any_of: vec![value.into()],
        }
    }
}

/// A number column compared with a value; without a number in the column, nothing matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NumberFilter {
    /// The column.
    pub column: NumberColumn,
    /// How to compare.
    pub comparison: Comparison,
    /// With what.
    pub value: i64,
}

/// A time compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeFilter {
    /// The column.
    pub column: TimeColumn,
    /// How to compare.
    pub comparison: Comparison,
    /// With what.
    pub value: DateTime<Utc>,
}

/// How a column is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Equal (`eq`).
    Equal,
    /// Different (`neq`).
    NotEqual,
    /// Below (`lt`).
    Less,
    /// Not above (`lte`, and the upper bound of a range).
    AtMost,
    /// Above (`gt`).
    Greater,
    /// Not below (`gte`, and the lower bound of a range).
    AtLeast,
}

/// A column, by the name it also has in the API.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $column:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $column, "`")] $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in the API and in the database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $column,)+ }
            }

            /// The column of this name, if it is one of these.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($column => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

columns! {
    /// Columns that hold text and can be filtered by.
    WordColumn {
        Id = "id",
        Name = "name",
        Status = "status",
        ContainerFormat = "container_format",
        DiskFormat = "disk_format",
        Checksum = "checksum",
        OsHashAlgo = "os_hash_algo",
        OsHashValue = "os_hash_value",
        Owner = "owner",
    }
}

columns! {
    /// Columns that hold numbers and can be filtered by.
    NumberColumn {
        Size = "size",
        VirtualSize = "virtual_size",
        MinDisk = "min_disk",
        MinRam = "min_ram",
    }
}

columns! {
    /// Columns that hold times and can be filtered by.
    TimeColumn {
        CreatedAt = "created_at",
        UpdatedAt = "updated_at",
    }
}

columns! {
    /// Columns lists can be sorted by.
    SortKey {
        Name = "name",
        Status = "status",
        ContainerFormat = "container_format",
        DiskFormat = "disk_format",
        Size = "size",
        Id = "id",
        CreatedAt = "created_at",
        UpdatedAt = "updated_at",
    }
}

/// Which images shared with the caller a list shows. Images the caller owns are not affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemberFilter {
    /// All (`member_status=all`).
    Any,
    /// Those the caller gave this answer to.
    Only(MemberStatus),
}

impl Default for MemberFilter {
    fn default() -> Self {
        Self::Only(MemberStatus::Accepted)
    }
}

/// Which of the images it can see a caller wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum VisibilityFilter {
    /// All but the community images of others.
    #[default]
    Default,
    /// All (`visibility=all`).
    All,
    /// Those of one visibility.
    Only(Visibility),
}

/// Upwards or downwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest first (`asc`).
    Ascending,
    /// Largest first (`desc`).
    Descending,
}

/// The order of a list, always a total one: where the keys leave a tie, `created_at` and `id` break it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sort {
    keys: Vec<(SortKey, Direction)>,
}

impl Sort {
    /// An order by these keys; `None` if there is neither one direction for all nor one for each.
    ///
    /// No keys mean `created_at`, no directions mean downwards.
    pub fn new(keys: &[SortKey], directions: &[Direction]) -> Option<Self> {
        let keys = if keys.is_empty() {
            &[SortKey::CreatedAt]
        } else {
            keys
        };
        // Compat: the tie breakers follow the direction only if there is just one.
        let (directions, ties) = match directions {
            [] => (
                vec![Direction::Descending; keys.len()],
                Direction::Descending,
            ),
            [one] => (vec![*one; keys.len()], *one),
            several if several.len() == keys.len() => (several.to_vec(), Direction::Descending),
            _ => return None,
        };
        let mut keys: Vec<_> = keys.iter().copied().zip(directions).collect();
        for tie in [SortKey::CreatedAt, SortKey::Id] {
            if keys.iter().all(|(key, _)| *key != tie) {
                keys.push((tie, ties));
            }
        }
        Some(Self { keys })
    }

    /// The same order from its other end.
    #[cfg(test)]
    pub(crate) fn turned(&self) -> Self {
        let turn = |direction| match direction {
            Direction::Ascending => Direction::Descending,
            Direction::Descending => Direction::Ascending,
        };
        let keys = self.keys.iter();
        Self {
            keys: keys
                .map(|(key, direction)| (*key, turn(*direction)))
                .collect(),
        }
    }

    /// The keys with the tie breakers, most important first.
    pub(crate) fn keys(&self) -> &[(SortKey, Direction)] {
        &self.keys
    }
}

impl Default for Sort {
    fn default() -> Self {
        use Direction::Descending;
        Self {
            keys: vec![(SortKey::CreatedAt, Descending), (SortKey::Id, Descending)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Ascending, Descending};

    #[test]
    fn ties_are_broken_in_the_one_direction_given() {
        let sort = Sort::new(&[SortKey::Name], &[Ascending]).unwrap();
        assert_eq!(
            sort.keys(),
            [
                (SortKey::Name, Ascending),
                (SortKey::CreatedAt, Ascending),
                (SortKey::Id, Ascending),
            ]
        );
    }

    #[test]
    fn ties_are_broken_downwards_after_several_directions() {
        let sort = Sort::new(&[SortKey::Name, SortKey::Size], &[Ascending, Ascending]).unwrap();
        assert_eq!(
            sort.keys()[2..],
            [(SortKey::CreatedAt, Descending), (SortKey::Id, Descending)]
        );
    }

    #[test]
    fn a_tie_breaker_given_as_key_is_not_repeated() {
        let sort = Sort::new(&[SortKey::Id], &[]).unwrap();
        assert_eq!(
            sort.keys(),
            [(SortKey::Id, Descending), (SortKey::CreatedAt, Descending)]
        );
        assert_eq!(Sort::new(&[], &[]), Some(Sort::default()));
    }

    #[test]
    fn counts_must_match() {
        assert_eq!(Sort::new(&[SortKey::Name], &[Ascending, Descending]), None);
        assert_eq!(
            Sort::new(
                &[SortKey::Name, SortKey::Size, SortKey::Id],
                &[Ascending, Descending]
            ),
            None
        );
    }
}
