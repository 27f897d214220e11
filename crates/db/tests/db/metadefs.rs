//! Metadata definitions: whole or not at all, pages without gaps, and what protection keeps.

use serde_json::{Map, Value, json};
use vidimus_db::{
    Direction, Error, LoadMode, LoadOutcome, MetadefKind, NamespaceFields, NamespaceQuery,
    NamespaceRecord, NamespaceSortKey, NewAssociation, NewNamespace, NewObject, Scope, TagQuery,
    TagSortKey,
};
use vidimus_types::Visibility;

use crate::support::TestDb;

fn fields(name: &str) -> NamespaceFields {
    NamespaceFields {
        namespace: name.to_owned(),
        display_name: None,
        description: None,
        visibility: Visibility::Private,
        protected: false,
        owner: "p".to_owned(),
    }
}

fn empty(name: &str) -> NewNamespace {
    NewNamespace {
        fields: fields(name),
        associations: Vec::new(),
        objects: Vec::new(),
        properties: Map::new(),
        tags: Vec::new(),
    }
}

fn full(name: &str) -> NewNamespace {
    let association = |name: &str| NewAssociation {
        name: name.to_owned(),
        prefix: Some("p_".to_owned()),
        properties_target: None,
    };
    NewNamespace {
        // The later one is known first, so that the order is not that of the types.
        associations: vec![association("second"), association("first")],
        objects: vec![NewObject {
            name: "o".to_owned(),
            description: Some("d".to_owned()),
            required: vec!["a".to_owned(), "b".to_owned()],
            properties: Map::from_iter([("a".to_owned(), json!({"title": "A"}))]),
        }],
        properties: Map::from_iter([("p".to_owned(), json!({"title": "P"}))]),
        tags: vec!["red".to_owned(), "round".to_owned()],
        ..empty(name)
    }
}

async fn get(db: &TestDb, name: &str) -> NamespaceRecord {
    let found = db.metadefs().get_namespace(&Scope::admin(), name).await;
    found.unwrap()
}

async fn create(db: &TestDb, new: &NewNamespace) -> NamespaceRecord {
    db.metadefs().create_namespace(new).await.unwrap()
}

async fn count(db: &TestDb, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) AS x FROM {table}");
    db.column(&sql).await[0]
}

fn missing<T: std::fmt::Debug>(result: Result<T, Error>) -> MetadefKind {
    match result.unwrap_err() {
        Error::MetadefNotFound(kind) => kind,
        other => panic!("{other:?}"),
    }
}

