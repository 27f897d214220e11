//! Tags of a namespace.

use serde_json::{Map, Value};
use vidimus_auth::{Action, Context};
use vidimus_db::{self as db, MetadefTagRecord, TagQuery, TagSortKey};
use vidimus_types::schema::metadefs::MetadefBody;

use super::{
    Error, Metadefs, body,
    namespaces::{direction, first, read_limit, unknown_sort_key, visibility_filter},
    translate,
};
use crate::{
    Result,
    notify::{Event, metadefs as told, payload},
};

impl Metadefs<'_> {
    /// The tags of a namespace, newest first unless told otherwise.
    pub async fn list_tags(
        &self,
        ctx: &Context,
        namespace: &str,
        parameters: &[(String, String)],
    ) -> Result<Vec<MetadefTagRecord>> {
        visibility_filter(parameters, &["public", "private", "shared"])?;
        let given = |name| first(parameters, name).filter(|value| !value.is_empty());
        let mut query = TagQuery {
            direction: direction(parameters)?,
            limit: given("limit").map(read_limit).transpose()?,
            ..TagQuery::default()
        };
        if let Some(key) = first(parameters, "sort_key") {
            query.sort_key = TagSortKey::parse(key).ok_or_else(|| unknown_sort_key(key))?;
        }
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::GetMetadefTags, Some(&record))?;
        if let Some(marker) = given("marker") {
            let found = self.db().get_tag(&record, marker).await;
            query.marker = Some(found.map_err(|error| translate(error, namespace, marker))?);
        }
        Ok(self.db().list_tags(&record, &query).await?)
    }

    /// Adds a tag to a namespace.
    pub async fn create_tag(
        &self,
        ctx: &Context,
        namespace: &str,
        name: &str,
    ) -> Result<MetadefTagRecord> {
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        let body = Value::Object(Map::from_iter([("name".to_owned(), name.into())]));
        let members = body::members(body, MetadefBody::Tag, body::TIMED)?;
        self.enforce(ctx, Action::AddMetadefTag, Some(&record))?;
        body::refuse_four_bytes(&members, "create", "tag")?;
        let refuse = |error| translate(error, namespace, name);
        self.db().create_tag(&record, name).await.map_err(refuse)?;
        self.service
            .notify(Event::TagCreate, || told::new_tag(namespace, name));
        self.db().get_tag(&record, name).await.map_err(refuse)
    }

    /// Adds tags to a namespace, beside those it has or in their place; answers their names.
    ///
    /// Compat: an empty list changes nothing, in the place of tags too.
    pub async fn create_tags(
        &self,
        ctx: &Context,
        namespace: &str,
        body: Value,
        appends: bool,
    ) -> Result<Vec<String>> {
        let members = body::members(body, MetadefBody::TagList, body::TIMED)?;
        let items = members.get("tags").and_then(Value::as_array);
        let names: Vec<String> = items
            .ok_or(Error::Missing("tags"))?
            .iter()
            .filter_map(|tag| tag.get("name")?.as_str().map(str::to_owned))
            .collect();
        // Compat, stricter: the schema of the list has no limit, unlike that of a single tag.
        for name in &names {
            body::require_short(name, "tag")?;
        }
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::AddMetadefTags, Some(&record))?;
        body::refuse_four_bytes(&members, "create", "tag")?;
        if !names.is_empty() {
            let done = if appends {
                self.db().append_tags(&record, &names).await
            } else {
                self.db().replace_tags(&record, &names).await
            };
            done.map_err(|error| translate(error, namespace, namespace))?;
        }
        for name in &names {
            self.service
                .notify(Event::TagCreate, || told::new_tag(namespace, name));
        }
        Ok(names)
    }

    /// One tag.
    pub async fn show_tag(
        &self,
        ctx: &Context,
        namespace: &str,
        name: &str,
    ) -> Result<MetadefTagRecord> {
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::GetMetadefTag, Some(&record))?;
        let tag = self.db().get_tag(&record, name).await;
        tag.map_err(|error| translate(error, namespace, name))
    }

    /// Gives a tag another name.
    pub async fn update_tag(
        &self,
        ctx: &Context,
        namespace: &str,
        name: &str,
        body: Value,
    ) -> Result<MetadefTagRecord> {
        let members = body::members(body, MetadefBody::Tag, body::TIMED)?;
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::ModifyMetadefTag, Some(&record))?;
        let refuse = |error| translate(error, namespace, name);
        let tag = self.db().get_tag(&record, name).await.map_err(refuse)?;
        body::refuse_four_bytes(&members, "update", "tag")?;
        let new_name = body::text(&members, "name").ok_or(Error::Missing("name"))?;
        let renamed = self.db().rename_tag(&record, &tag, &new_name).await;
        let renamed = renamed.map_err(refuse)?;
        self.service
            .notify(Event::TagUpdate, || told::tag(namespace, &renamed, name));
        Ok(renamed)
    }

    /// Deletes a tag.
    pub async fn delete_tag(&self, ctx: &Context, namespace: &str, name: &str) -> Result<()> {
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::DeleteMetadefTag, Some(&record))?;
        let metadefs = self.db();
        let last = metadefs.get_tag(&record, name);
        let tag = self.last_look(Event::TagDelete, last).await;
        match metadefs.delete_tag(&record, name).await {
            Err(db::Error::MetadefProtected) => {
                return Err(Error::TagProtected(name.to_owned()).into());
            }
            deleted => deleted.map_err(|error| translate(error, namespace, name))?,
        }
        if let Some(tag) = tag {
            self.service.notify(Event::TagDelete, || {
                payload::deleted(told::tag(namespace, &tag, name))
            });
        }
        Ok(())
    }

    /// Deletes all tags of a namespace. Compat: by the rule for deleting the namespace and by its own.
    pub async fn delete_tags(&self, ctx: &Context, namespace: &str) -> Result<()> {
        let record = self.find(ctx, namespace, Error::NamespaceMissing).await?;
        self.enforce(ctx, Action::DeleteMetadefNamespace, Some(&record))?;
        self.enforce(ctx, Action::DeleteMetadefTags, Some(&record))?;
        let deleted = self.db().delete_tags(&record).await;
        deleted.map_err(|error| translate(error, namespace, namespace))?;
        self.service.notify(Event::NamespaceDeleteTags, || {
            told::namespace(&record, namespace)
        });
        Ok(())
    }
}
