//! Signatures made here, with keys of every type, by the options that cursive signs with.

use openssl::{
    asn1::Asn1Time,
    dsa::Dsa,
    ec::EcKey,
    hash::MessageDigest,
    pkey::Private,
    rsa::Rsa,
    x509::{X509, X509Name},
};
use vidimus_digest::hex_digest;

use super::*;

type Key = PKey<Private>;

const DATA: &[u8] = b"the data of an image";

fn rsa() -> Key {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

fn curve(nid: Nid) -> Key {
    let group = EcGroup::from_curve_name(nid).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn certificate(key: &Key) -> Certificate {
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "signer").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(key).unwrap();
    let now = Asn1Time::days_from_now(0).unwrap();
    builder.set_not_before(&now).unwrap();
    builder.set_not_after(&now).unwrap();
    let digest = match key.id() {
        Id::ED25519 => MessageDigest::null(),
        _ => MessageDigest::sha256(),
    };
    builder.sign(key, digest).unwrap();
    Certificate::from_pem(&builder.build().to_pem().unwrap()).unwrap()
}

fn hash(method: HashMethod) -> String {
    hex_digest(Algorithm::find(method.algorithm()).unwrap(), DATA).unwrap()
}

/// Signs as cursive does; `salt` is what takes the place of the longest there is room for.
fn sign(key: &Key, method: HashMethod, salt: Option<RsaPssSaltlen>) -> Vec<u8> {
    let mut ctx = PkeyCtx::new(key).unwrap();
    ctx.sign_init().unwrap();
    if key.id() == Id::RSA {
        ctx.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        ctx.set_signature_md(method.md()).unwrap();
        ctx.set_rsa_mgf1_md(method.md()).unwrap();
        ctx.set_rsa_pss_saltlen(salt.unwrap_or(RsaPssSaltlen::MAXIMUM_LENGTH))
            .unwrap();
    } else {
        ctx.set_signature_md(method.md()).unwrap();
    }
    let mut signature = Vec::new();
    ctx.sign_to_vec(&bytes(&hash(method)).unwrap(), &mut signature)
        .unwrap();
    signature
}

fn verifier(
    key: &Key,
    signature: Vec<u8>,
    method: HashMethod,
    key_type: &str,
) -> Result<Verifier, Error> {
    Verifier::new(
        signature,
        method,
        KeyType::named(key_type).unwrap(),
        certificate(key),
    )
}

fn keys() -> Vec<(&'static str, Key)> {
    let dsa = PKey::from_dsa(Dsa::generate(1024).unwrap()).unwrap();
    let mut keys = vec![("RSA-PSS", rsa()), ("DSA", dsa)];
    let here = |nid| EcGroup::from_curve_name(nid).is_ok();
    let curves = CURVES.into_iter().filter(|(_, nid)| here(*nid));
    keys.extend(curves.map(|(name, nid)| (name, curve(nid))));
    keys
}

#[test]
fn every_key_type_verifies_every_hash_and_nothing_else() {
    let methods = [
        HashMethod::Sha224,
        HashMethod::Sha256,
        HashMethod::Sha384,
        HashMethod::Sha512,
    ];
    let keys = keys();
    assert!(keys.len() >= 4, "{keys:?}");
    for (name, key) in &keys {
        for method in methods {
            let signature = sign(key, method, None);
            let good = verifier(key, signature.clone(), method, name).unwrap();
            assert_eq!(good.verify(&hash(method)), Ok(()), "{name} {method:?}");
            let other = hex_digest(good.algorithm().unwrap(), b"other data").unwrap();
            assert_eq!(good.verify(&other), Err(Mismatch), "{name} {method:?}");
            let mut bent = signature.clone();
            *bent.last_mut().unwrap() ^= 1;
            let cut = signature[..signature.len() - 1].to_vec();
            for broken in [bent, cut, vec![0], vec![0xff; 5000]] {
                let broken = verifier(key, broken, method, name).unwrap();
                assert_eq!(broken.verify(&hash(method)), Err(Mismatch), "{name}");
            }
        }
    }
}

#[test]
fn another_key_of_the_same_type_does_not_fit() {
    for (name, key, other) in [
        ("RSA-PSS", rsa(), rsa()),
        (
            "ECC_SECP384R1",
            curve(Nid::SECP384R1),
            curve(Nid::SECP384R1),
        ),
    ] {
        let signature = sign(&key, HashMethod::Sha256, None);
        let verifier = verifier(&other, signature, HashMethod::Sha256, name).unwrap();
        let outcome = verifier.verify(&hash(HashMethod::Sha256));
        assert_eq!(outcome, Err(Mismatch), "{name}");
    }
}

#[test]
fn salt_may_have_any_length() {
    let key = rsa();
    let short = Some(RsaPssSaltlen::DIGEST_LENGTH);
    let signature = sign(&key, HashMethod::Sha256, short);
    let verifier = verifier(&key, signature, HashMethod::Sha256, "RSA-PSS").unwrap();
    assert_eq!(verifier.verify(&hash(HashMethod::Sha256)), Ok(()));
}

#[test]
fn a_key_too_short_for_the_hash_fits_nothing() {
    let key = PKey::from_rsa(Rsa::generate(512).unwrap()).unwrap();
    let verifier = verifier(&key, vec![1; 64], HashMethod::Sha512, "RSA-PSS").unwrap();
    assert_eq!(verifier.verify(&hash(HashMethod::Sha512)), Err(Mismatch));
}

#[test]
fn any_curve_will_do_and_other_types_of_keys_will_not() {
    let key = curve(Nid::X9_62_PRIME256V1);
    let signature = sign(&key, HashMethod::Sha256, None);
    let good = verifier(&key, signature.clone(), HashMethod::Sha256, "ECC_SECP384R1").unwrap();
    assert_eq!(good.verify(&hash(HashMethod::Sha256)), Ok(()));
    for name in ["RSA-PSS", "DSA"] {
        let refused = verifier(&key, signature.clone(), HashMethod::Sha256, name).unwrap_err();
        assert!(matches!(refused, Error::PublicKey(said) if said == name));
    }
    let edwards = PKey::generate_ed25519().unwrap();
    let refused = verifier(&edwards, signature, HashMethod::Sha256, "ECC_SECP384R1");
    assert!(matches!(
        refused.unwrap_err(),
        Error::PublicKey("ECC_SECP384R1")
    ));
}

/// What the properties end with where there is no key manager to ask, which is asked last.
async fn refusal(properties: [(&str, Option<&str>); 4]) -> Error {
    let claim = Claim::of(|wanted| {
        let found = properties.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| *value)
    });
    claim.unwrap().verifier(None, None).await.unwrap_err()
}

