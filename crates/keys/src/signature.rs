//! What an image says of its signature, and whether that fits its data.
//!
//! Everything but the comparison is decided before a byte of data is read. The signature is one over the hash, so the data
//! only has to be hashed on its way, by whoever carries it.

use std::fmt;

use openssl::{
    ec::EcGroup,
    error::ErrorStack,
    md::{Md, MdRef},
    nid::Nid,
    pkey::{Id, PKey, Public},
    pkey_ctx::PkeyCtx,
    rsa::Padding,
    sign::RsaPssSaltlen,
};
use vidimus_digest::Algorithm;

use crate::{Certificate, Error, KeyManager, Refusal, Token, base64};

const CERTIFICATE: &str = "img_signature_certificate_uuid";
const HASH_METHOD: &str = "img_signature_hash_method";
const SIGNATURE: &str = "img_signature";
const KEY_TYPE: &str = "img_signature_key_type";

/// The signature is not one over this data by this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Signature verification failed")]
pub struct Mismatch;

/// What an image says of its signature, as it stands there. Data is only verified where all four properties are.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    certificate: Option<&'a str>,
    hash_method: Option<&'a str>,
    signature: Option<&'a str>,
    key_type: Option<&'a str>,
}

impl<'a> Claim<'a> {
    /// What the properties say, or `None` if they do not say that the image is signed. `property` looks one up by its name.
    pub fn of(property: impl Fn(&str) -> Option<Option<&'a str>>) -> Option<Self> {
        Some(Self {
            certificate: property(CERTIFICATE)?,
            hash_method: property(HASH_METHOD)?,
            signature: property(SIGNATURE)?,
            key_type: property(KEY_TYPE)?,
        })
    }

    /// Fetches the certificate in the name of the token's owner, and says what the data will be held against.
    pub async fn verifier(
        &self,
        manager: Option<&KeyManager>,
        token: Option<&Token>,
    ) -> Result<Verifier, Error> {
        // Compat: the first of them is called by this name.
        let reference = self
            .certificate
            .ok_or(Error::Missing("img_signature_uuid"))?;
        let hash_method = self.hash_method.ok_or(Error::Missing(HASH_METHOD))?;
        let signature = self.signature.ok_or(Error::Missing(SIGNATURE))?;
        let key_type = self.key_type.ok_or(Error::Missing(KEY_TYPE))?;
        if !signature.is_ascii() {
            return Err(Error::NotAscii);
        }
        let signature = base64::decode(signature).ok_or(Error::NotBase64)?;
        let hash_method = HashMethod::named(hash_method)?;
        let key_type = KeyType::named(key_type)?;
        let manager = manager.ok_or_else(|| Error::Unavailable {
            reference: reference.to_owned(),
            cause: Refusal::NotConfigured,
        })?;
        let certificate = manager.certificate(reference, token).await?;
        Verifier::new(signature, hash_method, key_type, certificate)
    }
}

/// A hash that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HashMethod {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl HashMethod {
    fn named(name: &str) -> Result<Self, Error> {
        match name {
            "SHA-224" => Ok(Self::Sha224),
            "SHA-256" => Ok(Self::Sha256),
            "SHA-384" => Ok(Self::Sha384),
            "SHA-512" => Ok(Self::Sha512),
            _ => Err(Error::HashMethod(name.to_owned())),
        }
    }

    fn algorithm(self) -> &'static str {
        match self {
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    fn md(self) -> &'static MdRef {
        match self {
            Self::Sha224 => Md::sha224(),
            Self::Sha256 => Md::sha256(),
            Self::Sha384 => Md::sha384(),
            Self::Sha512 => Md::sha512(),
        }
    }
}

/// A way to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyType {
    RsaPss,
    Dsa,
    Ecc { name: &'static str },
}

/// The curves, each with what OpenSSL calls it.
const CURVES: [(&str, Nid); 6] = [
    ("ECC_SECT571K1", Nid::SECT571K1),
    ("ECC_SECT409K1", Nid::SECT409K1),
    ("ECC_SECT571R1", Nid::SECT571R1),
    ("ECC_SECT409R1", Nid::SECT409R1),
    ("ECC_SECP521R1", Nid::SECP521R1),
    ("ECC_SECP384R1", Nid::SECP384R1),
];

impl KeyType {
    fn named(name: &str) -> Result<Self, Error> {
        let unknown = || Error::KeyType(name.to_owned());
        match name {
            "RSA-PSS" => Ok(Self::RsaPss),
            "DSA" => Ok(Self::Dsa),
            _ => {
                let curve = CURVES.iter().find(|(known, _)| *known == name);
                let (name, nid) = curve.ok_or_else(unknown)?;
                // Some builds of OpenSSL come without the binary curves.
                EcGroup::from_curve_name(*nid).map_err(|_| unknown())?;
                Ok(Self::Ecc { name })
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::RsaPss => "RSA-PSS",
            Self::Dsa => "DSA",
            Self::Ecc { name } => name,
        }
    }

    /// Compat: any curve will do, whichever the type of the key names.
    fn keys(self) -> &'static [Id] {
        match self {
            Self::RsaPss => &[Id::RSA, Id::RSA_PSS],
            Self::Dsa => &[Id::DSA],
            Self::Ecc { .. } => &[Id::EC],
        }
    }
}

/// What the hash of the data is held against.
pub struct Verifier {
    signature: Vec<u8>,
    hash_method: HashMethod,
    key_type: KeyType,
    key: PKey<Public>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("hash_method", &self.hash_method)
            .field("key_type", &self.key_type)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    fn new(
        signature: Vec<u8>,
        hash_method: HashMethod,
        key_type: KeyType,
        certificate: Certificate,
    ) -> Result<Self, Error> {
        let key = certificate.key_of(key_type.keys());
        let key = key.ok_or(Error::PublicKey(key_type.name()))?;
        if signature.is_empty() {
            return Err(Error::Empty);
        }
        Ok(Self {
            signature,
            hash_method,
            key_type,
            key,
        })
    }

    /// What to hash the data with; `None` if this machine's OpenSSL has it switched off.
    pub fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::find(self.hash_method.algorithm())
    }

    /// Holds the hash of the data, in hexadecimal, against the signature.
    pub fn verify(&self, hash: &str) -> Result<(), Mismatch> {
        // What OpenSSL cannot make anything of is no signature of this data either.
        match bytes(hash).map(|hash| self.fits(&hash)) {
            Some(Ok(true)) => Ok(()),
            Some(Ok(false) | Err(_)) | None => Err(Mismatch),
        }
    }

    fn fits(&self, hash: &[u8]) -> Result<bool, ErrorStack> {
        let mut ctx = PkeyCtx::new(&self.key)?;
        ctx.verify_init()?;
        let md = self.hash_method.md();
        if self.key_type == KeyType::RsaPss {
            ctx.set_rsa_padding(Padding::PKCS1_PSS)?;
            ctx.set_signature_md(md)?;
            ctx.set_rsa_mgf1_md(md)?;
            // Compat: cursive asks for the longest, and OpenSSL then takes what length the signature has.
            ctx.set_rsa_pss_saltlen(RsaPssSaltlen::MAXIMUM_LENGTH)?;
        } else {
            ctx.set_signature_md(md)?;
        }
        ctx.verify(hash, &self.signature)
    }
}

/// Bytes from lower-case hexadecimal.
fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let pairs = hexadecimal.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests;