fn taken<T: std::fmt::Debug>(result: Result<T, Error>) -> (MetadefKind, String) {
    match result.unwrap_err() {
        Error::MetadefDuplicate { kind, name } => (kind, name),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_namespace_comes_with_all_it_holds() {
    let db = TestDb::new().await;
    create(&db, &empty("before")).await;
    db.metadefs()
        .create_association(
            &get(&db, "before").await,
            &NewAssociation {
                name: "first".to_owned(),
                ..NewAssociation::default()
            },
        )
        .await
        .unwrap();
    let record = create(&db, &full("n")).await;
    assert_eq!(record.updated_at, Some(record.created_at));
    let content = db.metadefs().content(&record).await.unwrap();
    let names: Vec<&str> = content
        .associations
        .iter()
        .map(|association| association.name.as_str())
        .collect();
    assert_eq!(names, ["second", "first"]);
    assert_eq!(content.objects[0].required, ["a", "b"]);
    assert_eq!(content.objects[0].properties["a"], json!({"title": "A"}));
    assert_eq!(content.properties[0].definition, json!({"title": "P"}));
    let tags: Vec<&str> = content.tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(tags, ["round", "red"]);
    let both = [get(&db, "before").await, record];
    let of_both = db.metadefs().associations_of(&both).await.unwrap();
    let counts: Vec<usize> = of_both.iter().map(Vec::len).collect();
    assert_eq!(counts, [1, 2]);
}

#[tokio::test]
async fn a_clash_inside_leaves_nothing() {
    let db = TestDb::new().await;
    let doubled = |edit: fn(&mut NewNamespace)| {
        let mut new = full("n");
        edit(&mut new);
        new
    };
    for (new, kind) in [
        (
            doubled(|new| new.tags.push("red".to_owned())),
            MetadefKind::Tag,
        ),
        (
            doubled(|new| new.objects.push(new.objects[0].clone())),
            MetadefKind::Object,
        ),
        (
            doubled(|new| new.associations.push(new.associations[0].clone())),
            MetadefKind::Association,
        ),
    ] {
        let clash = taken(db.metadefs().create_namespace(&new).await);
        assert_eq!(clash.0, kind);
        for table in [
            "metadef_namespaces",
            "metadef_objects",
            "metadef_properties",
            "metadef_tags",
            "metadef_namespace_resource_types",
            "metadef_resource_types",
        ] {
            assert_eq!(count(&db, table).await, 0, "{table} after {kind}");
        }
    }
    create(&db, &full("n")).await;
    assert_eq!(
        taken(db.metadefs().create_namespace(&full("n")).await),
        (MetadefKind::Namespace, "n".to_owned())
    );
}

#[tokio::test]
async fn strangers_see_what_is_public() {
    let db = TestDb::new().await;
    create(&db, &empty("mine")).await;
    let mut public = empty("public");
    public.fields.visibility = Visibility::Public;
    create(&db, &public).await;
    for (scope, visible) in [
        (Scope::admin(), &["mine", "public"][..]),
        (Scope::project("p"), &["mine", "public"]),
        (Scope::project("q"), &["public"]),
        (Scope::anonymous(), &["public"]),
    ] {
        let query = NamespaceQuery {
            direction: Direction::Ascending,
            ..NamespaceQuery::default()
        };
        let listed = db.metadefs().list_namespaces(&scope, &query).await.unwrap();
        let names: Vec<&str> = listed.iter().map(|it| it.namespace.as_str()).collect();
        assert_eq!(names, visible, "{scope:?}");
        let found = db.metadefs().get_namespace(&scope, "mine").await;
        assert_eq!(found.is_ok(), visible.contains(&"mine"), "{scope:?}");
    }
}

#[tokio::test]
async fn pages_have_no_gaps_whatever_they_are_sorted_by() {
    let db = TestDb::new().await;
    for number in 0..7 {
        let mut new = empty(&format!("n{number}"));
        new.fields.display_name = (number % 3 != 0).then(|| format!("d{}", number % 2));
        new.fields.protected = number % 2 == 0;
        new.fields.owner = format!("o{}", number % 3);
        new.fields.description = (number % 2 == 0).then(String::new);
        create(&db, &new).await;
    }
    db.sql(
        "UPDATE metadef_namespaces SET updated_at = NULL, created_at = '2020-01-01 00:00:00.000000', protected = NULL, \
         visibility = NULL WHERE id % 2 = 0",
        [],
    )
    .await;
    for name in [
        "namespace",
        "display_name",
        "description",
        "visibility",
        "protected",
        "owner",
        "created_at",
        "updated_at",
        "id",
    ] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut query = NamespaceQuery {
                sort_key: NamespaceSortKey::parse(name).unwrap(),
                direction,
                ..NamespaceQuery::default()
            };
            let scope = Scope::admin();
            let all = db.metadefs().list_namespaces(&scope, &query).await.unwrap();
            assert_eq!(all.len(), 7);
            query.limit = Some(2);
            let mut paged = Vec::new();
            loop {
                let page = db.metadefs().list_namespaces(&scope, &query).await.unwrap();
                let Some(last) = page.last() else { break };
                query.marker = Some(last.clone());
                paged.extend(page);
            }
            assert_eq!(paged, all, "{name} {direction:?}");
        }
    }
    assert_eq!(NamespaceSortKey::parse("weight"), None);
}

#[tokio::test]
async fn filters_narrow_and_a_type_counts_once() {
    let db = TestDb::new().await;
    create(&db, &full("full")).await;
    create(&db, &empty("empty")).await;
    let names = async |visibility: Option<&str>, types: Option<&[&str]>| {
        let query = NamespaceQuery {
            visibility: visibility.map(str::to_owned),
            resource_types: types.map(|names| names.iter().map(|it| (*it).to_owned()).collect()),
            ..NamespaceQuery::default()
        };
        let scope = Scope::admin();
        let listed = db.metadefs().list_namespaces(&scope, &query).await.unwrap();
        listed
            .into_iter()
            .map(|it| it.namespace)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(Some("private"), None).await, ["empty", "full"]);
    assert_eq!(names(Some("public"), None).await.len(), 0);
    assert_eq!(names(Some(""), None).await.len(), 0);
    assert_eq!(names(None, Some(&["first", "second"])).await, ["full"]);
    assert_eq!(names(None, Some(&["third"])).await.len(), 0);
    assert_eq!(names(None, Some(&[])).await.len(), 0);
}

