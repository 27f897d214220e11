//! Says and changes where the data of an image lies: the list for services, and the changes of a PATCH.
//!
//! A location given by a client is looked at before it is believed: its store must be here, the filter must let it through,
//! and there must be data. What is said about the data beside it is believed; to have it checked there is the route of
//! `import::location`.

use serde_json::{Map, Value};
use vidimus_auth::{Action, Context};
use vidimus_db::{Described, ImageRecord, LocationRecord};
use vidimus_digest::Algorithm;
use vidimus_fetch::Refusal;
use vidimus_store::{self as store, Location};
use vidimus_types::{Change, ImageId, ImageStatus, Operation};

use crate::{
    Error, ImageService, Result,
    images::{check_quota, refuse_four_bytes, require_formats},
    patch::ImageEdit,
};

/// Schemes that lead into this server or its configuration.
const RESTRICTED: [&str; 3] = ["file", "filesystem", "swift+config"];

/// A location as a client gives it.
#[derive(Debug, Clone)]
struct Given {
    url: String,
    metadata: Map<String, Value>,
    /// What the data is said to be, in the order in which it was said.
    said: Vec<(String, String)>,
}

/// What is found where a location leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// So many bytes.
    Bytes(u64),
    /// None, or nothing anybody may know of.
    Nothing,
    /// No way to tell.
    Malformed,
}

impl Found {
    fn size_bytes(self) -> Option<u64> {
        match self {
            Self::Bytes(size) if size > 0 => Some(size),
            _ => None,
        }
    }

    /// The size of what is there; nothing is as bad as no location.
    pub(crate) fn required(self) -> Result<u64> {
        self.size_bytes().ok_or(Error::InvalidLocation)
    }
}

impl ImageService {
    /// Where the data of an image lies, for services that fetch it themselves.
    pub async fn list_locations(&self, ctx: &Context, id: &ImageId) -> Result<Vec<LocationRecord>> {
        let record = self.find_image(ctx, id).await?;
        self.enforce_on(ctx, Action::FetchImageLocation, &record)?;
        // Where the data of a deactivated image is, only admins are told.
        if record.status == ImageStatus::Deactivated && !ctx.is_admin() {
            return Ok(Vec::new());
        }
        Ok(record.locations)
    }

    /// Makes one change of a PATCH to the locations.
    pub(crate) async fn change_locations(
        &self,
        ctx: &Context,
        edit: &mut ImageEdit,
        change: Change,
    ) -> Result<()> {
        let (action, verb) = match &change.operation {
            Operation::Replace(Value::Array(list)) if list.is_empty() => {
                return Err(Error::LocationsEmptied);
            }
            Operation::Add(_) => (Action::SetImageLocation, "add"),
            Operation::Replace(_) => (Action::SetImageLocation, "update"),
            Operation::Remove => (Action::DeleteImageLocation, "remove"),
        };
        self.enforce_on(ctx, action, edit.record())?;
        if !self.config().show_locations {
            return Err(Error::LocationsInvisible(verb));
        }
        let position = change.position.as_deref().unwrap_or_default();
        match change.operation {
            Operation::Add(value) => self.insert_location(ctx, edit, position, &value).await,
            Operation::Replace(value) => self.replace_locations(ctx, edit, &value).await,
            Operation::Remove => take_location(edit, position),
        }
    }

    async fn insert_location(
        &self,
        ctx: &Context,
        edit: &mut ImageEdit,
        position: &str,
        value: &Value,
    ) -> Result<()> {
        require_status(edit.record(), "add")?;
        let mut given = Given::read(value);
        let said = self.check_said(edit.record(), std::slice::from_ref(&given))?;
        self.name_store(&mut given.metadata, &given.url);
        let count = edit.record().locations.len();
        let at = match position {
            "-" => count,
            digits => index(digits)
                .ok_or(Error::LocationPosition("adding"))?
                .min(count),
        };

        let found = self.look_at(&given.url).await?;
        let size = edit.record().size.filter(|size| *size > 0);
        let needed = match (size, found) {
            (Some(size), _) => Some(size),
            (None, Found::Malformed) => return Err(Error::MalformedLocation),
            (None, found) => found.size_bytes(),
        };
        self.require_room(ctx, needed, None).await?;
        check_quota("locations", count + 1, self.config().location_quota)?;
        let found = found.required()?;
        check_metadata(&given.metadata)?;
        let is_known = |location: &LocationRecord| {
            location.url == given.url && location.metadata == given.metadata
        };
        if edit.record().locations.iter().any(is_known) {
            return Err(Error::DuplicateLocation(given.url));
        }
        refuse_four_byte_texts(&given)?;
        edit.insert_location(at, given.url, given.metadata, found);
        activate(edit, said)
    }

