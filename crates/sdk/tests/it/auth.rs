//! Signing in, with a small Keystone of our own.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use vidimus_sdk::{Client, CloudConfig, Environment, Error, Overrides};

use crate::fake::{Fake, ID, Received, Reply, image};

/// Issues `token-1`, `token-2`, …, and has the image service of `catalog`.
async fn keystone(catalog: Value) -> Fake {
    let issued = Arc::new(AtomicUsize::new(0));
    Fake::start(move |request| match request.line().as_str() {
        "POST /v3/auth/tokens" => {
            if request.json()["auth"]["identity"]["password"]["user"]["password"] == "wrong" {
                return Reply::new(
                    "401 Unauthorized",
                    "application/json",
                    r#"{"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}}"#,
                )
                .header("x-openstack-request-id", "req-7");
            }
            let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
            let token = json!({"token": {"project": {"id": "project-1"}, "catalog": catalog}});
            Reply::new("201 Created", "application/json", token.to_string()).header("X-Subject-Token", &format!("token-{number}"))
        }
        "GET /v3/projects?name=demo" => Reply::json(&json!({"projects": [{"id": "project-2", "name": "demo"}]})),
        "GET /v3/projects/known" => Reply::json(&json!({"project": {"id": "known"}})),
        "GET /v3/projects?name=secret" => Reply::new("403 Forbidden", "", ""),
        line if line.starts_with("GET /v3/projects?") => Reply::json(&json!({"projects": []})),
        _ => Reply::new("404 Not Found", "", ""),
    })
    .await
}

fn endpoint(interface: &str, region: &str, url: &str) -> Value {
    json!({"interface": interface, "region": region, "region_id": region, "url": url})
}

fn catalog_of(url: &str) -> Value {
    json!([
        {"type": "compute", "endpoints": [endpoint("public", "R1", "http://nova")]},
        {"type": "image", "endpoints": [endpoint("public", "R1", url)]},
    ])
}

fn client(keystone: &Fake, options: &[(&str, &str)]) -> Client {
    let mut given = Overrides::default();
    given.set("auth_url", &keystone.url);
    for (name, value) in options {
        given.set(name, *value);
    }
    let config = CloudConfig::load(&given, &Environment::default()).unwrap();
    Client::connect(&config).unwrap()
}

const PASSWORD: &[(&str, &str)] = &[
    ("username", "u"),
    ("password", "p"),
    ("project_name", "demo"),
    ("user_domain_name", "D"),
];

fn versions(request: &Received) -> Option<Reply> {
    (request.line() == "GET /").then(|| {
        let version = |id: &str, status: &str, path: &str| json!({"id": id, "status": status, "links": [{"rel": "self", "href": format!("http://elsewhere.example{path}")}]});
        let body = json!({"versions": [
            version("v2.9", "SUPPORTED", "/v2/"), version("v3.0", "CURRENT", "/v3/"), version("v2.18", "CURRENT", "/v2/"),
            version("v2.99", "EXPERIMENTAL", "/v2/x/"),
        ]});
        Reply::new("300 Multiple Choices", "application/json", body.to_string())
    })
}

#[tokio::test]
async fn a_password_becomes_a_token_and_the_catalog_an_endpoint() {
    let glance =
        Fake::start(|request| versions(request).unwrap_or_else(|| Reply::json(&image("i", b""))))
            .await;
    let keystone = keystone(catalog_of(&glance.url)).await;
    let client = client(&keystone, PASSWORD);
    client.images().get(&ID.parse().unwrap()).await.unwrap();
    client.images().get(&ID.parse().unwrap()).await.unwrap();
    assert_eq!(
        client.project_id().await.unwrap().as_deref(),
        Some("project-1")
    );

    assert_eq!(
        keystone.lines(),
        ["POST /v3/auth/tokens"],
        "one token serves all calls"
    );
    assert_eq!(
        keystone.received()[0].json(),
        json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": {"name": "u", "domain": {"name": "D"}, "password": "p"}}},
            "scope": {"project": {"name": "demo", "domain": {"id": "default"}}},
        }})
    );
    let image_path = format!("GET /v2/images/{ID}");
    assert_eq!(
        glance.lines(),
        ["GET /", image_path.as_str(), image_path.as_str()]
    );
    assert_eq!(
        glance.received()[0].header("x-auth-token"),
        None,
        "versions are public"
    );
    assert_eq!(glance.received()[1].header("x-auth-token"), Some("token-1"));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let glance = Fake::start(|request| match request.header("x-auth-token") {
        Some("token-1") => Reply::new("401 Unauthorized", "", ""),
        _ => Reply::json(&image("i", b"")),
    })
    .await;
    let keystone = keystone(catalog_of(&format!("{}/v2", glance.url))).await;
    let client = client(&keystone, PASSWORD);
    client.images().get(&ID.parse().unwrap()).await.unwrap();
    assert_eq!(glance.received()[1].header("x-auth-token"), Some("token-2"));
    assert_eq!(keystone.lines().len(), 2);
}

#[tokio::test]
async fn a_service_that_refuses_every_token_is_believed() {
    let glance = Fake::start(|_| Reply::new("401 Unauthorized", "", "")).await;
    let keystone = keystone(catalog_of(&format!("{}/v2", glance.url))).await;
    let error = client(&keystone, PASSWORD)
        .images()
        .get(&ID.parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.http().unwrap().status, 401);
    assert_eq!(glance.lines().len(), 2);

    let fixed = glance.client_with_token();
    fixed.images().get(&ID.parse().unwrap()).await.unwrap_err();
    assert_eq!(
        glance.lines().len(),
        3,
        "a token that was given cannot be renewed"
    );
}

