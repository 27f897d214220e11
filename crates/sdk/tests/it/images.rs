//! Finding, listing and changing images.

use serde_json::json;
use vidimus_sdk::{ClearTarget, Error, ImagePatch, ListQuery, MemberStatus, NewImage};

use crate::fake::{Fake, ID, Reply, image};

const OTHER: &str = "00000000-0000-4000-8000-000000000001";

fn named(id: &str, name: &str) -> serde_json::Value {
    json!({"id": id, "name": name})
}

fn not_found() -> Reply {
    Reply::new("404 Not Found", "text/html", "<h1>404 Not Found</h1>")
}

#[tokio::test]
async fn a_name_is_found_after_it_is_no_id() {
    let fake = Fake::start(|request| match request.target.as_str() {
        "/v2/images/my%20image" => not_found(),
        _ => Reply::json(&json!({"images": [named(ID, "my image")]})),
    })
    .await;
    let image = fake.client().images().find("my image").await.unwrap();
    assert_eq!(image.id.as_str(), ID);
    assert_eq!(
        fake.lines(),
        ["GET /v2/images/my%20image", "GET /v2/images?name=my+image"]
    );
}

#[tokio::test]
async fn hidden_images_are_found_last() {
    let fake = Fake::start(|request| {
        if request.target.contains("os_hidden=True") {
            Reply::json(&json!({"images": [named(ID, "h")]}))
        } else if request.target.contains('?') {
            Reply::json(&json!({"images": []}))
        } else {
            Reply::new("403 Forbidden", "", "")
        }
    })
    .await;
    assert_eq!(
        fake.client().images().find("h").await.unwrap().id.as_str(),
        ID
    );
}

#[tokio::test]
async fn nothing_and_several_are_told_apart() {
    let fake = Fake::start(|request| {
        if request.target.contains("name=twice") {
            Reply::json(&json!({"images": [named(ID, "twice"), named(OTHER, "twice")]}))
        } else if request.target.contains('?') {
            Reply::json(&json!({"images": []}))
        } else {
            not_found()
        }
    })
    .await;
    let client = fake.client();
    let missing = client.images().find("gone").await.unwrap_err();
    assert_eq!(missing.to_string(), "No Image found for gone");
    assert!(missing.is_not_found());
    let twice = client.images().find("twice").await.unwrap_err();
    assert_eq!(
        twice.to_string(),
        "More than one Image exists with the name 'twice'."
    );
}

#[tokio::test]
async fn a_name_never_becomes_another_path() {
    let fake = Fake::start(|_| Reply::json(&json!({"images": []}))).await;
    let client = fake.client();
    for name in ["..", ".", "../cache", "a?b", "a#b", ""] {
        client.images().find(name).await.unwrap_err();
    }
    for line in fake.lines() {
        assert!(line.starts_with("GET /v2/images?name="), "{line}");
    }
    let error = client
        .images()
        .remove_tag(&ID.parse().unwrap(), "..")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::InvalidRequest(_)), "{error:?}");
    client
        .images()
        .remove_tag(&ID.parse().unwrap(), "a/b")
        .await
        .unwrap();
    assert!(
        fake.lines()
            .contains(&format!("DELETE /v2/images/{ID}/tags/a%2Fb"))
    );
}

#[tokio::test]
async fn an_error_of_the_look_up_is_not_taken_for_no_such_image() {
    let fake = Fake::start(|_| Reply::new("500 Internal Server Error", "", "")).await;
    let error = fake.client().images().find("x").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "HttpException: 500: Server Error for url: {}/v2/images/x, Internal Server Error",
            fake.url
        )
    );
}

/// Three images, one a page, as Glance links them: of repeated parameters only the last survives in the link.
fn paged(target: &str) -> Reply {
    let id = |number: usize| format!("00000000-0000-4000-8000-00000000000{number}");
    let number = (0..3)
        .find(|number| target.contains(&id(*number)))
        .map_or(0, |at| at + 1);
    if number == 3 {
        return Reply::json(&json!({"images": []}));
    }
    let next = format!("/v2/images?tag=b&limit=1&marker={}", id(number));
    Reply::json(&json!({"images": [named(&id(number), "i")], "next": next}))
}

#[tokio::test]
async fn pages_are_followed_and_keep_repeated_filters() {
    let fake = Fake::start(|request| paged(&request.target)).await;
    let client = fake.client();
    let query = ListQuery::default().filter("tag", "a").filter("tag", "b");
    let images = client.images().list(query).collect().await.unwrap();
    assert_eq!(images.len(), 3);
    assert_eq!(
        fake.lines(),
        [
            "GET /v2/images?tag=a&tag=b",
            "GET /v2/images?tag=a&tag=b&limit=1&marker=00000000-0000-4000-8000-000000000000",
            "GET /v2/images?tag=a&tag=b&limit=1&marker=00000000-0000-4000-8000-000000000001",
            "GET /v2/images?tag=a&tag=b&limit=1&marker=00000000-0000-4000-8000-000000000002",
        ]
    );
}

