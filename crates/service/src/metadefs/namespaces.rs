//! Namespaces: list, create, show, update, delete.

use serde_json::{Map, Value};
use vidimus_auth::{Action, Context};
use vidimus_db::{
    AssociationRecord, Direction, NamespaceContent, NamespaceFields, NamespaceQuery,
    NamespaceRecord, NamespaceSortKey, NewNamespace, PropertyRecord,
};
use vidimus_types::{Visibility, schema::metadefs::MetadefBody};

use super::{
    Error, Metadefs, Object, body, resource_types::associated, translate, translate_rename,
};
use crate::{
    Error as ServiceError, Result,
    notify::{Event, metadefs as told, payload},
    scope,
};

/// The owner where the caller has no project, which is only so without authentication.
///
/// Compat: Glance's loader takes this name for files that name no owner. Its API answers 500, since the column cannot be
/// empty.
pub(super) const OWNER_OF_NOBODY: &str = "admin";

/// One page of a list.
#[derive(Debug)]
pub struct NamespacePage {
    /// The namespaces the caller may see, each with the resource types it is for.
    pub namespaces: Vec<(NamespaceRecord, Vec<AssociationRecord>)>,
    /// Where the next page begins, if there may be one.
    pub next_marker: Option<String>,
}

/// A new namespace.
#[derive(Debug)]
pub struct NamespaceCreated {
    /// The namespace itself.
    pub record: NamespaceRecord,
    /// Compat: what it was created with is echoed as it was given, and not as it is shown afterwards.
    pub given: Map<String, Value>,
}

/// A namespace and all that is in it.
#[derive(Debug)]
pub struct NamespaceWithContent {
    /// The namespace itself.
    pub record: NamespaceRecord,
    /// What is in it, with names as they are on the resource type that was asked for.
    pub content: NamespaceContent,
}

