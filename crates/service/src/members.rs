//! Members: share an image with projects, and let them say whether they want it.
//!
//! Only shared images have members. The rows of an image that is no longer shared stay and mean nothing until it is again.

use vidimus_auth::{Action, Context};
use vidimus_db::{self as db, Addition, ImageRecord, MemberRecord};
use vidimus_types::{ImageId, MemberStatus, Visibility};

use crate::{
    Error, ImageService, Result,
    images::refuse_four_bytes,
    notify::{Event, payload},
    target::image_target,
};

/// Characters the column of the database has room for.
const MEMBER_LENGTH: usize = 255;

impl ImageService {
    /// Shares an image with a project. Any text is a project: nobody is asked whether it exists.
    pub async fn add_member(
        &self,
        ctx: &Context,
        id: &ImageId,
        member: &str,
    ) -> Result<MemberRecord> {
        let record = self.find_shared(ctx, id).await?;
        require_shared(&record).map_err(|()| Error::MembersDenied {
            verb: "create",
            id: *id,
        })?;
        self.enforce_member(ctx, Action::AddMember, &record)?;
        refuse_four_bytes([("member", member)].into_iter())?;
        // Compat, stricter: on SQLite Glance takes longer ones, which its other databases refuse with an error of theirs.
        if member.chars().count() > MEMBER_LENGTH {
            return Err(Error::Invalid(format!(
                "Member can't be longer than {MEMBER_LENGTH} characters."
            )));
        }
        let maximum = self.config().member_quota;
        let at_most = u64::try_from(maximum).ok();
        match self.parts.db.members().add(id, member, at_most).await {
            Ok(Addition::Added(added)) => {
                self.notify(Event::MemberCreate, || payload::member(&added));
                Ok(added)
            }
            Ok(Addition::Present) => Err(Error::DuplicateMember {
                member: member.to_owned(),
                id: *id,
            }),
            Ok(Addition::Full(there)) => Err(Error::MemberQuotaExceeded {
                id: *id,
                attempted: there.saturating_add(1),
                maximum,
            }),
            Err(db::Error::NotFound(_)) => Err(Error::NamedImageNotFound(id.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// The members the caller may know of: all for the owner and for admins, itself for a member.
    pub async fn list_members(&self, ctx: &Context, id: &ImageId) -> Result<Vec<MemberRecord>> {
        let record = self.find_shared(ctx, id).await?;
        require_shared(&record).map_err(|()| Error::MembersUnlisted(*id))?;
        self.enforce_member(ctx, Action::GetMembers, &record)?;
        if self
            .enforce_member(ctx, Action::GetMember, &record)
            .is_err()
        {
            return Ok(Vec::new());
        }
        let members = self.parts.db.members().list(id).await?;
        Ok(members
            .into_iter()
            .filter(|member| knows_of(ctx, &record, &member.member))
            .collect())
    }

    /// One member. Whoever may not see it is told that it does not exist.
    pub async fn show_member(
        &self,
        ctx: &Context,
        id: &ImageId,
        member: &str,
    ) -> Result<MemberRecord> {
        let record = self.find_shared(ctx, id).await?;
        require_shared(&record).map_err(|()| Error::NoMembers)?;
        match self.find_member(ctx, &record, member).await {
            Err(Error::Denied(denied)) => Err(Error::DeniedUnseen(denied)),
            found => found,
        }
    }

    /// Writes down what a member says to an image. That is the member's to say, and an admin's, not the owner's.
    ///
    /// `status` is given as it came, because who may not set it is told that first.
    pub async fn update_member(
        &self,
        ctx: &Context,
        id: &ImageId,
        member: &str,
        status: Option<&str>,
    ) -> Result<MemberRecord> {
        let record = self.find_shared(ctx, id).await?;
        require_shared(&record).map_err(|()| Error::MembersDenied {
            verb: "update",
            id: *id,
        })?;
        self.find_member(ctx, &record, member).await?;
        self.enforce_member(ctx, Action::ModifyMember, &record)?;
        let status: MemberStatus = status.and_then(|word| word.parse().ok()).ok_or_else(|| {
            Error::Invalid(
                "Incorrect request: Status must be \"pending\", \"accepted\" or \"rejected\"."
                    .to_owned(),
            )
        })?;
        let changed = self
            .parts
            .db
            .members()
            .set_status(id, member, status)
            .await?;
        let changed = changed.ok_or_else(|| no_such_member(id, member))?;
        self.notify(Event::MemberUpdate, || payload::member(&changed));
        Ok(changed)
    }

    /// Ends the sharing of an image with a project.
    pub async fn delete_member(&self, ctx: &Context, id: &ImageId, member: &str) -> Result<()> {
        let record = self.find_shared(ctx, id).await?;
        require_shared(&record).map_err(|()| Error::MembersDenied {
            verb: "delete",
            id: *id,
        })?;
        let found = self.find_member(ctx, &record, member).await?;
        self.enforce_member(ctx, Action::DeleteMember, &record)?;
        if self.parts.db.members().remove(id, member).await? {
            let told = || payload::deleted(payload::member(&found));
            self.notify(Event::MemberDelete, told);
            Ok(())
        } else {
            Err(no_such_member(id, member))
        }
    }

    async fn find_shared(&self, ctx: &Context, id: &ImageId) -> Result<ImageRecord> {
        match self.find_image(ctx, id).await {
            Err(Error::ImageNotFound(id)) => Err(Error::NamedImageNotFound(id)),
            found => found,
        }
    }

    async fn find_member(
        &self,
        ctx: &Context,
        record: &ImageRecord,
        member: &str,
    ) -> Result<MemberRecord> {
        self.enforce_member(ctx, Action::GetMember, record)?;
        let id = &record.id;
        let found = self.parts.db.members().find(id, member).await?;
        found
            .filter(|found| knows_of(ctx, record, &found.member))
            .ok_or_else(|| no_such_member(id, member))
    }

    /// Compat: unlike elsewhere the image must be visible by policy even where the action itself is allowed.
    fn enforce_member(&self, ctx: &Context, action: Action, record: &ImageRecord) -> Result<()> {
        self.enforce_on(ctx, Action::GetImage, record)?;
        Ok(self
            .parts
            .policy
            .enforce(ctx, action, &image_target(ctx, record))?)
    }
}

fn require_shared(record: &ImageRecord) -> Result<(), ()> {
    if record.visibility == Visibility::Shared {
        Ok(())
    } else {
        Err(())
    }
}

fn knows_of(ctx: &Context, record: &ImageRecord, member: &str) -> bool {
    ctx.is_admin()
        || record.owner.as_deref() == ctx.project_id()
        || ctx.project_id() == Some(member)
}

fn no_such_member(id: &ImageId, member: &str) -> Error {
    Error::MemberNotFound {
        member: member.to_owned(),
        id: *id,
    }
}
