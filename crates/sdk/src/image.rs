//! An image as the API shows it, what to create one from, and how to change one.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use vidimus_types::{ImageId, ImageStatus, Visibility};

/// An image.
///
/// The fields are those every Glance sends and openstackclient shows as rows of their own; everything else stands in
/// [`Self::properties`]. Words of the API (`status`, `visibility`, formats) are kept as text, so that a newer server's
/// words do not make a listing fail.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Its name; an image needs none.
    #[serde(default)]
    pub name: Option<String>,
    /// Where it is in its life, see [`ImageStatus`].
    #[serde(default)]
    pub status: Option<String>,
    /// Who can see it, see [`Visibility`].
    #[serde(default)]
    pub visibility: Option<String>,
    /// Whether it refuses to be deleted.
    #[serde(default)]
    pub protected: Option<bool>,
    /// The project it belongs to.
    #[serde(default)]
    pub owner: Option<String>,
    /// Bytes of data, once there are any.
    #[serde(default)]
    pub size: Option<u64>,
    /// Bytes of the disk inside, if the server could tell.
    #[serde(default)]
    pub virtual_size: Option<u64>,
    /// The disk's format, such as `qcow2`.
    #[serde(default)]
    pub disk_format: Option<String>,
    /// What wraps the disk, `bare` for nothing.
    #[serde(default)]
    pub container_format: Option<String>,
    /// MD5 of the data.
    #[serde(default)]
    pub checksum: Option<String>,
    /// Gigabytes of disk an instance needs at least.
    #[serde(default)]
    pub min_disk: Option<i64>,
    /// Megabytes of memory an instance needs at least.
    #[serde(default)]
    pub min_ram: Option<i64>,
    /// When it was created, as the server writes it.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When it was last changed, as the server writes it.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// Path of its data on the server.
    #[serde(default)]
    pub file: Option<String>,
    /// Path of its schema on the server.
    #[serde(default)]
    pub schema: Option<String>,
    /// Its tags, in no particular order.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Everything else in the order received: `os_hidden`, `os_hash_algo`, `os_hash_value`, `stores`, `locations`,
    /// `direct_url` where the server sends them, and the custom properties.
    #[serde(flatten)]
    pub properties: Map<String, Value>,
}

impl Image {
    /// The status as one of the known words.
    pub fn known_status(&self) -> Option<ImageStatus> {
        self.status.as_deref()?.parse().ok()
    }

    /// The visibility as one of the known words.
    pub fn known_visibility(&self) -> Option<Visibility> {
        self.visibility.as_deref()?.parse().ok()
    }

    /// Whether it is left out of default lists.
    pub fn is_hidden(&self) -> bool {
        self.properties.get("os_hidden").and_then(Value::as_bool) == Some(true)
    }

    /// The name of the hash algorithm and the hash of the data, if the server knows both.
    pub fn os_hash(&self) -> Option<(&str, &str)> {
        Some((self.text("os_hash_algo")?, self.text("os_hash_value")?))
    }

    /// The stores its data is in, on a server with several.
    pub fn stores(&self) -> Vec<&str> {
        self.text("stores")
            .map(|stores| stores.split(',').collect())
            .unwrap_or_default()
    }