impl Metadefs<'_> {
    /// One page of the namespaces the caller may see. `parameters` are those of the query string, decoded, in order.
    pub async fn list_namespaces(
        &self,
        ctx: &Context,
        parameters: &[(String, String)],
    ) -> Result<NamespacePage> {
        let config = self.service.config();
        let limit = match first(parameters, "limit") {
            None => config.page_size,
            Some(text) => read_limit(text)?,
        }
        .min(config.page_size_max);
        let mut query = NamespaceQuery {
            direction: direction(parameters)?,
            visibility: visibility_filter(parameters, &["public", "private"])?,
            resource_types: first(parameters, "resource_types")
                .map(|names| names.split(',').map(str::to_owned).collect()),
            limit: Some(limit),
            ..NamespaceQuery::default()
        };
        if let Some(key) = first(parameters, "sort_key") {
            query.sort_key = NamespaceSortKey::parse(key).ok_or_else(|| unknown_sort_key(key))?;
        }

        self.enforce(ctx, Action::GetMetadefNamespaces, None)?;
        self.enforce(ctx, Action::ListMetadefResourceTypes, None)?;
        if let Some(marker) = first(parameters, "marker") {
            query.marker = Some(self.find(ctx, marker, Error::NamespaceNotFound).await?);
        }
        let mut found = self.db().list_namespaces(&scope(ctx), &query).await?;
        // Counted before the policy hides some: a page that the database filled has a page after it.
        let is_full = !found.is_empty() && found.len() as u64 == limit;
        found.retain(|namespace| self.allows(ctx, Action::GetMetadefNamespace, namespace));
        let next_marker = found
            .last()
            .map(|last| last.namespace.clone())
            .filter(|_| is_full);
        let associations = self.db().associations_of(&found).await?;
        Ok(NamespacePage {
            namespaces: found.into_iter().zip(associations).collect(),
            next_marker,
        })
    }

    /// Creates a namespace with all the body says is in it, or nothing.
    pub async fn create_namespace(&self, ctx: &Context, body: Value) -> Result<NamespaceCreated> {
        let members = body::members(body, MetadefBody::Namespace, body::LINKED)?;
        let new = NewNamespace {
            fields: fields(ctx, &members),
            associations: body::children(
                &members,
                "resource_type_associations",
                &[
                    "name",
                    "prefix",
                    "properties_target",
                    "created_at",
                    "updated_at",
                ],
            )?
            .into_iter()
            .map(body::association)
            .collect::<Result<_>>()?,
            objects: body::children(
                &members,
                "objects",
                &[
                    "name",
                    "description",
                    "required",
                    "properties",
                    "created_at",
                    "updated_at",
                ],
            )?
            .into_iter()
            .map(body::object)
            .collect::<Result<_>>()?,
            properties: body::definitions(&members)?.unwrap_or_default(),
            tags: body::children(&members, "tags", &["name", "created_at", "updated_at"])?
                .into_iter()
                .map(|tag| Ok(body::text(tag, "name").ok_or(Error::Missing("name"))?))
                .collect::<Result<_>>()?,
        };
        check_names(&new)?;
        self.enforce_create(ctx, &new)?;
        body::refuse_four_bytes(&members, "create", "namespace")?;

        let name = &new.fields.namespace;
        let record = self
            .db()
            .create_namespace(&new)
            .await
            .map_err(|error| translate(error, name, name))?;
        self.notify_created(&record, &new);
        Ok(NamespaceCreated {
            record,
            given: echo(&members)?,
        })
    }

    /// Compat: first the namespace, then all that is in it, in this order.
    fn notify_created(&self, record: &NamespaceRecord, new: &NewNamespace) {
        let (service, namespace, at) = (self.service, &record.namespace, record.created_at);
        service.notify(Event::NamespaceCreate, || {
            told::namespace(record, namespace)
        });
        for association in &new.associations {
            service.notify(Event::ResourceTypeCreate, || {
                told::resource_type(namespace, &associated(association, at))
            });
        }
        for object in &new.objects {
            service.notify(Event::ObjectCreate, || {
                told::object(namespace, &Object::created(object, at), &object.name)
            });
        }
        for tag in &new.tags {
            service.notify(Event::TagCreate, || told::new_tag(namespace, tag));
        }
        for (name, definition) in &new.properties {
            let property = PropertyRecord {
                name: name.clone(),
                definition: definition.clone(),
            };
            service.notify(Event::PropertyCreate, || {
                told::property(namespace, &property, name)
            });
        }
    }

    fn enforce_create(&self, ctx: &Context, new: &NewNamespace) -> Result<()> {
        self.enforce(ctx, Action::AddMetadefNamespace, None)?;
        for (is_asked, action) in [
            (
                !new.associations.is_empty(),
                Action::AddMetadefResourceTypeAssociation,
            ),
            (!new.objects.is_empty(), Action::AddMetadefObject),
            (!new.properties.is_empty(), Action::AddMetadefProperty),
            (!new.tags.is_empty(), Action::AddMetadefTag),
        ] {
            if is_asked {
                self.enforce(ctx, action, None)?;
            }
        }
        Ok(())
    }

    /// A namespace with all that is in it. On a resource type it is for, properties have the names they have there.
    pub async fn show_namespace(
        &self,
        ctx: &Context,
        name: &str,
        parameters: &[(String, String)],
    ) -> Result<NamespaceWithContent> {
        visibility_filter(parameters, &["public", "private"])?;
        let record = self.find(ctx, name, Error::NamespaceNotFound).await?;
        for action in [
            Action::GetMetadefNamespace,
            Action::ListMetadefResourceTypes,
            Action::GetMetadefObjects,
            Action::GetMetadefProperties,
            Action::GetMetadefTags,
        ] {
            self.enforce(ctx, action, Some(&record))?;
        }
        let mut content = self.db().content(&record).await?;
        let prefix = first(parameters, "resource_type").and_then(|wanted| {
            let association = content.associations.iter().find(|it| it.name == wanted)?;
            association
                .prefix
                .clone()
                .filter(|prefix| !prefix.is_empty())
        });
        if let Some(prefix) = prefix {
            put_prefix(&mut content, &prefix);
        }
        Ok(NamespaceWithContent { record, content })
    }

    /// Sets every attribute of a namespace; what the body does not say goes back to its default.
    pub async fn update_namespace(
        &self,
        ctx: &Context,
        name: &str,
        body: Value,
    ) -> Result<NamespaceRecord> {
        let members = body::members(body, MetadefBody::Namespace, body::LINKED)?;
        let record = self.find(ctx, name, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::ModifyMetadefNamespace, Some(&record))?;
        let fields = fields(ctx, &members);
        body::refuse_four_bytes(&members, "update", "namespace")?;
        let updated = self.db().update_namespace(&record, &fields).await;
        let updated = updated.map_err(|error| translate_rename(error, name, name))?;
        self.service.notify(Event::NamespaceUpdate, || {
            told::namespace(&updated, &record.namespace)
        });
        Ok(updated)
    }

    /// Deletes a namespace with all that is in it.
    pub async fn delete_namespace(&self, ctx: &Context, name: &str) -> Result<()> {
        let record = self.find(ctx, name, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::DeleteMetadefNamespace, Some(&record))?;
        let deleted = self.db().delete_namespace(&record).await;
        deleted.map_err(|error| translate(error, name, name))?;
        self.service.notify(Event::NamespaceDelete, || {
            payload::deleted(told::namespace(&record, &record.namespace))
        });
        Ok(())
    }
}

