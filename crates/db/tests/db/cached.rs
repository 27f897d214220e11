//! What is said about the caches of nodes is kept per node.

use chrono::{DateTime, TimeDelta, Utc};
use vidimus_db::CachedRow;
use vidimus_types::ImageId;

use crate::support::TestDb;

fn row(image_id: ImageId, hits: u64) -> CachedRow {
    let time: DateTime<Utc> = "2026-05-01T10:00:00.123456Z".parse().unwrap();
    CachedRow {
        image_id,
        last_accessed: time,
        last_modified: time,
        size: 1 << 40,
        hits,
    }
}

#[tokio::test]
async fn a_node_keeps_its_number() {
    let test = TestDb::new().await;
    let a = test.cached().node("http://a:9292").await.unwrap();
    let b = test.cached().node("http://b:9292").await.unwrap();
    assert_ne!(a, b);
    assert_eq!(test.cached().node("http://a:9292").await.unwrap(), a);
}

#[tokio::test]
async fn rows_are_overwritten_and_keep_their_number() {
    let test = TestDb::new().await;
    let cached = test.cached();
    let (a, b) = (
        cached.node("http://a").await.unwrap(),
        cached.node("http://b").await.unwrap(),
    );
    let (one, two) = (ImageId::random(), ImageId::random());
    cached.upsert(a, &[row(one, 0), row(two, 1)]).await.unwrap();
    cached.upsert(b, &[row(one, 5)]).await.unwrap();
    cached.upsert(a, &[]).await.unwrap();
    let first = cached.list(a).await.unwrap();
    assert_eq!(first.len(), 2);
    assert_eq!(first[0].1, row(one, 0));
    cached.upsert(a, &[row(one, 7)]).await.unwrap();
    let second = cached.list(a).await.unwrap();
    assert_eq!(second, [(first[0].0, row(one, 7)), first[1].clone()]);
    assert_eq!(
        cached.nodes_of(&one).await.unwrap(),
        ["http://a", "http://b"]
    );
    assert_eq!(cached.nodes_of(&two).await.unwrap(), ["http://a"]);
    assert!(
        cached
            .nodes_of(&ImageId::random())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn hits_add_up_and_times_only_advance() {
    let test = TestDb::new().await;
    let cached = test.cached();
    let node = cached.node("http://a").await.unwrap();
    let one = ImageId::random();
    let start = row(one, 2);
    cached
        .upsert(node, std::slice::from_ref(&start))
        .await
        .unwrap();
    let later = start.last_accessed + TimeDelta::microseconds(1);
    let earlier = start.last_accessed - TimeDelta::seconds(9);
    cached
        .touch(
            node,
            &[
                (one, 3, later),
                (one, 1, earlier),
                (ImageId::random(), 9, later),
            ],
        )
        .await
        .unwrap();
    let listed = cached.list(node).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].1.hits, listed[0].1.last_accessed), (6, later));
}

#[tokio::test]
async fn a_node_forgets_only_its_own() {
    let test = TestDb::new().await;
    let cached = test.cached();
    let (a, b) = (
        cached.node("http://a").await.unwrap(),
        cached.node("http://b").await.unwrap(),
    );
    let images: Vec<ImageId> = (0..5).map(|_| ImageId::random()).collect();
    let rows: Vec<_> = images.iter().map(|image| row(*image, 0)).collect();
    cached.upsert(a, &rows).await.unwrap();
    cached.upsert(b, &rows).await.unwrap();
    cached.remove(a, &images[..2]).await.unwrap();
    cached.remove(a, &[]).await.unwrap();
    assert_eq!(cached.list(a).await.unwrap().len(), 3);
    cached.remove_all(a).await.unwrap();
    assert!(cached.list(a).await.unwrap().is_empty());
    assert_eq!(cached.list(b).await.unwrap().len(), 5);
}
