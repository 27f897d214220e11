//! Resource types, and which namespaces are for them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use vidimus_auth::{Action, Context};
use vidimus_db::{self as db, AssociationRecord, NewAssociation, ResourceTypeRecord};
use vidimus_types::schema::metadefs::MetadefBody;

use super::{Error, Metadefs, body, translate};
use crate::{
    Result,
    notify::{Event, metadefs as told, payload},
};

impl Metadefs<'_> {
    /// Every resource type ever mentioned.
    pub async fn list_resource_types(&self, ctx: &Context) -> Result<Vec<ResourceTypeRecord>> {
        self.enforce(ctx, Action::ListMetadefResourceTypes, None)?;
        Ok(self.db().list_resource_types().await?)
    }

    /// The resource types a namespace is for.
    pub async fn list_associations(
        &self,
        ctx: &Context,
        namespace: &str,
    ) -> Result<Vec<AssociationRecord>> {
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::ListMetadefResourceTypes, Some(&record))?;
        if !self.allows(ctx, Action::GetMetadefResourceType, &record) {
            return Ok(Vec::new());
        }
        Ok(self.db().list_associations(&record).await?)
    }

    /// Says that a namespace is for a resource type.
    pub async fn create_association(
        &self,
        ctx: &Context,
        namespace: &str,
        body: Value,
    ) -> Result<AssociationRecord> {
        let members = body::members(body, MetadefBody::Association, body::TIMED)?;
        let new = body::association(&members)?;
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        let action = Action::AddMetadefResourceTypeAssociation;
        self.enforce(ctx, action, Some(&record))?;
        body::refuse_four_bytes(&members, "create", "resource type association")?;
        let created = self.db().create_association(&record, &new).await;
        let at = created.map_err(|error| translate(error, namespace, &new.name))?;
        let created = associated(&new, at);
        self.service.notify(Event::ResourceTypeCreate, || {
            told::resource_type(namespace, &created)
        });
        Ok(created)
    }

    /// Takes that back. The resource type itself stays.
    pub async fn delete_association(
        &self,
        ctx: &Context,
        namespace: &str,
        name: &str,
    ) -> Result<()> {
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        let action = Action::RemoveMetadefResourceTypeAssociation;
        self.enforce(ctx, action, Some(&record))?;
        let metadefs = self.db();
        let last = metadefs.get_association(&record, name);
        let association = self.last_look(Event::ResourceTypeDelete, last).await;
        match metadefs.delete_association(&record, name).await {
            Err(db::Error::MetadefProtected) => {
                return Err(Error::AssociationProtected(name.to_owned()).into());
            }
            Err(db::Error::MetadefNotFound(db::MetadefKind::Association)) => {
                return Err(Error::NothingToDissociate(name.to_owned()).into());
            }
            deleted => deleted.map_err(|error| translate(error, namespace, name))?,
        }
        if let Some(association) = association {
            self.service.notify(Event::ResourceTypeDelete, || {
                payload::deleted(told::resource_type(namespace, &association))
            });
        }
        Ok(())
    }
}

/// A new association.
pub(super) fn associated(new: &NewAssociation, at: DateTime<Utc>) -> AssociationRecord {
    AssociationRecord {
        name: new.name.clone(),
        prefix: new.prefix.clone(),
        properties_target: new.properties_target.clone(),
        created_at: at,
        updated_at: Some(at),
    }
}
