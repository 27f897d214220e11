//! `glance-download`: the data and some of the metadata of an image of another region, in the caller's name.
//!
//! Where the region is, the caller's service catalog says; it is asked with the caller's token, through the same filter
//! as any other URI. What is copied from the remote image is written down together with the data, in the step that makes
//! the image active: an import that fails leaves the image as its owner described it.

use futures_util::TryStreamExt;
use serde_json::{Map, Value};
use uuid::Uuid;
use vidimus_auth::{Access, Context, Credentials};
use vidimus_fetch::Terms;
use vidimus_types::{is_attribute, is_reserved};

use super::{
    Job,
    fetch::{Proof, not_fetched},
    run::Broken,
};
use crate::{Error, ImageService, Result, images::refuse_four_bytes};

/// The longest description of an image that is read.
const DESCRIPTION_BYTES: u64 = 4 * 1024 * 1024;

/// An image elsewhere, and in whose name it is asked for.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    region: String,
    interface: String,
    image: String,
    ctx: Context,
    credentials: Credentials,
}

impl Remote {
    /// Reads the fields of the method; a default that applies is written into it, for the task to show.
    pub(super) fn read(
        method: &mut Map<String, Value>,
        ctx: &Context,
        credentials: &Credentials,
    ) -> Result<Self> {
        let text = |name: &str| match method.get(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(Error::Invalid(format!("'{name}' must be a string"))),
            None => Err(Error::Invalid(format!(
                "'{name}' needs to be set for glance-download import method"
            ))),
        };
        let region = text("glance_region")?;
        let given = text("glance_image_id")?;
        let image = uuid_in(&given).ok_or_else(|| {
            Error::Invalid(format!(
                "Remote image id does not look like a UUID: {given}"
            ))
        })?;
        let interface = match method.get("glance_service_interface") {
            None => "public".to_owned(),
            Some(_) => text("glance_service_interface")?,
        };
        method.insert(
            "glance_service_interface".to_owned(),
            interface.clone().into(),
        );
        Ok(Self {
            region,
            interface,
            image: image.to_string(),
            ctx: ctx.clone(),
            credentials: credentials.clone(),
        })
    }

    fn terms(&self, is_verified: bool) -> Terms {
        Terms {
            token: self.credentials.token().map(str::to_owned),
            is_verified,
        }
    }
}

/// What the remote image says about itself.
#[derive(Debug)]
struct Description {
    size_bytes: u64,
    disk_format: String,
    container_format: String,
    properties: Vec<(String, String)>,
    proof: Option<Proof>,
}

impl Description {
    /// Reads it; `prefixes` say which properties are to be copied.
    fn read(image: &Map<String, Value>, prefixes: &[String]) -> Result<Self, String> {
        let text = |name: &str| image.get(name).and_then(Value::as_str);
        match text("status") {
            Some("active") => {}
            status => {
                let status = status.unwrap_or("unknown");
                return Err(format!("it has to be active and is {status}"));
            }
        }
        let required = |name: &str| {
            let given = text(name).filter(|format| !format.is_empty());
            given
                .map(str::to_owned)
                .ok_or_else(|| format!("it has no {name}"))
        };
        let size_bytes = image.get("size").and_then(Value::as_u64);
        let proof = match (text("os_hash_algo"), text("os_hash_value")) {
            (Some(algorithm), Some(value)) => Proof::of(algorithm, value),
            _ => None,
        };
        let wanted = |name: &str| {
            prefixes.iter().any(|prefix| name.starts_with(prefix))
                && !is_attribute(name)
                && !is_reserved(name)
        };
        let properties = image
            .iter()
            .filter(|(name, _)| wanted(name))
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        Ok(Self {
            size_bytes: size_bytes.ok_or("it has no size")?,
            disk_format: required("disk_format")?,
            container_format: required("container_format")?,
            properties: properties.collect(),
            proof: proof.or_else(|| Proof::of("md5", text("checksum")?)),
        })
    }
}

impl ImageService {
    /// Brings the data of the remote image into the staging folder, and says what is to become of the image.
    pub(super) async fn fetch_from_glance(
        &self,
        job: &Job,
        remote: &Remote,
    ) -> Result<Job, Broken> {
        let refused =
            |cause: String| Broken::Source(format!("The remote image cannot be used: {cause}"));
        let endpoint = remote
            .credentials
            .image_endpoint(&remote.region, &remote.interface)
            .map_err(|error| {
                tracing::warn!(image.id = %job.record.id, error = &error as &dyn std::error::Error, "no remote image service");
                Broken::Source(format!("Finding the remote image failed: {error}"))
            })?;
        let url = format!("{endpoint}/v2/images/{}", remote.image);
        tracing::info!(image.id = %job.record.id, region = remote.region, remote = remote.image, "fetching an image of another region");
        let read = self.read_description(job, &url, remote);
        let image = self
            .while_wanted(job, "Reading the remote image", read)
            .await??;
        let prefixes = &self.config().import.copied_properties;
        let description = Description::read(&image, prefixes).map_err(refused)?;
        let adopted = self
            .adopt(job, remote, &description)
            .map_err(|error| refused(error.to_string()))?;

        let terms = remote.terms(description.proof.is_some());
        let file = format!("{url}/file");
        let fetched = self.parts.fetcher.fetch_on(&file, terms).await;
        let fetched = fetched.map_err(|error| not_fetched(job, &error))?;
        let size_bytes = description.size_bytes;
        if let Some(announced) = fetched.size_bytes.filter(|size| *size != size_bytes) {
            return Err(refused(format!(
                "its data has {announced} bytes and should have {size_bytes}"
            )));
        }
        self.stage_fetched(job, fetched, Some(size_bytes), description.proof.as_ref())
            .await?;
        Ok(adopted)
    }