    async fn replace_locations(
        &self,
        ctx: &Context,
        edit: &mut ImageEdit,
        value: &Value,
    ) -> Result<()> {
        require_status(edit.record(), "replace")?;
        let mut given: Vec<Given> = value
            .as_array()
            .into_iter()
            .flatten()
            .map(Given::read)
            .collect();
        let said = self.check_said(edit.record(), &given)?;
        for one in &mut given {
            self.name_store(&mut one.metadata, &one.url);
        }
        check_quota("locations", given.len(), self.config().location_quota)?;

        let is_same_place = urls(given.iter().map(|one| &one.url))
            == urls(edit.record().locations.iter().map(|one| &one.url));
        if !edit.record().locations.is_empty() && !is_same_place {
            return Err(Error::LocationsPresent);
        }
        // Places that are known already need not be there to be described anew.
        let mut found = Vec::with_capacity(given.len());
        if !is_same_place {
            for one in &given {
                found.push(self.look_at(&one.url).await?);
            }
        }
        let size = edit.record().size.filter(|size| *size > 0);
        let first = found.iter().find_map(|found| found.size_bytes());
        if size.is_none() && first.is_none() && found.contains(&Found::Malformed) {
            return Err(Error::MalformedLocation);
        }
        let needed = size.or(first);
        let needed = needed.map(|size| size.saturating_mul(given.len() as u64));
        let id = edit.record().id;
        self.require_room(ctx, needed, Some(&id)).await?;
        for (at, found) in found.iter().enumerate() {
            found.required()?;
            check_metadata(&given[at].metadata)?;
            let is_same =
                |other: &&Given| other.url == given[at].url && other.metadata == given[at].metadata;
            if given.iter().filter(is_same).count() > 1 {
                return Err(Error::DuplicateLocation(given[at].url.clone()));
            }
        }
        for one in &given {
            check_metadata(&one.metadata)?;
            refuse_four_byte_texts(one)?;
        }
        let replaced = given.into_iter().map(|one| (one.url, one.metadata));
        edit.replace_locations(replaced.collect(), first);
        activate(edit, said)
    }

    /// What of the things said is new, or why it cannot be believed.
    fn check_said(&self, record: &ImageRecord, given: &[Given]) -> Result<Described> {
        let refused = |text: String| Err(Error::ValidationData(text));
        let mut said: Vec<(&str, &str)> = Vec::new();
        for (name, value) in given.iter().flat_map(|one| &one.said) {
            match said.iter().find(|(known, _)| known == name) {
                Some((_, other)) if other != value => {
                    return refused(format!("Conflicting values for {name}"));
                }
                Some(_) => {}
                None => said.push((name, value)),
            }
        }
        let mut new: Vec<(&str, &str)> = Vec::new();
        for (name, value) in said {
            let current = match name {
                "checksum" => &record.checksum,
                "os_hash_algo" => &record.os_hash_algo,
                _ => &record.os_hash_value,
            };
            match current.as_deref().filter(|current| !current.is_empty()) {
                Some(current) if current == value => {}
                Some(_) => {
                    return refused(format!("{name} is already set with a different value"));
                }
                None => new.push((name, value)),
            }
        }
        if new.is_empty() {
            return Ok(Described::default());
        }
        if record.status != ImageStatus::Queued {
            let names: Vec<&str> = new.iter().map(|(name, _)| *name).collect();
            return refused(format!(
                "New value(s) for {} may only be provided when image status is 'queued'",
                names.join(", ")
            ));
        }
        let get = |wanted: &str| {
            let found = new.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        };
        if let Some(checksum) = get("checksum") {
            check_hash("checksum", &checksum, "md5", 16).map_err(Error::ValidationData)?;
        }
        let wanted = self.config().hash_algorithm;
        let named = get("os_hash_algo");
        if named.as_deref() != Some(wanted.name()) {
            return refused(format!(
                "os_hash_algo must be {}, not {}",
                wanted.name(),
                named.as_deref().unwrap_or("None")
            ));
        }
        let value = get("os_hash_value").unwrap_or_default();
        check_hash("os_hash_value", &value, wanted.name(), wanted.size_bytes())
            .map_err(Error::ValidationData)?;
        Ok(Described {
            size: None,
            checksum: get("checksum"),
            os_hash_algo: named,
            os_hash_value: Some(value),
        })
    }