#[tokio::test]
async fn protection_keeps_everything() {
    let db = TestDb::new().await;
    let record = create(&db, &full("n")).await;
    let protected = NamespaceFields {
        protected: true,
        ..fields("n")
    };
    // With the record of before: protection is looked up when it counts.
    db.metadefs()
        .update_namespace(&record, &protected)
        .await
        .unwrap();
    let metadefs = db.metadefs();
    for refused in [
        metadefs.delete_namespace(&record).await,
        metadefs.delete_object(&record, "o").await,
        metadefs.delete_objects(&record).await,
        metadefs.delete_property(&record, "p").await,
        metadefs.delete_properties(&record).await,
        metadefs.delete_tag(&record, "red").await,
        metadefs.delete_tags(&record).await,
        metadefs.delete_association(&record, "first").await,
    ] {
        assert!(
            matches!(refused, Err(Error::MetadefProtected)),
            "{refused:?}"
        );
    }
    assert_eq!(
        missing(metadefs.delete_tag(&record, "blue").await),
        MetadefKind::Tag
    );
    let content = metadefs.content(&record).await.unwrap();
    assert_eq!((content.tags.len(), content.objects.len()), (2, 1));
    metadefs
        .update_namespace(&record, &fields("n"))
        .await
        .unwrap();
    metadefs.delete_namespace(&record).await.unwrap();
    assert_eq!(count(&db, "metadef_tags").await, 0);
    assert_eq!(count(&db, "metadef_namespace_resource_types").await, 0);
    // Types stay: another namespace may be for them, and nobody remembers who made them.
    assert_eq!(metadefs.list_resource_types().await.unwrap().len(), 2);
}

#[tokio::test]
async fn nothing_is_put_into_a_namespace_that_has_gone() {
    let db = TestDb::new().await;
    let record = create(&db, &full("n")).await;
    let metadefs = db.metadefs();
    metadefs.delete_namespace(&record).await.unwrap();
    let object = NewObject::default();
    let association = NewAssociation::default();
    for kind in [
        missing(metadefs.create_object(&record, &object).await),
        missing(metadefs.create_property(&record, "p", &Value::Null).await),
        missing(metadefs.create_tag(&record, "t").await),
        missing(metadefs.append_tags(&record, &[]).await),
        missing(metadefs.replace_tags(&record, &[]).await),
        missing(metadefs.create_association(&record, &association).await),
        missing(metadefs.update_namespace(&record, &fields("n")).await),
        missing(metadefs.delete_namespace(&record).await),
        missing(metadefs.delete_tags(&record).await),
    ] {
        assert_eq!(kind, MetadefKind::Namespace);
    }
    assert_eq!(
        missing(
            metadefs
                .update_object(&record, "o", &NewObject::default())
                .await
        ),
        MetadefKind::Object
    );
    assert_eq!(count(&db, "metadef_tags").await, 0);
}

#[tokio::test]
async fn names_can_change_but_not_to_one_that_is_taken() {
    let db = TestDb::new().await;
    let record = create(&db, &full("n")).await;
    create(&db, &empty("m")).await;
    let metadefs = db.metadefs();
    assert_eq!(
        taken(metadefs.update_namespace(&record, &fields("m")).await),
        (MetadefKind::Namespace, "m".to_owned())
    );
    let renamed = metadefs
        .update_namespace(&record, &fields("k"))
        .await
        .unwrap();
    assert!(renamed.updated_at > record.updated_at);
    assert_eq!(get(&db, "k").await, renamed);

    let red = metadefs.get_tag(&record, "red").await.unwrap();
    assert_eq!(
        taken(metadefs.rename_tag(&record, &red, "round").await),
        (MetadefKind::Tag, "round".to_owned())
    );
    metadefs.rename_tag(&record, &red, "red").await.unwrap();
    metadefs
        .create_property(&record, "q", &json!({}))
        .await
        .unwrap();
    let clash = metadefs
        .update_property(&record, "q", "p", &json!({}))
        .await;
    assert_eq!(taken(clash), (MetadefKind::Property, "p".to_owned()));
    let other = NewObject {
        name: "other".to_owned(),
        ..NewObject::default()
    };
    metadefs.create_object(&record, &other).await.unwrap();
    assert_eq!(
        taken(metadefs.update_object(&record, "o", &other).await),
        (MetadefKind::Object, "other".to_owned())
    );
}

