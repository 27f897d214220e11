//! Metadata definitions: what images and other things can be described by, in namespaces.
//!
//! Every use case reads the body, finds the namespace as the caller sees it, asks the policy, then does the work. A
//! namespace the caller may not see is answered like one that does not exist. Definitions are never applied to anything
//! here: that is for clients to do.

mod body;
mod error;
mod files;
mod namespaces;
mod objects;
mod properties;
mod resource_types;
mod tags;

use vidimus_auth::{Action, Context, Target};
use vidimus_db::{self as db, MetadefKind, NamespaceRecord};

use crate::{Error as ServiceError, ImageService, Result, notify::Event, scope};

pub use error::Error;
pub use files::{FileError, exported_namespace, namespace_from_file};
pub use namespaces::{NamespaceCreated, NamespacePage, NamespaceWithContent};
pub use objects::Object;

/// The use cases of metadata definitions.
#[derive(Debug, Clone, Copy)]
pub struct Metadefs<'a> {
    service: &'a ImageService,
}

impl ImageService {
    /// The use cases of metadata definitions.
    pub fn metadefs(&self) -> Metadefs<'_> {
        Metadefs { service: self }
    }
}

impl Metadefs<'_> {
    fn db(&self) -> db::Metadefs<'_> {
        self.service.parts.db.metadefs()
    }

    /// Reads what is about to be deleted, if somebody is to be told of it.
    async fn last_look<T>(
        &self,
        event: Event,
        read: impl Future<Output = db::Result<T>>,
    ) -> Option<T> {
        if self.service.notifies(event) {
            read.await.ok()
        } else {
            None
        }
    }

    /// The namespace if the caller's scope contains it; `missing` words the answer otherwise, which routes do differently.
    async fn find(
        &self,
        ctx: &Context,
        name: &str,
        missing: fn(String) -> Error,
    ) -> Result<NamespaceRecord> {
        // Compat, stricter: where a namespace is hidden Glance's words differ from those for one that does not exist.
        match self.db().get_namespace(&scope(ctx), name).await {
            Err(db::Error::MetadefNotFound(_)) => Err(missing(name.to_owned()).into()),
            found => Ok(found?),
        }
    }

    /// Asks the policy about a namespace, or about definitions in general. Who may not even see the namespace is told
    /// that there is none.
    fn enforce(
        &self,
        ctx: &Context,
        action: Action,
        namespace: Option<&NamespaceRecord>,
    ) -> Result<()> {
        let policy = &self.service.parts.policy;
        let target = target(ctx, namespace);
        let seen = Action::GetMetadefNamespace;
        match policy.enforce(ctx, action, &target) {
            Ok(()) => Ok(()),
            Err(_) if action == seen || !policy.check(ctx, seen, &target) => {
                Err(ServiceError::Hidden)
            }
            Err(denied) => Err(denied.into()),
        }
    }

    fn allows(&self, ctx: &Context, action: Action, namespace: &NamespaceRecord) -> bool {
        let policy = &self.service.parts.policy;
        policy.check(ctx, action, &target(ctx, Some(namespace)))
    }
}

/// What of a namespace, or of the caller where there is none yet, the policy may ask about.
fn target<'a>(ctx: &'a Context, namespace: Option<&'a NamespaceRecord>) -> Target<'a> {
    match namespace {
        None => Target::new().with("project_id", ctx.project_id()),
        Some(namespace) => Target::new()
            .with("project_id", namespace.owner.as_str())
            .with("visibility", namespace.visibility.as_str()),
    }
}

/// What the database's answers mean to somebody who works on the thing of this name in this namespace.
fn translate(error: db::Error, namespace: &str, thing: &str) -> ServiceError {
    let (namespace, thing) = (namespace.to_owned(), thing.to_owned());
    match error {
        db::Error::MetadefNotFound(kind) => match kind {
            MetadefKind::Namespace => Error::NamespaceMissing(namespace),
            MetadefKind::Object => Error::ObjectNotFound(thing),
            MetadefKind::Property => Error::PropertyNotFound(thing),
            MetadefKind::Tag => Error::TagNotFound(thing),
            MetadefKind::ResourceType => Error::ResourceTypeNotFound(thing),
            MetadefKind::Association => Error::AssociationNotFound {
                resource_type: thing,
                namespace,
            },
        }
        .into(),
        db::Error::MetadefDuplicate { kind, name } => match kind {
            MetadefKind::Namespace => Error::DuplicateNamespace(name),
            MetadefKind::Object => Error::DuplicateObject { name, namespace },
            MetadefKind::Property => Error::DuplicateProperty { name, namespace },
            MetadefKind::Tag => Error::DuplicateTag { name, namespace },
            MetadefKind::ResourceType | MetadefKind::Association => Error::DuplicateAssociation {
                resource_type: name,
                namespace,
            },
        }
        .into(),
        db::Error::MetadefProtected => Error::NamespaceProtected(namespace).into(),
        other => other.into(),
    }
}

/// The same where a name is about to change, which Glance words differently.
fn translate_rename(error: db::Error, namespace: &str, thing: &str) -> ServiceError {
    match error {
        db::Error::MetadefDuplicate {
            kind: kind @ (MetadefKind::Object | MetadefKind::Property),
            name,
        } => Error::TakenBySibling {
            kind,
            name,
            namespace: namespace.to_owned(),
        }
        .into(),
        db::Error::MetadefDuplicate {
            kind: MetadefKind::Namespace,
            name,
        } => Error::TakenByNamespace(name).into(),
        other => translate(other, namespace, thing),
    }
}