    /// Notes the store a URL belongs to, where stores have names.
    pub(crate) fn name_store(&self, metadata: &mut Map<String, Value>, url: &str) {
        if !self.has_several_stores() {
            return;
        }
        if let Some(store) = self.parts.stores.iter().find(|store| store.recognises(url)) {
            metadata.insert("store".to_owned(), store.id().as_str().into());
        }
    }

    /// Goes and looks what is at a URL, if one may go there at all.
    pub(crate) async fn look_at(&self, url: &str) -> Result<Found> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        if RESTRICTED.contains(&scheme) {
            return Ok(Found::Nothing);
        }
        let is_web = is_web(url);
        let Some(store) = self.parts.stores.iter().find(|store| store.recognises(url)) else {
            // Compat: stores without names are found by the scheme alone, and trip over capitals in it afterwards.
            let is_known = is_web && !self.has_several_stores();
            return Ok(if is_known {
                Found::Malformed
            } else {
                Found::Nothing
            });
        };
        if is_web {
            match self.parts.fetcher.admit(url).await {
                _ if !is_well_formed(url) => return Ok(Found::Malformed),
                Err(Refusal::NotAUrl) => return Ok(Found::Malformed),
                Err(refusal) => {
                    tracing::info!(
                        error = &refusal as &dyn std::error::Error,
                        "location refused"
                    );
                    return Ok(Found::Nothing);
                }
                Ok(()) => {}
            }
        }
        Ok(match store.size(&Location::new(url)).await {
            Ok(size) => Found::Bytes(size),
            Err(store::Error::NotFound { .. } | store::Error::BadLocation { .. }) => Found::Nothing,
            Err(error) => {
                tracing::info!(
                    error = &error as &dyn std::error::Error,
                    "location not readable"
                );
                Found::Malformed
            }
        })
    }

    async fn require_room(
        &self,
        ctx: &Context,
        needed: Option<u64>,
        except: Option<&ImageId>,
    ) -> Result<()> {
        let room = self.storage_room(ctx.project_id(), needed, except).await?;
        room.map(drop).map_err(Error::LocationStorageQuota)
    }
}

impl Given {
    /// Reads what the schema has let through.
    fn read(value: &Value) -> Self {
        let said = value.get("validation_data").and_then(Value::as_object);
        let said = said.into_iter().flatten();
        Self {
            url: value["url"].as_str().unwrap_or_default().to_owned(),
            metadata: value["metadata"].as_object().cloned().unwrap_or_default(),
            said: said
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
        }
    }
}

/// Takes one location off; the caller removes the data once that is saved.
fn take_location(edit: &mut ImageEdit, position: &str) -> Result<()> {
    let status = edit.record().status;
    if status != ImageStatus::Active {
        return Err(Error::LocationsFixed {
            verb: "remove",
            status,
        });
    }
    let count = edit.record().locations.len();
    if count == 1 {
        return Err(Error::LastLocation);
    }
    let at = match position {
        "-" => count.checked_sub(1),
        digits => index(digits),
    };
    match at.filter(|at| *at < count) {
        Some(at) => {
            edit.take_location(at);
            Ok(())
        }
        None => Err(Error::LocationPosition("removing")),
    }
}

/// An image gets its data with its first location.
fn activate(edit: &mut ImageEdit, said: Described) -> Result<()> {
    if edit.record().status == ImageStatus::Queued {
        require_formats(edit.record())?;
        edit.activate(said);
    }
    Ok(())
}

fn require_status(record: &ImageRecord, verb: &'static str) -> Result<()> {
    match record.status {
        ImageStatus::Active | ImageStatus::Queued => Ok(()),
        status => Err(Error::LocationsFixed { verb, status }),
    }
}

fn index(digits: &str) -> Option<usize> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(usize::MAX))
}

fn urls<'a>(urls: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut sorted: Vec<&String> = urls.collect();
    sorted.sort();
    sorted
}

/// Hexadecimal digits for so many bytes, or what is wrong with them in Glance's words.
fn check_hash(name: &str, value: &str, algorithm: &str, size: usize) -> Result<(), String> {
    match hex_bytes(value) {
        None => Err(format!("{name} ({value}) is not a valid hexadecimal value")),
        Some(bytes) if bytes != size => Err(format!(
            "{name} ({value}) is not the correct size for {algorithm} (should be {size} bytes)"
        )),
        Some(_) => Ok(()),
    }
}