fn properties<'a>(
    signature: &'a str,
    hash_method: &'a str,
    key_type: &'a str,
) -> [(&'static str, Option<&'a str>); 4] {
    [
        (CERTIFICATE, Some("c")),
        (SIGNATURE, Some(signature)),
        (HASH_METHOD, Some(hash_method)),
        (KEY_TYPE, Some(key_type)),
    ]
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_order_in_which_it_is_looked_at() {
    let good = properties("YWI=", "SHA-256", "RSA-PSS");
    let said = refusal(good).await;
    assert!(
        matches!(said, Error::Unavailable { reference, cause: Refusal::NotConfigured } if reference == "c")
    );
    let mut unset = good;
    unset[0].1 = None;
    assert!(matches!(
        refusal(unset).await,
        Error::Missing("img_signature_uuid")
    ));
    assert!(matches!(
        refusal(properties("ä", "MD5", "RSA")).await,
        Error::NotAscii
    ));
    assert!(matches!(
        refusal(properties("abc", "MD5", "RSA")).await,
        Error::NotBase64
    ));
    assert!(
        matches!(refusal(properties("YWI=", "sha256", "RSA")).await, Error::HashMethod(name) if name == "sha256")
    );
    assert!(
        matches!(refusal(properties("YWI=", "SHA-256", "RSA")).await, Error::KeyType(name) if name == "RSA")
    );
}

#[test]
fn an_image_is_signed_only_with_all_of_the_properties() {
    let there = properties("YWI=", "SHA-256", "RSA-PSS");
    for missing in [CERTIFICATE, HASH_METHOD, SIGNATURE, KEY_TYPE] {
        let claim = Claim::of(|wanted| {
            let found = there.iter().find(|(name, _)| *name == wanted)?;
            (wanted != missing).then_some(found.1)
        });
        assert!(claim.is_none(), "{missing}");
    }
}
