//! Signed images, and keys that go with their image: what is taken, what is refused and what is left behind.

use std::{io, task::Poll};

use bytes::Bytes;
use futures_util::stream;
use openssl::{
    asn1::Asn1Time,
    base64::encode_block,
    hash::MessageDigest,
    pkey::{PKey, Private},
    rsa::{Padding, Rsa},
    sign::{RsaPssSaltlen, Signer},
    x509::X509,
};
use serde_json::{Map, Value, json};
use vidimus_auth::Credentials;
use vidimus_db::TaskStatus;
use vidimus_service::{Error, ImportRequest, ServiceConfig, UploadRequest};
use vidimus_types::{ImageId, ImageStatus};

use crate::{
    key_manager::{Keeper, TOKEN},
    support::{Site, noise, until},
};

const KEY: &str = "cinder_encryption_key_id";
const KEY_POLICY: &str = "cinder_encryption_key_deletion_policy";

/// A site, its key manager, and a key that images are signed with.
struct Signing {
    site: Site,
    keeper: Keeper,
    key: PKey<Private>,
    certificate: String,
}

impl Signing {
    async fn new() -> Self {
        let keeper = Keeper::start().await;
        let config = ServiceConfig {
            key_manager: Some(keeper.manager()),
            ..ServiceConfig::default()
        };
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut certificate = X509::builder().unwrap();
        certificate.set_pubkey(&key).unwrap();
        let now = Asn1Time::days_from_now(0).unwrap();
        certificate.set_not_before(&now).unwrap();
        certificate.set_not_after(&now).unwrap();
        certificate.sign(&key, MessageDigest::sha256()).unwrap();
        let pem = certificate.build().to_pem().unwrap();
        Self {
            site: Site::with(config).await,
            certificate: keeper.keep("certificate", &pem),
            keeper,
            key,
        }
    }

    /// A queued image that says it is signed, as this data is.
    async fn signed(&self, data: &[u8]) -> ImageId {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).unwrap();
        signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        signer
            .set_rsa_pss_saltlen(RsaPssSaltlen::MAXIMUM_LENGTH)
            .unwrap();
        let signature = signer.sign_oneshot_to_vec(data).unwrap();
        let properties = json!({
            "img_signature": encode_block(&signature),
            "img_signature_hash_method": "SHA-256",
            "img_signature_key_type": "RSA-PSS",
            "img_signature_certificate_uuid": self.certificate,
        });
        self.image(properties).await
    }

    async fn image(&self, properties: Value) -> ImageId {
        let mut body = json!({ "disk_format": "raw", "container_format": "bare" });
        merge(&mut body, properties);
        let Value::Object(body) = body else {
            unreachable!()
        };
        self.site.create(body).await
    }

    async fn upload(&self, id: &ImageId, data: &[u8]) -> Result<(), Error> {
        let request = UploadRequest {
            credentials: owner(),
            ..UploadRequest::default()
        };
        let chunks: Vec<_> = data
            .chunks(10_000)
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
            .collect();
        let upload = self
            .site
            .service
            .upload(&self.site.ctx, id, request, stream::iter(chunks));
        upload.await
    }

    /// Stages data and imports it; answers with what the task says in the end.
    async fn import(&self, id: &ImageId, data: &[u8]) -> (TaskStatus, String) {
        let (service, ctx) = (&self.site.service, &self.site.ctx);
        let chunks = stream::iter([Ok(Bytes::copy_from_slice(data))]);
        service.stage(ctx, id, None, chunks).await.unwrap();
        self.import_staged(id).await
    }

    async fn import_staged(&self, id: &ImageId) -> (TaskStatus, String) {
        let (service, ctx) = (&self.site.service, &self.site.ctx);
        let body = json!({ "method": { "name": "glance-direct" } });
        let request = ImportRequest::read(service, body, None, owner()).unwrap();
        service.import_image(ctx, id, request).await.unwrap();
        let tasks = async || self.site.db.tasks().of_image(id).await.unwrap();
        until("the import ends", async || {
            tasks().await.iter().all(|task| task.status.is_final())
        })
        .await;
        let last = tasks().await.into_iter().max_by_key(|task| task.created_at);
        let last = last.unwrap();
        (last.status, last.message.unwrap_or_default())
    }

    async fn status(&self, id: &ImageId) -> ImageStatus {
        let record = self.site.service.show_image(&self.site.ctx, id).await;
        record.unwrap().status
    }
}

fn merge(body: &mut Value, more: Value) {
    let (Value::Object(body), Value::Object(more)) = (body, more) else {
        unreachable!()
    };
    body.extend::<Map<String, Value>>(more);
}

/// What the owner of the secrets proves himself with.
fn owner() -> Credentials {
    Credentials::from_headers(|name| (name == "X-Auth-Token").then_some(TOKEN))
}

#[tokio::test]
async fn what_was_signed_is_taken_and_anything_else_leaves_nothing() {
    let signing = Signing::new().await;
    let data = noise(300_000);
    let id = signing.signed(&data).await;
    let mut other = data.clone();
    other[299_999] ^= 1;
    for wrong in [&other[..], &data[1..], b""] {
        let refused = signing.upload(&id, wrong).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("Signature verification failed for image {id}: Signature verification failed")
        );
        let record = signing
            .site
            .service
            .show_image(&signing.site.ctx, &id)
            .await
            .unwrap();
        assert_eq!(
            (record.status, record.size, record.checksum.as_deref()),
            (ImageStatus::Queued, None, None)
        );
        assert!(signing.site.stored_files().is_empty());
    }
    signing.upload(&id, &data).await.unwrap();
    assert_eq!(signing.status(&id).await, ImageStatus::Active);
    assert_eq!(std::fs::read(signing.site.file_of(&id)).unwrap(), data);
}