/// As [`check_hash`], in the words of the route of its own, which knows some algorithms of its own too.
pub(crate) fn check_route_hash(algorithm: &str, value: &str) -> Result<Algorithm> {
    let known = Algorithm::find(algorithm)
        .ok_or_else(|| Error::Invalid(format!("os_hash_algo ({algorithm}) is not known here")))?;
    let size = known.size_bytes();
    match hex_bytes(value) {
        None => Err(Error::Invalid(format!(
            "os_hash_value ({value}) is not a valid hexadecimal value"
        ))),
        Some(bytes) if bytes != size => Err(Error::Invalid(format!(
            "os_hash_value: ({value}) is not the correct size for ({algorithm}) (should be ({size}) bytes)"
        ))),
        Some(_) => Ok(known),
    }
}

fn hex_bytes(value: &str) -> Option<usize> {
    let is_hex =
        value.len().is_multiple_of(2) && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then_some(value.len() / 2)
}

/// Metadata is made of objects, lists and texts.
///
/// Compat: in the words of the peer, which answers 500.
fn check_metadata(metadata: &Map<String, Value>) -> Result<()> {
    fn check(key: &str, value: &Value) -> Result<()> {
        let kind = match value {
            Value::String(_) => return Ok(()),
            Value::Object(members) => return check_metadata(members),
            Value::Array(items) => {
                return items
                    .iter()
                    .enumerate()
                    .try_for_each(|(at, item)| check(&format!("{key}[{at}]"), item));
            }
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
        };
        Err(Error::Invalid(format!(
            "The image metadata key {key} has an invalid type of {kind}. Only dict, list, and unicode are supported."
        )))
    }
    metadata
        .iter()
        .try_for_each(|(key, value)| check(key, value))
}

fn refuse_four_byte_texts(given: &Given) -> Result<()> {
    fn texts<'a>(members: &'a Map<String, Value>, found: &mut Vec<(&'a str, &'a str)>) {
        for (name, value) in members {
            match value {
                Value::Object(members) => texts(members, found),
                value => found.push((name, value.as_str().unwrap_or_default())),
            }
        }
    }
    let mut found = vec![("url", given.url.as_str())];
    texts(&given.metadata, &mut found);
    refuse_four_bytes(found.into_iter())
}

/// Where a location is, as stores want to be told.
pub(crate) fn place(location: &LocationRecord) -> Location {
    Location {
        url: location.url.clone(),
        metadata: location.metadata.clone(),
    }
}

/// Whether a URL leads to the web, however its scheme is spelt.
pub(crate) fn is_web(url: &str) -> bool {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// Whether a URL of the web is written as its store reads it: the scheme in small letters, credentials with a password.
fn is_well_formed(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let has_whole_credentials = match authority.rsplit_once('@') {
        Some((credentials, _)) => credentials.split(':').count() == 2,
        None => true,
    };
    matches!(scheme, "http" | "https") && has_whole_credentials
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_plain_positions_are_positions() {
        assert_eq!(index("0"), Some(0));
        assert_eq!(index("017"), Some(17));
        for text in ["", "-", "-1", "+1", "1x", "٣", " 1"] {
            assert_eq!(index(text), None, "{text}");
        }
        assert_eq!(index(&"9".repeat(40)), Some(usize::MAX));
    }

    #[test]
    fn metadata_holds_texts_only() {
        let check = |value: Value| check_metadata(value.as_object().unwrap());
        assert!(check(json!({"a": "b", "c": {"d": ["e", {"f": "g"}]}})).is_ok());
        for (value, key) in [
            (json!({"a": 1}), "key a has"),
            (json!({"a": {"b": null}}), "key b has"),
            (json!({"a": ["x", true]}), "key a[1] has"),
        ] {
            let told = check(value).unwrap_err().to_string();
            assert!(told.contains(key), "{told}");
        }
    }

    #[test]
    fn credentials_come_in_pairs() {
        for url in ["http://h/x", "https://u:p@h/x", "http://h:80/a@b"] {
            assert!(is_well_formed(url), "{url}");
        }
        for url in ["HTTP://h/x", "http://u@h/x", "http://u:p:q@h/x", "http:/h"] {
            assert!(!is_well_formed(url), "{url}");
        }
    }
}
