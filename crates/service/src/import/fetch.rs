//! Data from elsewhere into the staging folder: what a URI leads to, compared with what it has to be.

use serde_json::Value;
use vidimus_digest::{Algorithm, hex_digest};
use vidimus_fetch::{FetchError, Fetched, Terms};

use super::{Job, run::Broken};
use crate::{Error, ImageService, Result, data::HashWatch};

/// The hash that data from elsewhere has to have.
#[derive(Debug, Clone)]
pub(super) struct Proof {
    algorithm: Algorithm,
    value: String,
}

impl Proof {
    /// The hash of that name and value, if it is one that can be computed here.
    pub(super) fn of(algorithm: &str, value: &str) -> Option<Self> {
        let algorithm = Algorithm::find(algorithm)?;
        let length = hex_digest(algorithm, b"").ok()?.len();
        let is_hash = value.len() == length && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| Self {
            algorithm,
            value: value.to_ascii_lowercase(),
        })
    }

    /// The `validation_data` of a request, as the locations API has it.
    // Compat: Glance has no such thing for imports, and takes it without looking at it.
    pub(super) fn read(method: &Value) -> Result<Option<Self>> {
        let invalid = |text: &str| Error::Invalid(text.to_owned());
        let Some(data) = method.get("validation_data") else {
            return Ok(None);
        };
        let text = |name: &str| {
            let value = data.get(name).and_then(Value::as_str);
            value.ok_or_else(|| {
                invalid("'validation_data' needs 'os_hash_algo' and 'os_hash_value'")
            })
        };
        let (algorithm, value) = (text("os_hash_algo")?, text("os_hash_value")?);
        if Algorithm::find(algorithm).is_none() {
            return Err(Error::Invalid(format!(
                "os_hash_algo ({algorithm}) is not known here"
            )));
        }
        let proof = Self::of(algorithm, value);
        proof
            .map(Some)
            .ok_or_else(|| Error::Invalid(format!("os_hash_value ({value}) is no {algorithm}")))
    }
}

impl ImageService {
    /// Brings what is behind the URI of a web-download into the staging folder.
    pub(super) async fn fetch_from_web(&self, job: &Job) -> Result<(), Broken> {
        let uri = job.uri.as_deref().unwrap_or_default();
        let terms = Terms {
            token: None,
            is_verified: job.proof.is_some(),
        };
        let fetched = self.parts.fetcher.fetch_on(uri, terms).await;
        let fetched = fetched.map_err(|error| not_fetched(job, &error))?;
        let expected = fetched.size_bytes;
        self.stage_fetched(job, fetched, expected, job.proof.as_ref())
            .await
    }

    /// Writes fetched data into the staging folder. What is not as it has to be is left there for the revert to remove.
    pub(super) async fn stage_fetched(
        &self,
        job: &Job,
        fetched: Fetched,
        expected: Option<u64>,
        proof: Option<&Proof>,
    ) -> Result<(), Broken> {
        let id = &job.record.id;
        let failure = fetched.failure();
        let (watch, data) = match proof {
            Some(proof) => {
                let watched = HashWatch::over(fetched.data, proof.algorithm);
                let (watch, data) = watched.map_err(Broken::internal)?;
                (Some(watch), data)
            }
            None => (None, fetched.data),
        };
        let put = self.put_staged(id, expected, data);
        if let Err(error) = self.while_wanted(job, "Fetching the data", put).await? {
            return Err(match failure.take() {
                Some(cause) => not_fetched(job, &cause),
                None => Broken::Source(format!("Staging the data failed: {error}")),
            });
        }
        if let (Some(proof), Some(watch)) = (proof, watch) {
            let found = watch.finish().await.map_err(Broken::internal)?;
            if found != proof.value {
                let algorithm = proof.algorithm.name();
                return Err(Broken::Source(format!(
                    "The data that came is not what its {algorithm} hash says: {found} instead of {}",
                    proof.value
                )));
            }
        }
        Ok(())
    }
}

/// The data could not be fetched; the log hears more than the user.
pub(super) fn not_fetched(job: &Job, error: &FetchError) -> Broken {
    tracing::warn!(image.id = %job.record.id, error = error as &dyn std::error::Error, "fetch failed");
    Broken::Source(format!("Fetching the data failed: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Proof;

    #[test]
    fn a_proof_is_a_known_hash_of_the_right_length() {
        let value = "900150983cd24fb0d6963f7d28e17f72";
        let method = |algorithm: &str, value: &str| json!({"validation_data": {"os_hash_algo": algorithm, "os_hash_value": value}});
        let proof = Proof::read(&method("md5", &value.to_uppercase())).unwrap();
        assert_eq!(proof.unwrap().value, value);
        assert!(Proof::read(&json!({})).unwrap().is_none());
        for wrong in [
            json!({"validation_data": "md5"}),
            json!({"validation_data": {"os_hash_algo": "md5"}}),
            method("sha512", value),
            method("crc32", value),
            method("md5", "900150983cd24fb0d6963f7d28e17f7g"),
        ] {
            assert!(Proof::read(&wrong).is_err(), "{wrong}");
        }
    }
}
