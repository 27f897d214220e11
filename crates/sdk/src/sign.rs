//! Signs image data, so that the image service can tell whether it got what its owner has.
//!
//! The signature and how it was made are properties of the image; the certificate that belongs to the key lies in the key
//! manager, and is only named. Not its job: asking for the password of a key.

use std::{fmt, path::Path};

use openssl::{
    base64::encode_block,
    error::ErrorStack,
    md::Md,
    pkey::{Id, PKey, Private},
    pkey_ctx::PkeyCtx,
    rsa::Padding,
    sign::RsaPssSaltlen,
};
use tokio::io::{AsyncRead, AsyncReadExt};
use vidimus_digest::{Algorithm, Hasher};

use crate::{Error, Result, Secret};

/// How much is read at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// A private key to sign images with.
pub struct SigningKey(PKey<Private>);

/// What an image has to say about how its data was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature(String);

impl SigningKey {
    /// Reads an RSA key from a PEM file; `password` is what it is encrypted with, if it is.
    pub async fn from_file(path: &Path, password: Option<&Secret>) -> Result<Self> {
        let pem = tokio::fs::read(path).await.map_err(Error::io(path))?;
        let password = password.map(Secret::expose).unwrap_or_default();
        // Without a password of ours OpenSSL would ask for one by itself.
        let key =
            PKey::private_key_from_pem_passphrase(&pem, password.as_bytes()).map_err(|_| {
                Error::SigningKey("it is no private key, or one under another password")
            })?;
        match key.id() {
            Id::RSA => Ok(Self(key)),
            _ => Err(Error::SigningKey("only RSA keys can sign images")),
        }
    }

    /// Signs everything that a reader yields.
    pub async fn sign(&self, mut data: impl AsyncRead + Unpin) -> Result<Signature> {
        let unsigned = |_| Error::SigningKey("it cannot sign on this machine");
        let sha256 = Algorithm::find("sha256");
        let sha256 = sha256.ok_or_else(|| Error::UnsupportedHash("sha256".to_owned()))?;
        let mut hasher =
            Hasher::new(sha256).map_err(|_| Error::UnsupportedHash(sha256.name().to_owned()))?;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = data.read(&mut chunk).await.map_err(Error::Stream)?;
            if read == 0 {
                break;
            }
            hasher
                .update(&chunk[..read])
                .map_err(|_| Error::UnsupportedHash(sha256.name().to_owned()))?;
        }
        let hash = hasher
            .finish_bytes()
            .map_err(|_| Error::UnsupportedHash(sha256.name().to_owned()))?;
        self.sign_hash(&hash).map(Signature).map_err(unsigned)
    }

    /// As much salt as there is room for, as openstacksdk has it.
    fn sign_hash(&self, hash: &[u8]) -> std::result::Result<String, ErrorStack> {
        let mut ctx = PkeyCtx::new(&self.0)?;
        ctx.sign_init()?;
        ctx.set_rsa_padding(Padding::PKCS1_PSS)?;
        ctx.set_signature_md(Md::sha256())?;
        ctx.set_rsa_mgf1_md(Md::sha256())?;
        ctx.set_rsa_pss_saltlen(RsaPssSaltlen::MAXIMUM_LENGTH)?;
        let mut signature = Vec::new();
        ctx.sign_to_vec(hash, &mut signature)?;
        Ok(encode_block(&signature))
    }
}

impl Signature {
    /// The properties for the image, whose certificate has this id in the key manager.
    pub fn properties(self, certificate: &str) -> [(&'static str, String); 4] {
        [
            ("img_signature", self.0),
            ("img_signature_certificate_uuid", certificate.to_owned()),
            ("img_signature_hash_method", "SHA-256".to_owned()),
            ("img_signature_key_type", "RSA-PSS".to_owned()),
        ]
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use openssl::{
        base64::decode_block, ec::EcKey, hash::MessageDigest, nid::Nid, rsa::Rsa, sign::Verifier,
        symm::Cipher,
    };

    use super::*;

    fn write(pem: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), pem).unwrap();
        file
    }

    #[tokio::test]
    async fn a_signature_fits_its_data_and_no_other() {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let file = write(&key.private_key_to_pem_pkcs8().unwrap());
        let data = vec![7; 600_000];
        let signing = SigningKey::from_file(file.path(), None).await.unwrap();
        let signature = signing.sign(&data[..]).await.unwrap();
        let fits = |data: &[u8]| {
            let mut verifier = Verifier::new(MessageDigest::sha256(), &key).unwrap();
            verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            // All of the room that 2048 bits leave.
            let salt = RsaPssSaltlen::custom(256 - 32 - 2);
            verifier.set_rsa_pss_saltlen(salt).unwrap();
            verifier.update(data).unwrap();
            verifier
                .verify(&decode_block(&signature.0).unwrap())
                .unwrap()
        };
        assert!(fits(&data));
        assert!(!fits(&data[1..]));
        let said = signature.clone().properties("c-1");
        assert_eq!(said[0], ("img_signature", signature.0));
        assert_eq!(said[1].1, "c-1");
    }

    #[tokio::test]
    async fn keys_open_with_their_password_alone() {
        let rsa = Rsa::generate(2048).unwrap();
        let key = PKey::from_rsa(rsa).unwrap();
        let pem = key
            .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"word")
            .unwrap();
        let file = write(&pem);
        let open = async |password: Option<&str>| {
            let password = password.map(Secret::from);
            SigningKey::from_file(file.path(), password.as_ref()).await
        };
        assert!(open(Some("word")).await.is_ok());
        for wrong in [None, Some("other")] {
            let refused = open(wrong).await.unwrap_err();
            assert!(matches!(refused, Error::SigningKey(_)), "{refused}");
        }
    }

    #[tokio::test]
    async fn other_files_are_refused() {
        let curve = openssl::ec::EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
        let curve = PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap();
        for pem in [
            curve.private_key_to_pem_pkcs8().unwrap(),
            b"no key".to_vec(),
        ] {
            let file = write(&pem);
            let refused = SigningKey::from_file(file.path(), None).await.unwrap_err();
            assert!(matches!(refused, Error::SigningKey(_)), "{refused}");
        }
        let missing = SigningKey::from_file(Path::new("/does/not/exist"), None).await;
        assert!(matches!(missing.unwrap_err(), Error::Io { .. }));
    }
}