    async fn read_description(
        &self,
        job: &Job,
        url: &str,
        remote: &Remote,
    ) -> Result<Map<String, Value>, Broken> {
        let failed =
            |cause: String| Broken::Source(format!("Reading the remote image failed: {cause}"));
        let fetched = self.parts.fetcher.fetch_on(url, remote.terms(false)).await;
        let fetched = fetched.map_err(|error| {
            tracing::warn!(image.id = %job.record.id, error = &error as &dyn std::error::Error, "remote image not read");
            failed(error.to_string())
        })?;
        let failure = fetched.failure();
        let mut data = fetched.data;
        let mut text = Vec::new();
        loop {
            match data.try_next().await {
                Ok(Some(chunk)) if (text.len() + chunk.len()) as u64 > DESCRIPTION_BYTES => {
                    return Err(failed("the answer is too long".to_owned()));
                }
                Ok(Some(chunk)) => text.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => {
                    let cause = failure.take().map(|cause| cause.to_string());
                    return Err(failed(cause.unwrap_or_else(|| error.to_string())));
                }
            }
        }
        serde_json::from_slice(&text).map_err(|_| failed("the answer is no image".to_owned()))
    }

    /// The job for an image with the formats and the properties of the remote one.
    fn adopt(&self, job: &Job, remote: &Remote, description: &Description) -> Result<Job> {
        let schema = &self.config().schema;
        for (what, format, enabled) in [
            (
                "disk_format",
                &description.disk_format,
                &schema.disk_formats,
            ),
            (
                "container_format",
                &description.container_format,
                &schema.container_formats,
            ),
        ] {
            // Compat, stricter: Glance takes formats this way that it takes in no other.
            if !enabled.contains(format) {
                return Err(Error::Invalid(format!(
                    "its {what} {format} is not enabled at this site"
                )));
            }
        }
        let copied = &description.properties;
        let both = copied
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        refuse_four_bytes(both)?;
        for (name, _) in copied {
            let access = if job.record.property(name).is_some() {
                Access::Update
            } else {
                Access::Create
            };
            if name.chars().count() > 255 || !self.may_touch(&remote.ctx, name, access) {
                return Err(Error::Invalid(format!(
                    "its property {name} may not be set here"
                )));
            }
        }
        let own = job.record.properties.iter();
        let kept = own.filter(|(name, _)| {
            !is_reserved(name) && !copied.iter().any(|(other, _)| other == name)
        });
        self.check_property_quota(kept.count() + copied.len())?;
        let mut adopted = job.clone();
        adopted.record.disk_format = Some(description.disk_format.clone());
        adopted.record.container_format = Some(description.container_format.clone());
        adopted.adopts_formats = true;
        adopted.adopted_properties = copied.clone();
        Ok(adopted)
    }
}

/// The id in a text that Python's `uuid.UUID` takes for one.
fn uuid_in(text: &str) -> Option<Uuid> {
    let bare = text.replace("urn:", "").replace("uuid:", "");
    let digits = bare.trim_matches(['{', '}']).replace('-', "");
    let is_id = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Description, uuid_in};

    fn read(image: Value) -> Result<Description, String> {
        let prefixes = ["hw_", "os_", "trait:"].map(str::to_owned);
        Description::read(image.as_object().unwrap(), &prefixes)
    }

    fn image() -> Value {
        json!({
            "id": "x", "status": "active", "size": 3, "disk_format": "raw", "container_format": "bare",
            "checksum": "900150983cd24fb0d6963f7d28e17f72", "os_hash_algo": "odd", "os_hash_value": "1",
            "os_hidden": false, "hw_disk_bus": "scsi", "hw_odd": null, "os_type": "linux", "trait:X": "required",
            "os_glance_import_task": "t", "colour": "blue",
        })
    }

    #[test]
    fn properties_with_the_prefixes_are_copied_and_nothing_of_the_servers_own() {
        let description = read(image()).unwrap();
        let mut names: Vec<&str> = description
            .properties
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["hw_disk_bus", "os_type", "trait:X"]);
        // An unknown hash leaves the checksum.
        assert!(description.proof.is_some());
    }

    #[test]
    fn only_an_active_image_that_says_what_it_is() {
        for (name, value) in [
            ("status", json!("queued")),
            ("status", Value::Null),
            ("size", Value::Null),
            ("size", json!(-1)),
            ("disk_format", json!("")),
            ("container_format", Value::Null),
        ] {
            let mut image = image();
            image[name] = value.clone();
            assert!(read(image).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn ids_as_python_reads_them() {
        let id = "c9b9b8c2-6b7e-4d6f-9a70-0f4e7f4c8e55";
        for text in [
            id,
            "C9B9B8C26B7E4D6F9A700F4E7F4C8E55",
            "urn:uuid:c9b9b8c2-6b7e-4d6f-9a70-0f4e7f4c8e55",
            "{c9b9b8c2-6b7e-4d6f-9a70-0f4e7f4c8e55}",
        ] {
            assert_eq!(uuid_in(text).unwrap().to_string(), id, "{text}");
        }
        for text in ["", "x", "../../etc", "c9b9b8c2-6b7e-4d6f-9a70-0f4e7f4c8e5"] {
            assert!(uuid_in(text).is_none(), "{text}");
        }
    }
}
