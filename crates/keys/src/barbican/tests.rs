//! Against a server of a few lines that writes down what it is asked.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::mpsc::{self, Receiver},
    thread,
};

use super::*;

const ID: &str = "d152fa13-2b41-42ca-a934-6c21566c0f40";

/// Gives these answers, one to each connection; what comes back are the heads of the requests.
fn server(answers: Vec<String>) -> (KeyManager, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let (heads, asked) = mpsc::channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut connection, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap() > 0 {
                head.push(byte[0]);
            }
            heads.send(String::from_utf8(head).unwrap()).unwrap();
            connection.write_all(answer.as_bytes()).unwrap();
        }
    });
    let config = KeyManagerConfig {
        endpoint,
        trust: Trust::Machine,
    };
    (KeyManager::new(config).unwrap(), asked)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn token() -> Token {
    Token::new("secret-token")
}

#[tokio::test]
async fn a_certificate_is_asked_for_with_the_token_and_as_what_it_is_kept() {
    let metadata = r#"{"secret_type": "certificate", "content_types": {"default": "text/plain"}}"#;
    let (manager, asked) = server(vec![answer("200 OK", metadata), answer("200 OK", "no PEM")]);
    let outcome = manager.certificate(ID, Some(&token())).await;
    assert!(matches!(outcome, Err(Error::Unreadable(_))), "{outcome:?}");
    let first = asked.recv().unwrap().to_lowercase();
    assert!(
        first.starts_with(&format!("get /v1/secrets/{ID} ")),
        "{first}"
    );
    assert!(first.contains("x-auth-token: secret-token\r\n"), "{first}");
    let second = asked.recv().unwrap().to_lowercase();
    assert!(
        second.starts_with(&format!("get /v1/secrets/{ID}/payload ")),
        "{second}"
    );
    assert!(second.contains("accept: text/plain\r\n"), "{second}");
}

#[tokio::test]
async fn bytes_of_other_secrets_are_not_fetched() {
    for (kind, format) in [("symmetric", "RAW"), ("private", "PKCS8"), ("x", "Opaque")] {
        let metadata = format!(r#"{{"secret_type": "{kind}"}}"#);
        let (manager, asked) = server(vec![answer("200 OK", &metadata)]);
        let outcome = manager.certificate(ID, None).await;
        assert!(
            matches!(outcome, Err(Error::NoCertificate(said)) if said == format),
            "{outcome:?}"
        );
        assert!(
            !asked
                .recv()
                .unwrap()
                .to_lowercase()
                .contains("x-auth-token")
        );
        assert!(asked.recv().is_err(), "there is a second request");
    }
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let long = "x".repeat(ANSWER_BYTES + 1);
    let cases = [
        (answer("404 Not Found", ""), "has no such secret"),
        (answer("401 Unauthorized", ""), "status 401"),
        (answer("500 Oh", ""), "status 500"),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n\r\n".to_owned(),
            "status 302",
        ),
        (answer("200 OK", "[]"), "cannot be read"),
        (answer("200 OK", &long), "cannot be read"),
        (String::new(), "cannot be reached"),
        (
            answer("200 OK", r#"{"consumers": [{"service": "cinder"}]}"#),
            "consumers",
        ),
    ];
    for (given, said) in cases {
        let (manager, _asked) = server(vec![given]);
        let refusal = manager.delete(ID, Some(&token())).await.unwrap_err();
        assert!(
            refusal.to_string().contains(said),
            "{refusal} is not {said}"
        );
    }
    let (manager, _asked) = server(Vec::new());
    let refusal = manager.delete("../containers", None).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Reference));
    let outcome = manager.certificate("x", None).await;
    assert!(matches!(outcome, Err(Error::Reference)));
}

#[tokio::test]
async fn a_key_that_nobody_uses_is_deleted() {
    let metadata = r#"{"secret_type": "symmetric", "consumers": []}"#;
    let (manager, asked) = server(vec![
        answer("200 OK", metadata),
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_owned(),
    ]);
    manager.delete(ID, Some(&token())).await.unwrap();
    assert!(asked.recv().unwrap().starts_with("GET "));
    let second = asked.recv().unwrap();
    assert!(
        second.starts_with(&format!("DELETE /v1/secrets/{ID} ")),
        "{second}"
    );
}

#[test]
fn ids_are_read_as_python_reads_them() {
    let id = Uuid::try_parse(ID).unwrap();
    for text in [
        ID.to_owned(),
        ID.to_uppercase(),
        ID.replace('-', ""),
        format!("{{{ID}}}"),
        format!("urn:uuid:{ID}"),
        format!("http://host:9311/v1/secrets/{ID}"),
        format!("http://host:9311/v1/secrets/{ID}/"),
    ] {
        assert_eq!(id_of(&text), Some(id), "{text}");
    }
    for text in [
        "",
        "/",
        "x",
        &ID[1..],
        &format!("{ID}/payload"),
        &format!("{ID}?x"),
    ] {
        assert_eq!(id_of(text), None, "{text}");
    }
}

#[test]
fn a_token_is_not_shown() {
    assert!(!format!("{:?}", token()).contains("secret"));
}
