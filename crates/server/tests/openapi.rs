//! The document at `/openapi.json` against the server that serves it.

#![expect(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach their helpers"
)]

use std::process::Command;

use reqwest::{Method, header};
use serde_json::Value;
use vidimus_testkit::{Api, TestServer};

const PROGRAM: &str = env!("CARGO_BIN_EXE_vidimus");

fn server() -> TestServer {
    let config = "[DEFAULT]\n\
        enabled_backends = fast:file,slow:file\n\
        image_cache_dir = $DIR/cache\n\
        node_staging_uri = file://$DIR/staging\n\
        [database]\nconnection = sqlite:///$DIR/glance.sqlite\n\
        [glance_store]\ndefault_backend = fast\n\
        [fast]\nfilesystem_store_datadir = $DIR/fast\n\
        [slow]\nfilesystem_store_datadir = $DIR/slow\n\
        [paste_deploy]\nflavor = cachemanagement\n";
    TestServer::builder(PROGRAM).config(config).start()
}

async fn document(api: &Api) -> Value {
    let answer = api.get("/openapi.json").await.unwrap().expect_status(200);
    assert_eq!(answer.headers["content-type"], "application/json");
    answer.json()
}

/// Every operation: method, path, its description.
fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if let Ok(method) = method.to_ascii_uppercase().parse::<Method>()
                && method != "PARAMETERS"
            {
                found.push((method, path.clone(), operation.clone()));
            }
        }
    }
    found
}

/// A path with something in the place of its parameters.
fn filled(path: &str) -> String {
    let segments: Vec<&str> = path
        .split('/')
        .map(|segment| match segment {
            "{store}" => "fast",
            "{tag}" | "{member}" | "{namespace}" | "{name}" => "x",
            segment if segment.starts_with('{') => "00000000-0000-4000-8000-000000000000",
            segment => segment,
        })
        .collect();
    segments.join("/")
}

#[tokio::test]
async fn the_document_is_served_and_kept() {
    let server = server();
    let api = server.api();
    let served = api.get("/openapi.json").await.unwrap().expect_status(200);
    let etag = served.headers["etag"].clone();
    let get = |method| api.request(method, "/openapi.json");
    let again = get(Method::GET).header(header::IF_NONE_MATCH, &etag);
    let again = api.send(again).await.unwrap().expect_status(304);
    assert!(again.body.is_empty());
    assert_eq!(again.headers["etag"], etag);
    let other = get(Method::GET).header(header::IF_NONE_MATCH, "\"other\"");
    api.send(other).await.unwrap().expect_status(200);
    let head = api.send(get(Method::HEAD)).await.unwrap();
    assert!(head.expect_status(200).body.is_empty());
    let post = api.send(get(Method::POST)).await.unwrap();
    assert_eq!(post.expect_status(405).headers["allow"], "GET, HEAD");

    let printed = Command::new(PROGRAM)
        .args(["openapi", "--config-file"])
        .arg(server.dir().join("glance-api.conf"))
        .output()
        .unwrap();
    assert!(printed.status.success());
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert!(
        printed == served.json(),
        "the program prints another document than it serves"
    );
}

/// Callers without an identity get the document, and nothing that it describes except what it says is open.
#[tokio::test]
async fn what_needs_no_token_is_what_the_document_says() {
    let config = "[DEFAULT]\nnode_staging_uri = file://$DIR/staging\n\
        [database]\nconnection = sqlite:///$DIR/glance.sqlite\n\
        [glance_store]\nfilesystem_store_datadir = $DIR/images\n\
        [vidimus]\nauth = proxy\n";
    let server = TestServer::builder(PROGRAM).config(config).start();
    let api = server.api();
    for (method, path, operation) in operations(&document(&api).await) {
        let answer = api.send(api.request(method.clone(), &filled(&path)));
        let is_open = operation.get("security").is_some();
        let status = answer.await.unwrap().status;
        assert_eq!(status != 401, is_open, "{method} {path}: {status}");
    }
}

/// Whatever is documented is there, and refuses methods that are not documented.
#[tokio::test]
async fn every_operation_is_answered() {
    let server = server();
    let api = server.api();
    let operations = operations(&document(&api).await);
    for (method, path, operation) in &operations {
        let answer = api
            .send(api.request(method.clone(), &filled(path)))
            .await
            .unwrap();
        let status = answer.status.to_string();
        let documented = operation["responses"].as_object().unwrap();
        assert!(
            documented.contains_key(&status),
            "{method} {path}: {status}"
        );
        let text = String::from_utf8_lossy(&answer.body);
        assert!(
            status != "404"
                || !text.contains("The resource could not be found.<br />")
                || path.ends_with("/tasks"),
            "{method} {path} is no route"
        );
    }
    for path in operations.iter().map(|(_, path, _)| path) {
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            let is_documented = operations
                .iter()
                .any(|(known, at, _)| at == path && *known == method);
            if is_documented || !path.starts_with("/v2/") {
                continue;
            }
            let answer = api
                .send(api.request(method.clone(), &filled(path)))
                .await
                .unwrap();
            // The legacy routes and one other do not exist for other methods.
            assert!(
                matches!(answer.status, 404 | 405),
                "{method} {path}: {}",
                answer.status
            );
        }
    }
}

/// The words a parameter can be are the words the server takes.
#[tokio::test]
async fn every_word_of_a_query_is_taken_and_no_other() {
    let server = server();
    let api = server.api();
    let namespace = api.request(Method::POST, "/v2/metadefs/namespaces");
    let namespace = namespace.json(&serde_json::json!({"namespace": "x"}));
    api.send(namespace).await.unwrap().expect_status(201);
    let mut tried = 0;
    for (_, path, operation) in operations(&document(&api).await)
        .into_iter()
        .filter(|(method, _, _)| method == Method::GET)
    {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let schema = &parameter["schema"];
            let words = schema.get("enum").or(schema["items"].get("enum"));
            let Some(words) = words.and_then(Value::as_array) else {
                continue;
            };
            let name = parameter["name"].as_str().unwrap();
            let path = filled(&path);
            for word in words.iter().map(|word| word.as_str().unwrap()) {
                let answer = api.get(&format!("{path}?{name}={word}")).await.unwrap();
                assert_eq!(answer.status, 200, "{path}?{name}={word}");
                tried += 1;
            }
            let answer = api.get(&format!("{path}?{name}=nonsense")).await.unwrap();
            assert!(
                answer.status == 400 || parameter["description"] == "Read and not obeyed",
                "{path}?{name}=nonsense: {}",
                answer.status
            );
        }
    }
    assert!(tried > 40, "{tried}");
}
