//! Which store is asked.

use std::sync::Arc;

use futures_util::stream;
use vidimus_types::{ImageId, StoreId};

use super::*;
use crate::{
    MemoryStore,
    conformance::{self, Subject},
};

fn id(name: &str) -> StoreId {
    name.parse().unwrap()
}

fn memory(name: &str) -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(id(name), 1 << 20))
}

fn weighted(name: &str, weight: i64) -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(id(name), 1 << 20).with_weight(weight))
}

fn location(url: &str, store: Option<&str>) -> Location {
    let mut location = Location::new(url);
    if let Some(name) = store {
        location.set_store_id(&id(name));
    }
    location
}

#[tokio::test]
async fn memory_conforms_alone_and_tagged() {
    let store = Arc::new(MemoryStore::new(id("ram"), 1 << 24));
    let seen = Arc::clone(&store);
    let contents = move || vec!["an image".to_owned(); seen.len()];
    let set = StoreSet::multi(vec![Arc::clone(&store) as _], &id("ram")).unwrap();
    for store in [store as Arc<dyn Store>, Arc::clone(set.default_store())] {
        let subject = Subject {
            store,
            contents: &contents,
            foreign: Location::new(format!("memory://rom/{}", ImageId::random())),
        };
        conformance::check(&subject).await;
    }
}

#[tokio::test]
async fn a_store_in_memory_can_be_full() {
    let store = MemoryStore::new(id("ram"), 10);
    let put = |size: usize, hint| {
        let data = Box::pin(stream::iter([Ok(vec![1; size].into())]));
        let image = ImageId::random();
        let store = &store;
        async move { store.put(&image, data, hint).await }
    };
    assert!(matches!(put(1, Some(11)).await, Err(Error::Full { .. })));
    assert!(matches!(put(11, None).await, Err(Error::Full { .. })));
    put(6, None).await.unwrap();
    assert!(matches!(put(6, None).await, Err(Error::Full { .. })));
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn only_named_stores_leave_their_name() {
    let image = ImageId::random();
    for is_multi in [true, false] {
        let build = if is_multi {
            StoreSet::multi
        } else {
            StoreSet::single
        };
        let set = build(vec![memory("fast"), memory("slow")], &id("slow")).unwrap();
        let data = Box::pin(stream::iter([]));
        let put = set.default_store().put(&image, data, None).await;
        let name = put.unwrap().location.store_id();
        assert_eq!(name, is_multi.then(|| id("slow")));
    }
}

#[test]
fn the_default_must_exist_and_names_must_differ() {
    let missing = StoreSet::multi(vec![memory("fast")], &id("slow"));
    assert!(matches!(missing, Err(Error::NoSuchStore { .. })));
    let twice = StoreSet::multi(vec![memory("fast"), memory("fast")], &id("fast"));
    assert!(matches!(twice, Err(Error::DuplicateStore { .. })));
    assert!(StoreSet::single(vec![], &id("fast")).is_err());
}

#[test]
fn a_location_finds_its_store() {
    let set = StoreSet::multi(vec![memory("fast"), memory("slow")], &id("fast")).unwrap();
    let url = format!("memory://slow/{}", ImageId::random());
    let found = |location: &Location| set.find(location).map(|store| store.id().clone());
    assert_eq!(
        found(&location(&url, None)).unwrap(),
        id("slow"),
        "by its URL"
    );
    // The metadata decides, even where the URL looks like another's.
    assert_eq!(found(&location(&url, Some("fast"))).unwrap(), id("fast"));
    // A store that was renamed.
    assert_eq!(found(&location(&url, Some("old"))).unwrap(), id("slow"));
    let gone = found(&location("rbd://x/y", Some("ceph")));
    assert!(matches!(gone, Err(Error::NoSuchStore { store }) if store == id("ceph")));
    let unknown = found(&location("rbd://x/y", None));
    assert!(matches!(unknown, Err(Error::BadLocation { .. })));

    // Where stores have no names, a name in the metadata is only a note.
    let single = StoreSet::single(vec![memory("slow")], &id("slow")).unwrap();
    assert!(single.find(&location(&url, Some("elsewhere"))).is_ok());
}

#[test]
fn locations_are_tried_by_preference_then_weight() {
    let stores = || vec![weighted("a", 0), weighted("b", 200), weighted("c", 200)];
    let set = StoreSet::multi(stores(), &id("a")).unwrap();
    let locations = ["gone", "a", "b", "c"].map(|name| location("rbd://x/y", Some(name)));
    let order = |set: &StoreSet, prefer: Option<&str>| {
        let prefer = prefer.map(id);
        let ordered = set.order_for_reading(&locations, prefer.as_ref());
        let names = ordered
            .iter()
            .map(|location| location.store_id().unwrap().to_string());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(order(&set, None), "b c a gone");
    assert_eq!(order(&set, Some("c")), "c b a gone");
    assert_eq!(order(&set, Some("a")), "a b c gone");
    let single = StoreSet::single(stores(), &id("a")).unwrap();
    assert_eq!(order(&single, Some("c")), "gone a b c", "as they stand");
}

#[test]
fn stores_are_described_in_order() {
    let set = StoreSet::multi(vec![memory("b"), weighted("a", 7)], &id("a")).unwrap();
    let described: Vec<_> = set
        .describe()
        .into_iter()
        .map(|store| {
            (
                store.id.to_string(),
                store.is_default,
                store.is_read_only,
                store.weight,
            )
        })
        .collect();
    assert_eq!(
        described,
        [
            ("b".to_owned(), false, false, 0),
            ("a".to_owned(), true, false, 7)
        ]
    );
}