#[tokio::test]
async fn wrong_credentials_are_reported_in_keystones_words() {
    let keystone = keystone(json!([])).await;
    let options = [("username", "u"), ("password", "wrong")];
    let error = client(&keystone, &options)
        .cache()
        .list()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }));
    assert_eq!(
        error.to_string(),
        "The request you have made requires authentication. (HTTP 401) (Request-ID: req-7)"
    );
}

#[tokio::test]
async fn other_proofs_have_their_own_bodies() {
    let keystone = keystone(json!([])).await;
    let token = [
        ("auth_type", "token"),
        ("token", "old"),
        ("project_id", "pid"),
    ];
    client(&keystone, &token).cache().list().await.unwrap_err();
    let credential = [
        ("auth_type", "v3applicationcredential"),
        ("application_credential_name", "ac"),
        ("application_credential_secret", "s"),
        ("user_id", "uid"),
        ("project_name", "not sent"),
    ];
    client(&keystone, &credential)
        .cache()
        .list()
        .await
        .unwrap_err();
    let system = [
        ("username", "u"),
        ("password", "p"),
        ("system_scope", "all"),
    ];
    client(&keystone, &system).cache().list().await.unwrap_err();
    let bodies: Vec<Value> = keystone.received().iter().map(Received::json).collect();
    assert_eq!(
        bodies[0],
        json!({"auth": {"identity": {"methods": ["token"], "token": {"id": "old"}}, "scope": {"project": {"id": "pid"}}}})
    );
    assert_eq!(
        bodies[1],
        json!({"auth": {"identity": {
            "methods": ["application_credential"],
            "application_credential": {"name": "ac", "secret": "s", "user": {"id": "uid"}},
        }}})
    );
    assert_eq!(bodies[2]["auth"]["scope"], json!({"system": {"all": true}}));
}

#[tokio::test]
async fn the_catalog_is_searched_by_interface_and_region() {
    let catalog = json!([{"type": "image", "endpoints": [
        endpoint("internal", "R1", "http://127.0.0.1:1/internal/v2"),
        endpoint("public", "R1", "http://127.0.0.1:1/r1/v2"),
        endpoint("public", "R2", "http://127.0.0.1:1/r2/v2"),
    ]}]);
    let keystone = keystone(catalog).await;
    let chosen = [
        (&[][..], "r1"),
        (&[("region_name", "R2")][..], "r2"),
        (&[("interface", "internal")][..], "internal"),
        (
            &[("interface", "publicURL"), ("region_name", "R2")][..],
            "r2",
        ),
    ];
    for (options, path) in chosen {
        let client = client(&keystone, &[PASSWORD, options].concat());
        let endpoint = client.endpoint().await.unwrap();
        assert_eq!(endpoint.as_str(), format!("http://127.0.0.1:1/{path}/v2/"));
    }
    let nowhere = [PASSWORD, &[("region_name", "R3"), ("interface", "admin")]].concat();
    let error = client(&keystone, &nowhere)
        .cache()
        .list()
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "Service 'image' is disabled because its configuration could not be loaded. The service is not present in the \
         service catalog: admin endpoint for image service in R3 region not found"
    );
}

#[tokio::test]
async fn an_endpoint_with_a_path_keeps_it() {
    let glance = Fake::start(|request| match request.line().as_str() {
        "GET /image/" => Reply::new(
            "300 Multiple Choices",
            "application/json",
            r#"{"versions": [{"id": "v2.0", "status": "CURRENT", "links": [{"rel": "self", "href": "http://inside:9292/image/v2/"}]}]}"#,
        ),
        _ => Reply::new("404 Not Found", "", ""),
    })
    .await;
    let config = CloudConfig::without_auth(format!("{}/image", glance.url));
    let client = Client::connect(&config).unwrap();
    assert_eq!(
        client.endpoint().await.unwrap().as_str(),
        format!("{}/image/v2/", glance.url)
    );
    let without_document = CloudConfig::without_auth(format!("{}/other", glance.url));
    let client = Client::connect(&without_document).unwrap();
    assert_eq!(
        client.endpoint().await.unwrap().as_str(),
        format!("{}/other/v2/", glance.url)
    );
}

#[tokio::test]
async fn projects_are_found_by_name_or_taken_for_ids() {
    let keystone = keystone(json!([])).await;
    let client = client(&keystone, PASSWORD);
    assert_eq!(
        client.find_project_id("known", None).await.unwrap(),
        "known"
    );
    assert_eq!(
        client.find_project_id("demo", None).await.unwrap(),
        "project-2"
    );
    assert_eq!(
        client.find_project_id("secret", None).await.unwrap(),
        "secret"
    );
    let error = client.find_project_id("..", None).await.unwrap_err();
    assert!(
        error.is_not_found(),
        "and no path is mistaken for one: {error}"
    );
    let error = client.find_project_id("gone", None).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[tokio::test]
async fn http_basic_sends_name_and_password() {
    let glance = Fake::start(|_| Reply::empty()).await;
    let mut given = Overrides::default();
    given
        .set("auth_type", "http_basic")
        .set("endpoint", format!("{}/v2", glance.url))
        .set("username", "Aladdin")
        .set("password", "open sesame");
    let config = CloudConfig::load(&given, &Environment::default()).unwrap();
    Client::connect(&config)
        .unwrap()
        .cache()
        .clean()
        .await
        .unwrap();
    // RFC 7617, section 2.
    let sent = glance.received()[0]
        .header("authorization")
        .map(str::to_owned);
    assert_eq!(sent.as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
}
