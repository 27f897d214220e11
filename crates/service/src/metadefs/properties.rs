//! Properties of a namespace.

use serde_json::{Map, Value};
use vidimus_auth::{Action, Context};
use vidimus_db::{self as db, PropertyRecord};
use vidimus_types::schema::metadefs::{MetadefBody, property_definition};

use super::{Error, Metadefs, body, namespaces::first, translate, translate_rename};
use crate::{
    Result,
    notify::{Event, metadefs as told, payload},
};

impl Metadefs<'_> {
    /// The properties of a namespace.
    pub async fn list_properties(
        &self,
        ctx: &Context,
        namespace: &str,
    ) -> Result<Vec<PropertyRecord>> {
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::GetMetadefProperties, Some(&record))?;
        Ok(self.db().list_properties(&record).await?)
    }

    /// Adds a property to a namespace.
    pub async fn create_property(
        &self,
        ctx: &Context,
        namespace: &str,
        body: Value,
    ) -> Result<PropertyRecord> {
        let (members, new) = read(body)?;
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::AddMetadefProperty, Some(&record))?;
        body::refuse_four_bytes(&members, "create", "property")?;
        self.db()
            .create_property(&record, &new.name, &new.definition)
            .await
            .map_err(|error| translate(error, namespace, &new.name))?;
        self.service.notify(Event::PropertyCreate, || {
            told::property(namespace, &new, &new.name)
        });
        Ok(new)
    }

    /// One property. With a resource type, `name` is the one the property has there.
    pub async fn show_property(
        &self,
        ctx: &Context,
        namespace: &str,
        name: &str,
        parameters: &[(String, String)],
    ) -> Result<PropertyRecord> {
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::GetMetadefProperty, Some(&record))?;
        let mut own_name = name;
        if let Some(wanted) = first(parameters, "resource_type").filter(|it| !it.is_empty()) {
            self.enforce(ctx, Action::GetMetadefResourceType, Some(&record))?;
            let association = self.db().get_association(&record, wanted).await;
            let prefix = association
                .map_err(|error| translate(error, namespace, wanted))?
                .prefix;
            let usable = prefix.as_deref().filter(|prefix| !prefix.is_empty());
            own_name = match usable.and_then(|prefix| name.strip_prefix(prefix)) {
                Some(own_name) => own_name,
                None => {
                    return Err(Error::PrefixMissing {
                        property: name.to_owned(),
                        prefix: prefix.unwrap_or_else(|| "None".to_owned()),
                    }
                    .into());
                }
            };
        }
        let property = self.db().get_property(&record, own_name).await;
        property.map_err(|error| translate(error, namespace, own_name))
    }

    /// Puts a definition in the place of another.
    pub async fn update_property(
        &self,
        ctx: &Context,
        namespace: &str,
        name: &str,
        body: Value,
    ) -> Result<PropertyRecord> {
        let (members, new) = read(body)?;
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::ModifyMetadefProperty, Some(&record))?;
        let refuse = |error| translate_rename(error, namespace, name);
        self.db()
            .get_property(&record, name)
            .await
            .map_err(refuse)?;
        body::refuse_four_bytes(&members, "update", "property")?;
        self.db()
            .update_property(&record, name, &new.name, &new.definition)
            .await
            .map_err(refuse)?;
        self.service.notify(Event::PropertyUpdate, || {
            told::property(namespace, &new, name)
        });
        Ok(new)
    }

    /// Deletes a property.
    pub async fn delete_property(&self, ctx: &Context, namespace: &str, name: &str) -> Result<()> {
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::RemoveMetadefProperty, Some(&record))?;
        let metadefs = self.db();
        let last = metadefs.get_property(&record, name);
        let property = self.last_look(Event::PropertyDelete, last).await;
        match metadefs.delete_property(&record, name).await {
            Err(db::Error::MetadefProtected) => {
                return Err(Error::PropertyProtected(name.to_owned()).into());
            }
            deleted => deleted.map_err(|error| translate(error, namespace, name))?,
        }
        if let Some(property) = property {
            self.service.notify(Event::PropertyDelete, || {
                payload::deleted(told::property(namespace, &property, name))
            });
        }
        Ok(())
    }

    /// Deletes all properties of a namespace. Compat: by the rule for deleting the namespace.
    pub async fn delete_properties(&self, ctx: &Context, namespace: &str) -> Result<()> {
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::DeleteMetadefNamespace, Some(&record))?;
        let deleted = self.db().delete_properties(&record).await;
        deleted.map_err(|error| translate(error, namespace, namespace))?;
        self.service.notify(Event::NamespaceDeleteProperties, || {
            told::namespace(&record, namespace)
        });
        Ok(())
    }
}

fn read(body: Value) -> Result<(Map<String, Value>, PropertyRecord)> {
    let members = body::members(body, MetadefBody::Property, body::TIMED)?;
    let definition = property_definition(&members).map_err(Error::from)?;
    let property = PropertyRecord {
        name: body::text(&members, "name").ok_or(Error::Missing("name"))?,
        definition: Value::Object(definition),
    };
    Ok((members, property))
}