fn fields(ctx: &Context, members: &Map<String, Value>) -> NamespaceFields {
    NamespaceFields {
        namespace: body::text(members, "namespace").unwrap_or_default(),
        display_name: body::text(members, "display_name"),
        description: body::text(members, "description"),
        visibility: match members.get("visibility").and_then(Value::as_str) {
            Some("public") => Visibility::Public,
            _ => Visibility::Private,
        },
        protected: members.get("protected") == Some(&Value::Bool(true)),
        // Compat: Glance does so when it changes a namespace; when it creates one, it takes an empty owner for one.
        owner: body::text(members, "owner")
            .filter(|owner| !owner.is_empty())
            .or_else(|| ctx.project_id().map(str::to_owned))
            .unwrap_or_else(|| OWNER_OF_NOBODY.to_owned()),
    }
}

/// Compat, stricter: Glance leaves the lengths to the database, and SQLite does not look.
fn check_names(new: &NewNamespace) -> Result<()> {
    for association in &new.associations {
        body::require_short(&association.name, "resource type")?;
        body::require_short(association.prefix.as_deref().unwrap_or_default(), "prefix")?;
        let target = association.properties_target.as_deref();
        body::require_short(target.unwrap_or_default(), "properties target")?;
    }
    for object in &new.objects {
        body::require_short(&object.name, "object")?;
    }
    for name in new.properties.keys() {
        body::require_short(name, "property")?;
    }
    for tag in &new.tags {
        body::require_short(tag, "tag")?;
    }
    Ok(())
}

fn echo(members: &Map<String, Value>) -> Result<Map<String, Value>> {
    let mut given = Map::new();
    for name in [
        "resource_type_associations",
        "properties",
        "objects",
        "tags",
    ] {
        let Some(value) = members.get(name) else {
            continue;
        };
        let value = match name {
            "properties" => Value::Object(body::definitions(members)?.unwrap_or_default()),
            "objects" => echo_objects(value)?,
            _ => value.clone(),
        };
        given.insert(name.to_owned(), value);
    }
    Ok(given)
}

fn echo_objects(objects: &Value) -> Result<Value> {
    let mut objects = objects.clone();
    for object in objects.as_array_mut().into_iter().flatten() {
        if let Some(object) = object.as_object_mut()
            && let Some(definitions) = body::definitions(object)?
        {
            object.insert("properties".to_owned(), Value::Object(definitions));
        }
    }
    Ok(objects)
}

fn put_prefix(content: &mut NamespaceContent, prefix: &str) {
    for property in &mut content.properties {
        property.name.insert_str(0, prefix);
    }
    for object in &mut content.objects {
        for name in &mut object.required {
            name.insert_str(0, prefix);
        }
        object.properties = std::mem::take(&mut object.properties)
            .into_iter()
            .map(|(name, definition)| (format!("{prefix}{name}"), definition))
            .collect();
    }
}

/// The first value of a parameter.
pub(super) fn first<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = parameters.iter().find(|(key, _)| key == name)?;
    Some(&found.1)
}

pub(super) fn direction(parameters: &[(String, String)]) -> Result<Direction> {
    match first(parameters, "sort_dir") {
        None | Some("desc") => Ok(Direction::Descending),
        Some("asc") => Ok(Direction::Ascending),
        Some(other) => Err(ServiceError::Invalid(format!(
            "Invalid sort direction: {other}"
        ))),
    }
}

/// Compat: an empty visibility passes, and matches nothing.
pub(super) fn visibility_filter(
    parameters: &[(String, String)],
    known: &[&str],
) -> Result<Option<String>> {
    match first(parameters, "visibility") {
        Some(word) if !word.is_empty() && !known.contains(&word) => Err(ServiceError::Invalid(
            format!("Invalid visibility value: {word}"),
        )),
        word => Ok(word.map(str::to_owned)),
    }
}

pub(super) fn read_limit(text: &str) -> Result<u64> {
    match text.trim().parse::<i128>() {
        Ok(limit) => u64::try_from(limit.min(i128::from(u64::MAX)))
            .map_err(|_| ServiceError::Invalid("limit param must be positive".to_owned())),
        Err(_) => Err(ServiceError::Invalid(
            "limit param must be an integer".to_owned(),
        )),
    }
}

pub(super) fn unknown_sort_key(key: &str) -> ServiceError {
    ServiceError::Invalid(format!("Invalid sort key: {key}"))
}
