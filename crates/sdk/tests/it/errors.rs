//! Error texts, compared with what openstacksdk 4.22.0 printed for the same answers.

use vidimus_sdk::{Error, HttpErrorClass};

use crate::fake::{Fake, ID, Reply};

const HTML: &str = "text/html; charset=UTF-8";
const JSON: &str = "application/json";

/// What the server answers, and what `str()` of openstacksdk's exception says after `No Image found for <id>: `, recorded
/// from `conn.image.get_image()`; `{url}` stands for the request's URL.
const RECORDED: &[(&str, &str, &str, &str)] = &[
    (
        "403 Forbidden",
        HTML,
        "<html>\n <head>\n  <title>403 Forbidden</title>\n </head>\n <body>\n  <h1>403 Forbidden</h1>\n  You are not \
         authorized to complete get_image action.<br /><br />\n\n\n\n </body>\n</html>",
        "Client Error for url: {url}, 403 Forbidden: You are not authorized to complete get_image action.",
    ),
    (
        "409 Conflict",
        JSON,
        r#"{"message": "Image status <b>x</b> conflict<br /><br />\n\n\n", "code": "409 Conflict", "title": "Conflict"}"#,
        "Client Error for url: {url}, Image status <b>x</b> conflict<br /><br />\n\n\n",
    ),
    (
        "500 Internal Server Error",
        JSON,
        r#"{"error": {"message": "boom", "code": 500}, "other": {"faultstring": "two"}}"#,
        "Server Error for url: {url}, boom\ntwo",
    ),
    (
        "410 Gone",
        JSON,
        r#"{"error_message": "{\"faultstring\": \"inner\"}"}"#,
        "Client Error for url: {url}, inner",
    ),
    (
        "500 Internal Server Error",
        JSON,
        "[1,2]",
        "Server Error for url: {url}, [1,2]",
    ),
    (
        "500 Internal Server Error",
        JSON,
        "not json",
        "Server Error for url: {url}, not json",
    ),
    (
        "413 Request Entity Too Large",
        "text/plain",
        "413 Request Entity Too Large\n\nsome text\n",
        "Client Error for url: {url}, Request Entity Too Large",
    ),
    (
        "502 Bad Gateway Custom",
        "",
        "",
        "Server Error for url: {url}, Bad Gateway Custom",
    ),
    ("499 ", "", "", "Client Error for url: {url}"),
    (
        "499 ",
        "text/plain",
        "hello",
        "Client Error for url: {url}, hello",
    ),
    (
        "412 Precondition Failed",
        JSON,
        "{}",
        "Client Error for url: {url}, Precondition Failed",
    ),
    (
        "500 Internal Server Error",
        JSON,
        r#"{"message": 42}"#,
        "Server Error for url: {url}, 42",
    ),
    (
        "500 Internal Server Error",
        "text/html",
        "<>x>y\n<p class='a'>a < b</p>\r\na < b\u{b}line2",
        "Server Error for url: {url}, y: a : a < b: line2",
    ),
];

#[tokio::test]
async fn texts_are_those_of_openstacksdk() {
    for (status, content_type, body, expected) in RECORDED {
        let fake = Fake::start(|_| Reply::new(status, content_type, *body)).await;
        let client = fake.client();
        let error = client.images().get(&ID.parse().unwrap()).await.unwrap_err();
        let url = format!("{}/v2/images/{ID}", fake.url);
        let expected = format!(
            "No Image found for {ID}: {}",
            expected.replace("{url}", &url)
        );
        assert_eq!(error.to_string(), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn classes_have_the_names_of_openstacksdk() {
    let names = [
        (
            "400 Bad Request",
            "BadRequestException",
            HttpErrorClass::BadRequest,
        ),
        ("401 Unauthorized", "HttpException", HttpErrorClass::Other),
        (
            "403 Forbidden",
            "ForbiddenException",
            HttpErrorClass::Forbidden,
        ),
        (
            "404 Not Found",
            "NotFoundException",
            HttpErrorClass::NotFound,
        ),
        (
            "409 Conflict",
            "ConflictException",
            HttpErrorClass::Conflict,
        ),
        (
            "412 Precondition Failed",
            "PreconditionFailedException",
            HttpErrorClass::PreconditionFailed,
        ),
        ("418 I'm a teapot", "HttpException", HttpErrorClass::Other),
    ];
    for (status, name, class) in names {
        let fake = Fake::start(move |_| {
            Reply::new(status, "", "").header("x-openstack-request-id", "req-1")
        })
        .await;
        let error = fake
            .client()
            .images()
            .delete(&ID.parse().unwrap())
            .await
            .unwrap_err();
        let (code, reason) = status.split_once(' ').unwrap();
        let text = format!(
            "{name}: {code}: Client Error for url: {}/v2/images/{ID}, {reason}",
            fake.url
        );
        assert_eq!(error.to_string(), text);
        assert!(error.has_class(class));
        assert_eq!(error.class_name(), name);
        assert_eq!(error.request_id(), Some("req-1"));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let config = vidimus_sdk::CloudConfig::without_auth(format!("http://127.0.0.1:{port}"));
    let client = vidimus_sdk::Client::connect(&config).unwrap();
    let error = client.images().find("x").await.unwrap_err();
    assert!(matches!(error, Error::Connection { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.starts_with(&format!(
            "Unable to establish connection to http://127.0.0.1:{port}/: "
        )),
        "{text}"
    );
    assert!(text.contains("refused"), "{text}");
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_an_error() {
    let fake =
        Fake::start(|_| Reply::new("200 OK", "text/html", "<html>a proxy's page</html>")).await;
    let error = fake.client().cache().list().await.unwrap_err();
    assert!(matches!(error, Error::InvalidResponse { .. }), "{error:?}");
}

#[tokio::test]
async fn an_unavailable_service_is_asked_again() {
    let fake = Fake::start(|_| Reply::new("503 Service Unavailable", "", "")).await;
    let mut config = vidimus_sdk::CloudConfig::without_auth(format!("{}/v2", fake.url));
    config.status_code_retries = 1;
    let client = vidimus_sdk::Client::connect(&config).unwrap();
    client.cache().list().await.unwrap_err();
    assert_eq!(fake.lines(), ["GET /v2/cache", "GET /v2/cache"]);
}
