//! Creating, changing and deleting images, their properties and their tags.

use vidimus_db::{Error, ImageChanges, ImageQuery, LocationStatus, NewImage, Scope};
use vidimus_types::{ImageId, ImageStatus, Visibility};

use crate::support::TestDb;

fn full(id: ImageId) -> NewImage {
    NewImage {
        id,
        name: Some("Ünïcode 'quoted' \"name\"; DROP TABLE images".to_owned()),
        disk_format: Some("qcow2".to_owned()),
        container_format: Some("bare".to_owned()),
        visibility: Visibility::Community,
        owner: Some("p".to_owned()),
        min_disk: 2_147_483_647,
        min_ram: 1,
        protected: true,
        os_hidden: true,
        properties: vec![
            property("z", "1"),
            property("a", "2"),
            property("empty", ""),
        ],
        tags: vec!["t2".to_owned(), "t1".to_owned(), "t2".to_owned()],
    }
}

fn property(name: &str, value: &str) -> (String, Option<String>) {
    (name.to_owned(), Some(value.to_owned()))
}

#[tokio::test]
async fn what_is_created_is_read_back() {
    let test = TestDb::new().await;
    let new = full(ImageId::random());
    let created = test.images().create(&new).await.unwrap();
    assert_eq!(created.id, new.id);
    assert_eq!(created.name, new.name);
    assert_eq!(created.disk_format, new.disk_format);
    assert_eq!(created.container_format, new.container_format);
    assert_eq!(created.visibility, new.visibility);
    assert_eq!(created.owner, new.owner);
    assert_eq!((created.min_disk, created.min_ram), (2_147_483_647, 1));
    assert!(created.protected && created.os_hidden && !created.deleted);
    assert_eq!(created.status, ImageStatus::Queued);
    assert_eq!((created.size, created.virtual_size), (None, None));
    assert_eq!(created.created_at, created.updated_at);
    assert_eq!(created.tags, ["t2", "t1"]);
    assert_eq!(
        created.properties,
        [
            property("z", "1"),
            property("a", "2"),
            property("empty", "")
        ]
    );
    assert!(created.locations.is_empty());
    let got = test.images().get(&Scope::admin(), &new.id).await.unwrap();
    assert_eq!(got, created);
}

#[tokio::test]
async fn times_are_text_as_sqlalchemy_writes_it() {
    let test = TestDb::new().await;
    test.active().await;
    for column in [
        "SELECT created_at AS x FROM images",
        "SELECT updated_at AS x FROM images",
        "SELECT created_at AS x FROM image_locations",
    ] {
        for text in test.column::<String>(column).await {
            assert_eq!(text.len(), "2026-11-22 15:25:44.527000".len(), "{text}");
            assert_eq!((&text[10..11], &text[19..20]), (" ", "."), "{text}");
        }
    }
}

#[tokio::test]
async fn an_id_is_taken_for_ever() {
    let test = TestDb::new().await;
    let id = ImageId::random();
    let new = NewImage::new(id, None);
    test.images().create(&new).await.unwrap();
    let error = test.images().create(&new).await.unwrap_err();
    assert!(matches!(error, Error::Duplicate(taken) if taken == id));
    test.images()
        .delete(&id, ImageStatus::Queued, ImageStatus::Deleted)
        .await
        .unwrap();
    let error = test.images().create(&full(id)).await.unwrap_err();
    assert!(matches!(error, Error::Duplicate(taken) if taken == id));
    let left: Vec<i64> = test
        .column("SELECT COUNT(*) AS x FROM image_properties")
        .await;
    assert_eq!(left, [0], "the refused image left properties behind");
}

