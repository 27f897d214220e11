//! Who can see which images, as conditions of a query.
//!
//! Deciding what a caller may do with what it sees is a matter of policy and not done here.

use sea_orm::sea_query::{Cond, Condition, Expr, ExprTrait, Query};
use vidimus_types::Visibility;

use crate::{
    dialect::Dialect,
    query::{MemberFilter, VisibilityFilter},
};

/// On whose behalf images are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Sees everything.
    pub is_admin: bool,
    /// The project, unless the caller has none.
    pub project: Option<String>,
}

impl Scope {
    /// Sees everything; for our own work.
    pub fn admin() -> Self {
        Self {
            is_admin: true,
            project: None,
        }
    }

    /// A plain member of a project.
    pub fn project(project: impl Into<String>) -> Self {
        Self {
            is_admin: false,
            project: Some(project.into()),
        }
    }

    /// Somebody without a project.
    pub fn anonymous() -> Self {
        Self {
            is_admin: false,
            project: None,
        }
    }

    /// The images that can be read by somebody who knows their id.
    pub(crate) fn readable(&self, dialect: Dialect) -> Condition {
        if self.is_admin {
            return Cond::all();
        }
        let mut readable = Cond::any()
            .add(open_to_all(dialect))
            .add(column("owner").is_null());
        if let Some(project) = &self.project {
            readable = readable
                .add(column("owner").eq(project.as_str()))
                // A membership opens the image even before, or without, being accepted.
                .add(shared_with(dialect, project, MemberFilter::Any));
        }
        readable
    }

    /// The images that a list shows.
    pub(crate) fn listed(
        &self,
        dialect: Dialect,
        visibility: VisibilityFilter,
        members: MemberFilter,
    ) -> Condition {
        let condition = Cond::all().add(match visibility {
            VisibilityFilter::All => Cond::all(),
            VisibilityFilter::Only(one) => Cond::all().add(
                dialect
                    .without_index(column("visibility"), "")
                    .eq(one.as_str()),
            ),
            VisibilityFilter::Default => {
                let mut not_strangers_community =
                    Cond::any().add(column("visibility").ne(Visibility::Community.as_str()));
                if let Some(project) = &self.project {
                    not_strangers_community = not_strangers_community
                        .add(dialect.unindexed(column("owner")).eq(project.as_str()));
                }
                not_strangers_community
            }
        });
        if self.is_admin {
            return condition;
        }
        // Compat: unlike `readable`, images without an owner are not listed unless they are open to all.
        let mut listed = Cond::any().add(open_to_all(dialect));
        // Compat: to a caller without a project Glance lists every image that is shared with anybody, and then refuses to
        // show it. That is not repeated here.
        if let Some(project) = &self.project {
            listed = listed
                .add(dialect.unindexed(column("owner")).eq(project.as_str()))
                .add(shared_with(dialect, project, members));
        }
        condition.add(listed)
    }
}

fn column(name: &'static str) -> Expr {
    Expr::col(("images", name))
}

fn open_to_all(dialect: Dialect) -> Expr {
    let visibility = dialect.without_index(column("visibility"), "");
    visibility.is_in([Visibility::Public.as_str(), Visibility::Community.as_str()])
}

/// Glance has an index by image and member, so this is one step for each shared image that is looked at.
fn shared_with(dialect: Dialect, project: &str, members: MemberFilter) -> Condition {
    let mut membership = Query::select()
        .expr(Expr::val(1))
        .from("image_members")
        .and_where(Expr::col(("image_members", "image_id")).equals(("images", "id")))
        .and_where(Expr::col(("image_members", "member")).eq(project))
        .and_where(dialect.is_false(("image_members", "deleted")))
        .to_owned();
    if let MemberFilter::Only(status) = members {
        membership.and_where(Expr::col(("image_members", "status")).eq(status.as_str()));
    }
    let shared = Visibility::Shared.as_str();
    Cond::all()
        .add(dialect.without_index(column("visibility"), "").eq(shared))
        .add(Expr::exists(membership))
}
