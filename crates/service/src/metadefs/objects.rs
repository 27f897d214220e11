//! Objects: properties that belong together.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use vidimus_auth::{Action, Context};
use vidimus_db::{self as db, NewObject, ObjectRecord};
use vidimus_types::schema::metadefs::{MetadefBody, validate_metadef};

use super::{
    Error, Metadefs, body,
    namespaces::{direction, first, read_limit, visibility_filter},
    translate, translate_rename,
};
use crate::{
    Error as ServiceError, Result,
    notify::{Event, metadefs as told, payload},
};

/// An object as it is answered with.
///
/// Compat: after a change, what the body did not mention is not mentioned either; when it is shown, it is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Names of the properties it cannot be without.
    pub required: Option<Vec<String>>,
    /// Its properties' definitions by name.
    pub properties: Option<Map<String, Value>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: Option<DateTime<Utc>>,
}

impl From<ObjectRecord> for Object {
    fn from(record: ObjectRecord) -> Self {
        Self {
            name: record.name,
            description: record.description,
            required: Some(record.required),
            properties: Some(record.properties),
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

impl Object {
    /// A new one, which told nothing more than this of itself.
    pub(super) fn created(new: &NewObject, at: DateTime<Utc>) -> Self {
        Self {
            name: new.name.clone(),
            description: new.description.clone(),
            required: Some(new.required.clone()).filter(|required| !required.is_empty()),
            properties: Some(new.properties.clone()),
            created_at: at,
            updated_at: Some(at),
        }
    }
}

impl Metadefs<'_> {
    /// The objects of a namespace. Compat: limit, marker and order are read and then have no effect.
    pub async fn list_objects(
        &self,
        ctx: &Context,
        namespace: &str,
        parameters: &[(String, String)],
    ) -> Result<Vec<Object>> {
        direction(parameters)?;
        visibility_filter(parameters, &["public", "private", "shared"])?;
        if let Some(limit) = first(parameters, "limit")
            && read_limit(limit)? == 0
        {
            return Err(ServiceError::Invalid(
                "limit param must be positive".to_owned(),
            ));
        }
        let record = self.find(ctx, namespace, Error::NamespaceNotFound).await?;
        self.enforce(ctx, Action::GetMetadefObjects, Some(&record))?;
        if !self.allows(ctx, Action::GetMetadefObject, &record) {
            return Ok(Vec::new());
        }
        let objects = self.db().list_objects(&record).await?;
        Ok(objects.into_iter().map(Object::from).collect())
    }

    /// Adds an object to a namespace.
    pub async fn create_object(
        &self,
        ctx: &Context,
        namespace: &str,
        body: Value,
    ) -> Result<Object> {
        let members = body::members(body, MetadefBody::Object, body::LINKED)?;
        for definition in members
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::values)
            .filter_map(Value::as_object)
        {
            validate_metadef(MetadefBody::MemberProperty, definition)
                .map_err(|error| ServiceError::SchemaMismatch(error.to_string()))?;
        }
        let new = body::object(&members)?;
        let record = self.find(ctx, namespace, Error::NamespaceNotFound).await?;
        self.enforce(ctx, Action::AddMetadefObject, Some(&record))?;
        body::refuse_four_bytes(&members, "create", "object")?;
        let created = self.db().create_object(&record, &new).await;
        let at = created.map_err(|error| translate(error, namespace, &new.name))?;
        let created = answer(&members, new, at, at);
        self.service.notify(Event::ObjectCreate, || {
            told::object(namespace, &created, &created.name)
        });
        Ok(created)
    }

    /// One object.
    pub async fn show_object(&self, ctx: &Context, namespace: &str, name: &str) -> Result<Object> {
        let record = self.find(ctx, namespace, Error::NamespaceNotFound).await?;
        self.enforce(ctx, Action::GetMetadefObject, Some(&record))?;
        let object = self.db().get_object(&record, name).await;
        Ok(object
            .map_err(|error| translate(error, namespace, name))?
            .into())
    }

    /// Puts an object in the place of another.
    pub async fn update_object(
        &self,
        ctx: &Context,
        namespace: &str,
        name: &str,
        body: Value,
    ) -> Result<Object> {
        let members = body::members(body, MetadefBody::Object, body::LINKED)?;
        let new = body::object(&members)?;
        let record = self.find(ctx, namespace, Error::NamespaceNotFound).await?;
        self.enforce(ctx, Action::ModifyMetadefObject, Some(&record))?;
        let refuse = |error| translate_rename(error, namespace, name);
        let before = self.db().get_object(&record, name).await.map_err(refuse)?;
        body::refuse_four_bytes(&members, "update", "object")?;
        let updated = self.db().update_object(&record, name, &new).await;
        let updated = answer(&members, new, before.created_at, updated.map_err(refuse)?);
        self.service.notify(Event::ObjectUpdate, || {
            told::object(namespace, &updated, name)
        });
        Ok(updated)
    }

    /// Deletes an object.
    pub async fn delete_object(&self, ctx: &Context, namespace: &str, name: &str) -> Result<()> {
        let record = self.find(ctx, namespace, Error::NamespaceNotFound).await?;
        self.enforce(ctx, Action::DeleteMetadefObject, Some(&record))?;
        let metadefs = self.db();
        let last = metadefs.get_object(&record, name);
        let object = self.last_look(Event::ObjectDelete, last).await;
        match metadefs.delete_object(&record, name).await {
            Err(db::Error::MetadefProtected) => {
                return Err(Error::ObjectProtected(name.to_owned()).into());
            }
            deleted => deleted.map_err(|error| translate(error, namespace, name))?,
        }
        if let Some(object) = object {
            self.service.notify(Event::ObjectDelete, || {
                payload::deleted(told::object(namespace, &object.into(), name))
            });
        }
        Ok(())
    }

    /// Deletes all objects of a namespace. Compat: by the rule for deleting the namespace.
    pub async fn delete_objects(&self, ctx: &Context, namespace: &str) -> Result<()> {
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::DeleteMetadefNamespace, Some(&record))?;
        let deleted = self.db().delete_objects(&record).await;
        deleted.map_err(|error| translate(error, namespace, namespace))?;
        self.service.notify(Event::NamespaceDeleteObjects, || {
            told::namespace(&record, namespace)
        });
        Ok(())
    }
}

fn answer(
    members: &Map<String, Value>,
    new: NewObject,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
) -> Object {
    Object {
        name: new.name,
        description: new.description,
        required: body::texts(members, "required"),
        properties: members.contains_key("properties").then_some(new.properties),
        created_at,
        updated_at: Some(updated_at),
    }
}