#[tokio::test]
async fn changes_touch_what_they_name() {
    let test = TestDb::new().await;
    let before = test
        .images()
        .create(&full(ImageId::random()))
        .await
        .unwrap();
    let changes = ImageChanges {
        name: Some(None),
        min_ram: Some(7),
        protected: Some(false),
        set_properties: vec![
            property("a", "changed"),
            property("new", "3"),
            ("nothing".to_owned(), None),
        ],
        remove_properties: vec!["z".to_owned(), "never there".to_owned()],
        ..ImageChanges::default()
    };
    let after = test
        .images()
        .update(&before.id, ImageStatus::Queued, &changes)
        .await
        .unwrap();
    let mut expected = before.clone();
    expected.name = None;
    expected.min_ram = 7;
    expected.protected = false;
    expected.properties = vec![
        property("a", "changed"),
        property("empty", ""),
        property("new", "3"),
        ("nothing".to_owned(), None),
    ];
    expected.updated_at = after.updated_at;
    assert_eq!(after, expected);
    assert!(after.updated_at > before.updated_at);
}

#[tokio::test]
async fn a_property_that_comes_back_uses_its_old_row() {
    let test = TestDb::new().await;
    let new = full(ImageId::random());
    test.images().create(&new).await.unwrap();
    let remove = ImageChanges {
        remove_properties: vec!["z".to_owned()],
        ..ImageChanges::default()
    };
    let add = ImageChanges {
        set_properties: vec![property("z", "again")],
        ..ImageChanges::default()
    };
    let update = async |changes| {
        test.images()
            .update(&new.id, ImageStatus::Queued, changes)
            .await
            .unwrap()
    };
    let count = async || -> Vec<i64> {
        test.column("SELECT COUNT(*) AS x FROM image_properties")
            .await
    };
    assert_eq!(update(&remove).await.properties.len(), 2);
    assert_eq!(count().await, [3], "rows are kept");
    assert_eq!(update(&add).await.properties[0], property("z", "again"));
    assert_eq!(count().await, [3], "no second row");
    let dead: Vec<i64> = test
        .column("SELECT COUNT(*) AS x FROM image_properties WHERE deleted_at IS NOT NULL")
        .await;
    assert_eq!(dead, [0]);
}

#[tokio::test]
async fn a_change_decided_upon_another_status_is_refused_whole() {
    let test = TestDb::new().await;
    let image = test.active().await;
    let changes = ImageChanges {
        disk_format: Some(Some("raw".to_owned())),
        set_properties: vec![property("p", "v")],
        tags: Some(vec!["t".to_owned()]),
        ..ImageChanges::default()
    };
    let error = test
        .images()
        .update(&image.id, ImageStatus::Queued, &changes)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::StatusConflict {
                expected: ImageStatus::Queued,
                found: ImageStatus::Active,
                ..
            }
        ),
        "{error}"
    );
    let after = test.images().get(&Scope::admin(), &image.id).await.unwrap();
    assert_eq!(after, image);
    let missing = ImageId::random();
    let error = test
        .images()
        .update(&missing, ImageStatus::Queued, &changes)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotFound(id) if id == missing));
}

#[tokio::test]
async fn tags_are_replaced_as_a_set() {
    let test = TestDb::new().await;
    let new = full(ImageId::random());
    test.images().create(&new).await.unwrap();
    let changes = ImageChanges {
        tags: Some(vec!["t3".to_owned(), "t1".to_owned(), "t3".to_owned()]),
        ..ImageChanges::default()
    };
    let image = test
        .images()
        .update(&new.id, ImageStatus::Queued, &changes)
        .await
        .unwrap();
    assert_eq!(image.tags, ["t1", "t3"]);
}

