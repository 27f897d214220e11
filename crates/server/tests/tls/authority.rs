//! Certificates for a test, from an authority of its own.

use std::path::{Path, PathBuf};

use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    x509::{
        X509, X509Builder, X509NameBuilder,
        extension::{BasicConstraints, SubjectAlternativeName},
    },
};

/// Somebody who signs certificates.
pub(crate) struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

/// A certificate and its key, in PEM.
pub(crate) struct Pair {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl Pair {
    /// Writes both as `NAME.pem` and `NAME.key`, the key for nobody else.
    pub(crate) fn write(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        use std::os::unix::fs::PermissionsExt;
        let (certificate, key) = (
            dir.join(format!("{name}.pem")),
            dir.join(format!("{name}.key")),
        );
        std::fs::write(&certificate, &self.certificate).unwrap();
        std::fs::write(&key, &self.key).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        (certificate, key)
    }

    /// Both in one text, as some clients want them.
    pub(crate) fn together(&self) -> Vec<u8> {
        [&self.certificate[..], &self.key].concat()
    }
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = new_key();
        let mut builder = begin(name, &key);
        let issuer = builder_name(name);
        builder.set_issuer_name(&issuer).unwrap();
        let is_authority = BasicConstraints::new().critical().ca().build().unwrap();
        builder.append_extension(is_authority).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self {
            certificate: builder.build(),
            key,
        }
    }

    /// Its own certificate, in PEM.
    pub(crate) fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    /// Its own certificate as others compare it.
    pub(crate) fn der(&self) -> Vec<u8> {
        self.certificate.to_der().unwrap()
    }

    /// A certificate for whoever is at `127.0.0.1`, called `name`.
    pub(crate) fn issue(&self, name: &str) -> Pair {
        let key = new_key();
        let mut builder = begin(name, &key);
        builder
            .set_issuer_name(self.certificate.subject_name())
            .unwrap();
        let names = SubjectAlternativeName::new()
            .ip("127.0.0.1")
            .dns("localhost")
            .build(&builder.x509v3_context(Some(&self.certificate), None))
            .unwrap();
        builder.append_extension(names).unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        Pair {
            certificate: builder.build().to_pem().unwrap(),
            key: key.private_key_to_pem_pkcs8().unwrap(),
        }
    }
}

/// What a PEM certificate is called by its contents.
pub(crate) fn der(pem: &[u8]) -> Vec<u8> {
    X509::from_pem(pem).unwrap().to_der().unwrap()
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn builder_name(name: &str) -> openssl::x509::X509Name {
    let mut names = X509NameBuilder::new().unwrap();
    names.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    names.build()
}

fn begin(name: &str, key: &PKey<Private>) -> X509Builder {
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    let mut number = BigNum::new().unwrap();
    number.rand(127, MsbOption::MAYBE_ZERO, false).unwrap();
    let number = number.to_asn1_integer().unwrap();
    builder.set_serial_number(&number).unwrap();
    builder.set_subject_name(&builder_name(name)).unwrap();
    builder.set_pubkey(key).unwrap();
    let (from, to) = (
        Asn1Time::days_from_now(0).unwrap(),
        Asn1Time::days_from_now(2).unwrap(),
    );
    builder.set_not_before(&from).unwrap();
    builder.set_not_after(&to).unwrap();
    builder
}