#[tokio::test]
async fn what_cannot_be_verified_is_refused_before_a_byte_is_read() {
    let signing = Signing::new().await;
    let id = signing.signed(b"data").await;
    let refuse = async |credentials: Credentials| {
        let request = UploadRequest {
            credentials,
            ..UploadRequest::default()
        };
        let never = stream::poll_fn(|_| -> Poll<Option<io::Result<Bytes>>> {
            unreachable!("the data was asked for")
        });
        let upload = signing
            .site
            .service
            .upload(&signing.site.ctx, &id, request, never);
        let refused = upload.await.unwrap_err();
        assert_eq!(signing.status(&id).await, ImageStatus::Queued);
        refused.to_string()
    };
    let unavailable = format!(
        "Signature verification failed for image {id}: Signature verification for the image failed: Unable to retrieve \
         certificate with ID: {}.",
        signing.certificate
    );
    assert_eq!(refuse(Credentials::default()).await, unavailable);
    signing.keeper.set_away(true);
    assert_eq!(refuse(owner()).await, unavailable);
    signing.keeper.set_away(false);
    signing.upload(&id, b"data").await.unwrap();
}

#[tokio::test]
async fn without_a_key_manager_no_signed_image_is_taken() {
    let signing = Signing::new().await;
    let site = Site::new().await;
    let id = signing.signed(b"data").await;
    let record = signing
        .site
        .service
        .show_image(&signing.site.ctx, &id)
        .await
        .unwrap();
    let mut body = json!({ "disk_format": "raw", "container_format": "bare" });
    for (name, value) in &record.properties {
        body[name.as_str()] = json!(value);
    }
    let Value::Object(mut body) = body else {
        unreachable!()
    };
    let signed = site.create(body.clone()).await;
    let refused = site.upload(&signed, b"data").await.unwrap_err();
    assert!(
        matches!(refused, Error::SignatureRefused { .. }),
        "{refused}"
    );
    body.remove("img_signature_key_type");
    let half_signed = site.create(body).await;
    site.upload(&half_signed, b"data").await.unwrap();
}

#[tokio::test]
async fn an_import_of_other_data_throws_it_away() {
    let signing = Signing::new().await;
    let id = signing.signed(b"data").await;
    let (status, message) = signing.import(&id, b"other data").await;
    assert_eq!(status, TaskStatus::Failure);
    assert!(
        message.ends_with("Signature verification failed"),
        "{message}"
    );
    assert_eq!(signing.status(&id).await, ImageStatus::Queued);
    assert!(signing.site.stored_files().is_empty());
    let (status, message) = signing.import(&id, b"data").await;
    assert_eq!(status, TaskStatus::Success, "{message}");
    assert_eq!(signing.status(&id).await, ImageStatus::Active);
}

#[tokio::test]
async fn an_import_that_cannot_verify_keeps_what_is_staged() {
    let signing = Signing::new().await;
    let id = signing.signed(b"data").await;
    signing.keeper.set_away(true);
    let (status, message) = signing.import(&id, b"data").await;
    assert_eq!(status, TaskStatus::Failure);
    assert!(
        message.contains("Unable to retrieve certificate"),
        "{message}"
    );
    assert_eq!(signing.status(&id).await, ImageStatus::Uploading);
    signing.keeper.set_away(false);
    let (status, message) = signing.import_staged(&id).await;
    assert_eq!(status, TaskStatus::Success, "{message}");
    assert_eq!(signing.status(&id).await, ImageStatus::Active);
}

#[tokio::test]
async fn a_key_goes_with_its_image_where_that_is_the_policy() {
    let signing = Signing::new().await;
    let (service, ctx) = (&signing.site.service, &signing.site.ctx);
    let key = || signing.keeper.keep("symmetric", b"0123456789abcdef");
    let delete = async |properties: Value, credentials: fn() -> Credentials| {
        let id = signing.image(properties).await;
        service
            .delete_image_where_held(ctx, &id, credentials)
            .await
            .unwrap();
        let gone = service.show_image(ctx, &id).await;
        assert!(matches!(gone, Err(Error::ImageNotFound(_))), "{gone:?}");
    };
    let going = key();
    delete(
        json!({ KEY: going, KEY_POLICY: "on_image_deletion" }),
        owner,
    )
    .await;
    assert!(!signing.keeper.has(&going));
    for policy in ["do_not_delete", "", "On_Image_Deletion"] {
        let staying = key();
        delete(json!({ KEY: staying, KEY_POLICY: policy }), owner).await;
        assert!(signing.keeper.has(&staying), "{policy}");
    }
    let staying = key();
    delete(json!({ KEY: staying }), owner).await;
    assert!(signing.keeper.has(&staying));
    // Whatever the key manager says, the image is gone.
    let foreign = key();
    let stranger = Credentials::default;
    delete(
        json!({ KEY: foreign, KEY_POLICY: "on_image_deletion" }),
        stranger,
    )
    .await;
    assert!(signing.keeper.has(&foreign));
    delete(
        json!({ KEY: "no id", KEY_POLICY: "on_image_deletion" }),
        owner,
    )
    .await;
    signing.keeper.set_away(true);
    delete(
        json!({ KEY: foreign, KEY_POLICY: "on_image_deletion" }),
        owner,
    )
    .await;
}