#[tokio::test]
async fn a_tag_is_added_once_and_removed_once() {
    let test = TestDb::new().await;
    let image = test.active().await;
    let updated = async || {
        let got = test.images().get(&Scope::admin(), &image.id).await.unwrap();
        got.updated_at
    };
    let tags = test.tags();
    tags.add(&image.id, "t").await.unwrap();
    let first = updated().await;
    assert!(first > image.updated_at);
    tags.add(&image.id, "t").await.unwrap();
    assert!(updated().await > first);
    tags.add(&image.id, "u").await.unwrap();
    assert_eq!(tags.list(&image.id).await.unwrap(), ["t", "u"]);
    assert!(tags.remove(&image.id, "t").await.unwrap());
    let last = updated().await;
    assert!(!tags.remove(&image.id, "t").await.unwrap());
    assert_eq!(updated().await, last, "nothing was done");
    assert_eq!(tags.list(&image.id).await.unwrap(), ["u"]);
    let missing = ImageId::random();
    assert!(matches!(
        tags.add(&missing, "t").await,
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        tags.remove(&missing, "t").await,
        Err(Error::NotFound(_))
    ));
}

#[tokio::test]
async fn a_tag_glance_wrote_twice_is_read_once() {
    let test = TestDb::new().await;
    let image = test.active().await;
    for _ in 0..2 {
        test.sql(
            "INSERT INTO image_tags (image_id, value, created_at, deleted)
             VALUES (?, 'twice', '2026-01-01 00:00:00.000000', 0)",
            [image.id.as_str().into()],
        )
        .await;
    }
    let got = test.images().get(&Scope::admin(), &image.id).await.unwrap();
    assert_eq!(got.tags, ["twice"]);
    assert_eq!(test.tags().list(&image.id).await.unwrap(), ["twice"]);
    assert!(test.tags().remove(&image.id, "twice").await.unwrap());
    assert!(test.tags().list(&image.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn deleting_hides_at_once_and_leaves_a_trace_of_the_data() {
    let test = TestDb::new().await;
    let image = test.active().await;
    test.tags().add(&image.id, "t").await.unwrap();
    test.member(&image.id, "member", "accepted").await;
    let changes = ImageChanges {
        set_properties: vec![property("p", "v")],
        ..ImageChanges::default()
    };
    test.images()
        .update(&image.id, ImageStatus::Active, &changes)
        .await
        .unwrap();
    let url = &image.locations[0].url;
    assert!(test.locations().is_in_use(&image.id, url).await.unwrap());

    let left = test
        .images()
        .delete(&image.id, ImageStatus::Active, ImageStatus::Deleted)
        .await
        .unwrap();
    let left = left.locations;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].status, LocationStatus::PendingDelete);
    assert_eq!(
        (&left[0].url, &left[0].metadata),
        (url, &image.locations[0].metadata)
    );
    for scope in [Scope::admin(), Scope::project("p")] {
        let error = test.images().get(&scope, &image.id).await.unwrap_err();
        assert!(matches!(error, Error::NotFound(_)));
    }
    let row: Vec<String> = test
        .column("SELECT status || deleted || (deleted_at IS NOT NULL) AS x FROM images")
        .await;
    assert_eq!(row, ["deleted11"]);
    let location: Vec<String> = test
        .column("SELECT status || deleted AS x FROM image_locations")
        .await;
    assert_eq!(location, ["pending_delete1"]);
    for table in ["image_properties", "image_tags", "image_members"] {
        let dead: Vec<i64> = test
            .column(&format!(
                "SELECT COUNT(*) AS x FROM {table} WHERE deleted = 1 AND deleted_at IS NOT NULL"
            ))
            .await;
        assert_eq!(dead, [1], "{table}");
    }
    assert!(!test.locations().is_in_use(&image.id, url).await.unwrap());

    assert_eq!(test.pending().await, [(image.id, left[0].clone())]);
    test.locations().finish_delete(left[0].id).await.unwrap();
    test.locations().finish_delete(left[0].id).await.unwrap();
    assert!(test.pending().await.is_empty());
    let location: Vec<String> = test
        .column("SELECT status || deleted AS x FROM image_locations")
        .await;
    assert_eq!(location, ["deleted1"]);
    let error = test
        .images()
        .delete(&image.id, ImageStatus::Active, ImageStatus::Deleted)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotFound(_)));
}

