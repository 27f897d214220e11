//! The states and visibilities of an image, and which moves between states are allowed.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The text is none of the words the API knows here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not one of the known words")]
pub struct UnknownWord(pub String);

/// An enum whose variants are words of the API and of the database.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order the schema documents list them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word as the API and the database spell it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord(word.chars().take(80).collect())),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// Where an image is in its life.
    ImageStatus {
        /// Registered, no data yet.
        Queued = "queued",
        /// Data is being uploaded into a store.
        Saving = "saving",
        /// Data is there and immutable.
        Active = "active",
        /// An upload failed for good (never set by API v2; kept for old rows).
        Killed = "killed",
        /// Gone; the row is a tombstone that keeps the id from being reused.
        Deleted = "deleted",
        /// Data is being staged for import.
        Uploading = "uploading",
        /// An import is running.
        Importing = "importing",
        /// Hidden, waiting for the scrubber to remove its data.
        PendingDelete = "pending_delete",
        /// Data is there but only admins may download it.
        Deactivated = "deactivated",
    }
}

words! {
    /// Who can see an image.
    Visibility {
        /// Everybody by id, nobody else's default list.
        Community = "community",
        /// Everybody.
        Public = "public",
        /// The owner.
        Private = "private",
        /// The owner and the members.
        Shared = "shared",
    }
}

words! {
    /// What a member project answered to an image shared with it.
    MemberStatus {
        /// Not answered yet.
        Pending = "pending",
        /// Wants to see it in lists.
        Accepted = "accepted",
        /// Does not want to see it.
        Rejected = "rejected",
    }
}

impl ImageStatus {
    /// Whether an image may move from this status to `next`.
    ///
    /// Compat: Glance's table (glance/domain `valid_state_targets`); staying in a status is not a move.
    pub fn can_become(self, next: Self) -> bool {
        use ImageStatus as S;
        match self {
            S::Queued => matches!(
                next,
                S::Saving | S::Uploading | S::Importing | S::Active | S::Deleted
            ),
            S::Saving => matches!(next, S::Active | S::Killed | S::Deleted | S::Queued),
            S::Uploading => matches!(next, S::Importing | S::Queued | S::Deleted),
            S::Importing => matches!(next, S::Active | S::Deleted | S::Queued),
            S::Active => matches!(next, S::PendingDelete | S::Deleted | S::Deactivated),
            S::Deactivated => matches!(next, S::Active | S::Deleted),
            S::Killed => matches!(next, S::Deleted),
            S::PendingDelete => matches!(next, S::Deleted | S::Active),
            S::Deleted => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for status in ImageStatus::ALL {
            assert_eq!(status.as_str().parse::<ImageStatus>().unwrap(), *status);
        }
        assert_eq!(
            "pending_delete".parse::<ImageStatus>().unwrap(),
            ImageStatus::PendingDelete
        );
        assert!(
            "Active".parse::<ImageStatus>().is_err(),
            "words are case-sensitive"
        );
    }

    #[test]
    fn no_status_becomes_itself_and_deleted_is_the_end() {
        for from in ImageStatus::ALL {
            assert!(!from.can_become(*from), "{from}");
            assert!(
                !ImageStatus::Deleted.can_become(*from),
                "deleted became {from}"
            );
        }
    }
}