#[tokio::test]
async fn tags_are_paged_and_replaced_whole() {
    let db = TestDb::new().await;
    let record = create(&db, &full("n")).await;
    let metadefs = db.metadefs();
    let names: Vec<String> = ["c", "a", "b"].map(str::to_owned).to_vec();
    metadefs.replace_tags(&record, &names).await.unwrap();
    let clash = metadefs
        .append_tags(&record, &["new".to_owned(), "a".to_owned()])
        .await;
    assert_eq!(taken(clash), (MetadefKind::Tag, "a".to_owned()));
    let list = async |sort_key, direction| {
        let mut query = TagQuery {
            sort_key,
            direction,
            limit: Some(1),
            ..TagQuery::default()
        };
        let mut listed = String::new();
        while let Some(tag) = metadefs.list_tags(&record, &query).await.unwrap().pop() {
            listed.push_str(&tag.name);
            query.marker = Some(tag);
        }
        listed
    };
    assert_eq!(
        list(TagSortKey::CreatedAt, Direction::Descending).await,
        "bac"
    );
    assert_eq!(list(TagSortKey::Name, Direction::Ascending).await, "abc");
    assert_eq!(
        list(TagSortKey::UpdatedAt, Direction::Ascending).await,
        "cab"
    );
}

#[tokio::test]
async fn of_many_who_create_the_same_one_succeeds() {
    let db = TestDb::new().await;
    let attempts = (0..8).map(|_| {
        let db = db.db.clone();
        tokio::spawn(async move { db.metadefs().create_namespace(&full("n")).await })
    });
    let mut created = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(_) => created += 1,
            clash => assert_eq!(taken(clash).0, MetadefKind::Namespace),
        }
    }
    assert_eq!(created, 1);
    assert_eq!(count(&db, "metadef_tags").await, 2);
}

#[tokio::test]
async fn loading_does_what_its_mode_says() {
    let db = TestDb::new().await;
    let metadefs = db.metadefs();
    assert_eq!(
        metadefs.load(&full("n"), LoadMode::Skip).await.unwrap(),
        LoadOutcome::Loaded
    );
    let loaded = get(&db, "n").await;
    assert_eq!(loaded.updated_at, None);
    let types = metadefs.list_resource_types().await.unwrap();
    assert!(types.iter().all(|it| it.protected));

    let mut newer = full("n");
    newer.fields.description = Some("newer".to_owned());
    newer.objects[0].description = Some("newer".to_owned());
    newer
        .properties
        .insert("p".to_owned(), json!({"title": "newer"}));
    newer.tags = vec!["blue".to_owned()];
    newer.associations[0].prefix = None;
    let load = async |mode| metadefs.load(&newer, mode).await.unwrap();
    let shown = async || {
        let record = get(&db, "n").await;
        let content = metadefs.content(&record).await.unwrap();
        let prefixes = content.associations.iter().filter(|it| it.prefix.is_some());
        (
            record.description.is_some(),
            content.objects[0].description.clone().unwrap(),
            content.properties[0].definition["title"].clone(),
            content.tags.len(),
            prefixes.count(),
        )
    };
    assert_eq!(load(LoadMode::Skip).await, LoadOutcome::Skipped);
    assert_eq!(shown().await, (false, "d".to_owned(), json!("P"), 2, 2));
    assert_eq!(load(LoadMode::Merge).await, LoadOutcome::Merged);
    assert_eq!(shown().await, (false, "d".to_owned(), json!("P"), 3, 2));
    assert_eq!(load(LoadMode::PreferNew).await, LoadOutcome::Merged);
    assert_eq!(
        shown().await,
        (true, "newer".to_owned(), json!("newer"), 3, 1)
    );
    assert_eq!(load(LoadMode::Overwrite).await, LoadOutcome::Loaded);
    assert_eq!(
        shown().await,
        (true, "newer".to_owned(), json!("newer"), 1, 1)
    );
    assert_eq!(metadefs.all_namespaces().await.unwrap().len(), 1);
    metadefs.unload().await.unwrap();
    assert!(metadefs.all_namespaces().await.unwrap().is_empty());
    assert!(metadefs.list_resource_types().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_without_properties_loaded_by_glance_is_read() {
    let db = TestDb::new().await;
    let record = create(&db, &full("n")).await;
    db.sql("UPDATE metadef_objects SET json_schema = 'null'", [])
        .await;
    let object = db.metadefs().get_object(&record, "o").await.unwrap();
    assert_eq!(object.properties, Map::new());
    db.sql("UPDATE metadef_properties SET json_schema = '{'", [])
        .await;
    let broken = db.metadefs().get_property(&record, "p").await;
    assert!(matches!(broken, Err(Error::Corrupt { .. })), "{broken:?}");
}
