//! TLS: certificates are checked unless that is switched off.

use std::{io::Write, net::TcpListener, path::PathBuf, sync::Arc};

use openssl::{
    asn1::Asn1Time,
    hash::MessageDigest,
    pkey::{PKey, Private},
    rsa::Rsa,
    ssl::{SslAcceptor, SslMethod},
    x509::{
        X509, X509NameBuilder,
        extension::{BasicConstraints, SubjectAlternativeName},
    },
};
use vidimus_sdk::{Client, CloudConfig, Error, Tls};

/// A certificate and its key, which others can be signed with.
struct Signed {
    certificate: X509,
    key: PKey<Private>,
}

/// An authority, or a certificate for 127.0.0.1 signed by `issuer`, or one that is both.
fn sign(name: &str, issuer: Option<&Signed>, is_authority: bool) -> Signed {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&subject).unwrap();
    let issuer_name = issuer.map_or(&*subject, |issuer| issuer.certificate.subject_name());
    builder.set_issuer_name(issuer_name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::days_from_now(2).unwrap())
        .unwrap();
    if is_authority {
        builder
            .append_extension(BasicConstraints::new().ca().build().unwrap())
            .unwrap();
    }
    let alternative = SubjectAlternativeName::new()
        .ip("127.0.0.1")
        .build(&builder.x509v3_context(None, None))
        .unwrap();
    builder.append_extension(alternative).unwrap();
    builder
        .sign(
            issuer.map_or(&key, |issuer| &issuer.key),
            MessageDigest::sha256(),
        )
        .unwrap();
    Signed {
        certificate: builder.build(),
        key,
    }
}

/// Answers every request over TLS with 204; the returned folder holds `ca.pem`, the certificate that vouches for it.
fn server(signed: &Signed, authority: &Signed) -> (String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("ca.pem"),
        authority.certificate.to_pem().unwrap(),
    )
    .unwrap();
    let mut acceptor = SslAcceptor::mozilla_intermediate(SslMethod::tls_server()).unwrap();
    acceptor.set_private_key(&signed.key).unwrap();
    acceptor.set_certificate(&signed.certificate).unwrap();
    let acceptor = Arc::new(acceptor.build());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/v2", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that does not trust us hangs up here.
            let Ok(mut stream) = acceptor.accept(stream) else {
                continue;
            };
            let mut head = [0; 4096];
            let _ = stream.ssl_read(&mut head);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
            let _ = stream.shutdown();
        }
    });
    (url, folder)
}

async fn call(url: &str, tls: Tls) -> Result<(), Error> {
    let mut config = CloudConfig::without_auth(url);
    config.tls = tls;
    Client::connect(&config)?.cache().clean().await
}

#[tokio::test]
async fn only_trusted_certificates_are_accepted() {
    let authority = sign("authority", None, true);
    let (url, folder) = server(&sign("127.0.0.1", Some(&authority), false), &authority);
    let error = call(&url, Tls::default()).await.unwrap_err();
    assert!(matches!(error, Error::Connection { .. }), "{error:?}");
    assert!(
        error.to_string().to_lowercase().contains("certificate"),
        "{error}"
    );

    let trusted = Tls {
        cacert: Some(folder.path().join("ca.pem")),
        ..Tls::default()
    };
    call(&url, trusted).await.unwrap();

    let unchecked = Tls {
        verify: false,
        ..Tls::default()
    };
    call(&url, unchecked).await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_ones_own_can_be_trusted() {
    let alone = sign("127.0.0.1", None, false);
    let (url, folder) = server(&alone, &alone);
    let trusted = Tls {
        cacert: Some(folder.path().join("ca.pem")),
        ..Tls::default()
    };
    call(&url, trusted).await.unwrap();

    let authority = sign("127.0.0.1", None, true);
    let (url, folder) = server(&authority, &authority);
    let trusted = Tls {
        cacert: Some(folder.path().join("ca.pem")),
        ..Tls::default()
    };
    let error = call(&url, trusted).await.unwrap_err();
    assert!(
        error.to_string().contains("CA:FALSE"),
        "it says what to do: {error}"
    );
}

#[tokio::test]
async fn unusable_certificate_files_are_named() {
    let alone = sign("127.0.0.1", None, false);
    let (url, folder) = server(&alone, &alone);
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for cacert in [PathBuf::from("/nonexistent/ca.pem"), empty] {
        let tls = Tls {
            cacert: Some(cacert.clone()),
            ..Tls::default()
        };
        let error = call(&url, tls).await.unwrap_err();
        assert!(
            error.to_string().contains(cacert.to_str().unwrap()),
            "{error}"
        );
    }
}