#[tokio::test]
async fn locations_of_images_that_are_there_are_never_pending() {
    let test = TestDb::new().await;
    let image = test.active().await;
    test.locations()
        .finish_delete(image.locations[0].id)
        .await
        .unwrap();
    assert!(test.pending().await.is_empty());
    let got = test.images().get(&Scope::admin(), &image.id).await.unwrap();
    assert_eq!(
        got.locations, image.locations,
        "an active location was lost"
    );
}

#[tokio::test]
async fn workers_find_images_by_status() {
    let test = TestDb::new().await;
    let active = test.active().await;
    let queued = test
        .images()
        .create(&NewImage::new(ImageId::random(), None))
        .await
        .unwrap();
    let gone = test.active().await;
    test.images()
        .delete(&gone.id, ImageStatus::Active, ImageStatus::Deleted)
        .await
        .unwrap();
    let find = async |statuses: &[ImageStatus]| -> Vec<ImageId> {
        let found = test.images().in_status(statuses).await.unwrap();
        found.iter().map(|image| image.id).collect()
    };
    assert_eq!(find(&[ImageStatus::Active]).await, [active.id]);
    assert_eq!(
        find(&[ImageStatus::Queued, ImageStatus::Active]).await,
        [active.id, queued.id]
    );
    assert!(find(&[ImageStatus::Deleted]).await.is_empty());
    assert!(find(&[]).await.is_empty());
}

#[tokio::test]
async fn an_unreadable_row_is_named() {
    let test = TestDb::new().await;
    let image = test.active().await;
    for (sql, expected) in [
        ("UPDATE images SET size = -1", "size"),
        ("UPDATE images SET size = 1, status = 'x'", "status"),
        (
            "UPDATE images SET status = 'active', created_at = 'yesterday'",
            "created_at",
        ),
    ] {
        test.sql(sql, []).await;
        let error = test
            .images()
            .get(&Scope::admin(), &image.id)
            .await
            .unwrap_err();
        match error {
            Error::Corrupt {
                table: "images",
                row,
                column,
            } => assert_eq!((row.as_str(), column), (image.id.as_str(), expected)),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn an_unreadable_row_is_left_out_of_lists_and_pages_stay_full() {
    let test = TestDb::new().await;
    let mut images = Vec::new();
    for _ in 0..5 {
        images.push(test.active().await.id);
    }
    let corrupt = "UPDATE images SET id = 'free text' || substr(id, 1, 4) WHERE id = ?";
    for broken in [0, 3, 4] {
        for table in ["image_properties", "image_tags", "image_locations"] {
            let sql = format!("DELETE FROM {table} WHERE image_id = ?");
            test.sql(&sql, [images[broken].as_str().into()]).await;
        }
        test.sql(corrupt, [images[broken].as_str().into()]).await;
    }
    let whole = ImageQuery::default();
    let listed = test.images().list(&Scope::admin(), &whole).await.unwrap();
    assert_eq!(listed.len(), 2);
    for limit in 0..4 {
        let query = ImageQuery {
            limit: Some(limit),
            ..ImageQuery::default()
        };
        let page = test.images().list(&Scope::admin(), &query).await.unwrap();
        assert_eq!(page.len() as u64, limit.min(2), "{limit}");
    }
    let active = test.images().in_status(&[ImageStatus::Active]).await;
    assert_eq!(active.unwrap().len(), 2);
}

#[tokio::test]
async fn a_location_that_cannot_be_read_hides_no_image() {
    let test = TestDb::new().await;
    let image = test.active().await;
    test.sql("UPDATE image_locations SET meta_data = '{'", [])
        .await;
    let (admin, all) = (Scope::admin(), ImageQuery::default());
    let listed = test.images().list(&admin, &all).await.unwrap();
    assert_eq!((listed[0].id, listed[0].locations.len()), (image.id, 0));
    // Who wants this one is told.
    let got = test.images().get(&Scope::admin(), &image.id).await;
    assert!(matches!(got, Err(Error::Corrupt { .. })), "{got:?}");
}