#[tokio::test]
async fn a_list_stops_where_it_is_told_to() {
    let fake = Fake::start(|request| paged(&request.target)).await;
    let client = fake.client();
    let most = ListQuery {
        max_items: Some(2),
        ..ListQuery::default()
    };
    assert_eq!(client.images().list(most).collect().await.unwrap().len(), 2);
    assert_eq!(
        fake.lines()[0],
        "GET /v2/images?limit=2",
        "a maximum is also a page size"
    );
    let page = ListQuery {
        page_size: Some(1),
        single_page: true,
        ..ListQuery::default()
    };
    assert_eq!(client.images().list(page).collect().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_link_that_leads_back_ends_the_list() {
    let fake = Fake::start(|_| {
        Reply::json(&json!({"images": [named(ID, "i")], "next": format!("/v2/images?marker={ID}")}))
    })
    .await;
    let client = fake.client();
    let error = client
        .images()
        .list(ListQuery::default())
        .collect()
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("Endless pagination loop"),
        "{error}"
    );
}

#[tokio::test]
async fn requests_are_the_ones_openstacksdk_sends() {
    let fake = Fake::start(|request| match request.method.as_str() {
        "PATCH" | "POST" if request.target == "/v2/images" || request.method == "PATCH" => {
            Reply::json(&image("n", b"")).header(
                "OpenStack-image-import-methods",
                "glance-direct,web-download",
            )
        }
        "PUT" | "POST" if request.target.contains("/members") => {
            Reply::json(&json!({"member_id": "p", "image_id": ID, "status": "accepted"}))
        }
        _ => Reply::empty(),
    })
    .await;
    let client = fake.client();
    let id = ID.parse().unwrap();
    let new = NewImage {
        name: Some("n".to_owned()),
        disk_format: Some("raw".to_owned()),
        ..NewImage::default()
    };
    let created = client.images().create(&new).await.unwrap();
    assert_eq!(created.import_methods, ["glance-direct", "web-download"]);
    let mut patch = ImagePatch::default();
    patch.replace("name", "x");
    client.images().update(&id, &patch).await.unwrap();
    client.images().add_tag(&id, "t").await.unwrap();
    client.images().deactivate(&id).await.unwrap();
    client
        .members()
        .set_status(&id, "p", MemberStatus::Accepted)
        .await
        .unwrap();
    client
        .stores()
        .delete_image(&"fast".parse().unwrap(), &id)
        .await
        .unwrap();
    client.cache().queue(&id).await.unwrap();
    client.cache().delete(&id).await.unwrap();
    client.cache().clear(ClearTarget::Both).await.unwrap();
    client.cache().clear(ClearTarget::Queue).await.unwrap();
    client.cache().clean().await.unwrap();

    let received = fake.received();
    let lines: Vec<String> = received.iter().map(|request| request.line()).collect();
    assert_eq!(
        lines,
        [
            "POST /v2/images".to_owned(),
            format!("PATCH /v2/images/{ID}"),
            format!("PUT /v2/images/{ID}/tags/t"),
            format!("POST /v2/images/{ID}/actions/deactivate"),
            format!("PUT /v2/images/{ID}/members/p"),
            format!("DELETE /v2/stores/fast/{ID}"),
            format!("PUT /v2/cache/{ID}"),
            format!("DELETE /v2/cache/{ID}"),
            "DELETE /v2/cache".to_owned(),
            "DELETE /v2/cache".to_owned(),
            "POST /v2/cache/clean".to_owned(),
        ]
    );
    assert_eq!(
        received[0].json(),
        json!({"name": "n", "disk_format": "raw"})
    );
    assert_eq!(
        received[1].header("content-type"),
        Some("application/openstack-images-v2.1-json-patch")
    );
    assert_eq!(
        received[1].json(),
        json!([{"op": "replace", "path": "/name", "value": "x"}])
    );
    assert_eq!(received[4].json(), json!({"status": "accepted"}));
    assert_eq!(received[8].header("x-image-cache-clear-target"), None);
    assert_eq!(
        received[9].header("x-image-cache-clear-target"),
        Some("queue")
    );
    assert_eq!(
        received[2].header("content-length"),
        Some("0"),
        "some proxies refuse a PUT without"
    );
}