    fn text(&self, property: &str) -> Option<&str> {
        self.properties
            .get(property)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// Compat: openstacksdk drops a key named `self` wherever Glance sends one.
    pub(crate) fn from_json(mut body: Value) -> serde_json::Result<Self> {
        if let Some(object) = body.as_object_mut() {
            object.shift_remove("self");
        }
        serde_json::from_value(body)
    }
}

/// What to create an image from. Fields that are `None` are left to the server.
#[derive(Debug, Clone, Default)]
pub struct NewImage {
    /// An id of the caller's choice.
    pub id: Option<ImageId>,
    /// The name.
    pub name: Option<String>,
    /// The disk's format; needed before data can be uploaded.
    pub disk_format: Option<String>,
    /// The container's format; needed before data can be uploaded.
    pub container_format: Option<String>,
    /// Gigabytes of disk an instance needs at least.
    pub min_disk: Option<i64>,
    /// Megabytes of memory an instance needs at least.
    pub min_ram: Option<i64>,
    /// Who can see it.
    pub visibility: Option<Visibility>,
    /// Whether it refuses to be deleted.
    pub protected: Option<bool>,
    /// The project it belongs to; only admins may choose another than their own.
    pub owner: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Any other key of the request, `os_hidden` and custom properties among them.
    pub properties: Map<String, Value>,
}

impl NewImage {
    /// The request's body.
    pub(crate) fn body(&self) -> Value {
        let mut body = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(key.to_owned(), value);
            }
        };
        put("id", self.id.map(|id| json!(id)));
        put("name", self.name.as_ref().map(|name| json!(name)));
        put(
            "disk_format",
            self.disk_format.as_ref().map(|word| json!(word)),
        );
        put(
            "container_format",
            self.container_format.as_ref().map(|word| json!(word)),
        );
        put("min_disk", self.min_disk.map(|size| json!(size)));
        put("min_ram", self.min_ram.map(|size| json!(size)));
        put("visibility", self.visibility.map(|word| json!(word)));
        put("protected", self.protected.map(|flag| json!(flag)));
        put("owner", self.owner.as_ref().map(|project| json!(project)));
        put("tags", (!self.tags.is_empty()).then(|| json!(self.tags)));
        for (key, value) in &self.properties {
            put(key, Some(value.clone()));
        }
        Value::Object(body)
    }
}

/// Changes to an image, sent as one JSON patch: all of them happen or none.
#[derive(Debug, Clone, Default)]
pub struct ImagePatch(Vec<Value>);

impl ImagePatch {
    /// Sets `key`, whether it was there or not.
    pub fn add(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.push("add", key, Some(value.into()))
    }

    /// Sets `key`, which must be there.
    pub fn replace(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.push("replace", key, Some(value.into()))
    }

    /// Takes `key` away, which must be there and must not be one of the image's own fields.
    pub fn remove(&mut self, key: &str) -> &mut Self {
        self.push("remove", key, None)
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The changes that turn `before` into `after`, the way openstacksdk computes them: fields and properties that
    /// differ are replaced, new ones added, missing ones removed.
    pub fn between(before: &Map<String, Value>, after: &Map<String, Value>) -> Self {
        let mut patch = Self::default();
        for key in before.keys().filter(|key| !after.contains_key(*key)) {
            patch.remove(key);
        }
        for (key, value) in after {
            match before.get(key) {
                Some(old) if old == value => {}
                Some(_) => {
                    patch.replace(key, value.clone());
                }
                None => {
                    patch.add(key, value.clone());
                }
            }
        }
        patch
    }

    fn push(&mut self, op: &str, key: &str, value: Option<Value>) -> &mut Self {
        // RFC 6901: a property's name may hold the pointer's own special characters.
        let path = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        let mut operation = json!({"op": op, "path": path});
        if let Some(value) = value {
            operation["value"] = value;
        }
        self.0.push(operation);
        self
    }

    pub(crate) fn body(&self) -> Value {
        Value::Array(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "71c675ab-d94f-49cd-a114-e12490b328d9";

    #[test]
    fn properties_keep_their_order_and_self_is_dropped() {
        let image = Image::from_json(json!({
            "zebra": "1", "name": "a", "os_hidden": false, "self": "/v2/images/x", "apple": "2", "id": ID, "tags": [],
        }))
        .unwrap();
        let keys: Vec<&String> = image.properties.keys().collect();
        assert_eq!(keys, ["zebra", "os_hidden", "apple"]);
        assert_eq!(image.name.as_deref(), Some("a"));
        assert_eq!(image.size, None);
    }

    #[test]
    fn a_patch_escapes_pointer_characters() {
        let mut patch = ImagePatch::default();
        patch.add("a/b~c", "v").remove("old");
        assert_eq!(
            patch.body(),
            json!([{"op": "add", "path": "/a~1b~0c", "value": "v"}, {"op": "remove", "path": "/old"}])
        );
    }

    #[test]
    fn only_differences_are_sent() {
        let before = json!({"name": "a", "gone": "x", "kept": 1});
        let after = json!({"name": "b", "kept": 1, "new": "y"});
        let patch = ImagePatch::between(before.as_object().unwrap(), after.as_object().unwrap());
        assert_eq!(
            patch.body(),
            json!([
                {"op": "remove", "path": "/gone"},
                {"op": "replace", "path": "/name", "value": "b"},
                {"op": "add", "path": "/new", "value": "y"},
            ])
        );
    }
}
