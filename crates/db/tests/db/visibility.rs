//! Who sees which images: by id, in the default list, in lists that ask for more, and as a marker.

use vidimus_db::{
    Error, ImageQuery, MemberFilter, NewImage, Scope, VisibilityFilter, WordColumn, WordFilter,
};
use vidimus_types::{ImageId, MemberStatus, Visibility};

use crate::support::TestDb;

/// What an image is like, and who is to see it.
struct Case {
    visibility: Visibility,
    owner: Option<&'static str>,
    /// What project `member` answered, if the image is shared with it.
    membership: Option<&'static str>,
    /// By id, in the default list: admin, owner, member, stranger, nobody in particular.
    readable: [bool; 5],
    listed: [bool; 5],
}

const YES: bool = true;
const NO: bool = false;

const CASES: &[Case] = &[
    case(Visibility::Public, Some("owner"), None, [YES; 5], [YES; 5]),
    case(Visibility::Public, None, None, [YES; 5], [YES; 5]),
    case(
        Visibility::Community,
        Some("owner"),
        None,
        [YES; 5],
        [NO, YES, NO, NO, NO],
    ),
    case(
        Visibility::Private,
        Some("owner"),
        None,
        [YES, YES, NO, NO, NO],
        [YES, YES, NO, NO, NO],
    ),
    // Memberships from before it became private do not count.
    case(
        Visibility::Private,
        Some("owner"),
        Some("accepted"),
        [YES, YES, NO, NO, NO],
        [YES, YES, NO, NO, NO],
    ),
    case(
        Visibility::Private,
        None,
        None,
        [YES; 5],
        [YES, NO, NO, NO, NO],
    ),
    case(
        Visibility::Shared,
        Some("owner"),
        None,
        [YES, YES, NO, NO, NO],
        [YES, YES, NO, NO, NO],
    ),
    case(
        Visibility::Shared,
        Some("owner"),
        Some("accepted"),
        [YES, YES, YES, NO, NO],
        [YES, YES, YES, NO, NO],
    ),
    case(
        Visibility::Shared,
        Some("owner"),
        Some("pending"),
        [YES, YES, YES, NO, NO],
        [YES, YES, NO, NO, NO],
    ),
    case(
        Visibility::Shared,
        Some("owner"),
        Some("rejected"),
        [YES, YES, YES, NO, NO],
        [YES, YES, NO, NO, NO],
    ),
];

const fn case(
    visibility: Visibility,
    owner: Option<&'static str>,
    membership: Option<&'static str>,
    readable: [bool; 5],
    listed: [bool; 5],
) -> Case {
    Case {
        visibility,
        owner,
        membership,
        readable,
        listed,
    }
}

fn callers() -> [Scope; 5] {
    [
        Scope::admin(),
        Scope::project("owner"),
        Scope::project("member"),
        Scope::project("stranger"),
        Scope::anonymous(),
    ]
}

#[tokio::test]
async fn each_caller_sees_what_it_should() {
    for case in CASES {
        let test = TestDb::new().await;
        let mut new = NewImage::new(ImageId::random(), case.owner.map(str::to_owned));
        new.visibility = case.visibility;
        test.images().create(&new).await.unwrap();
        if let Some(status) = case.membership {
            test.member(&new.id, "member", status).await;
        }
        for (at, scope) in callers().iter().enumerate() {
            let what = format!(
                "{} of {:?}, membership {:?}, for {scope:?}",
                case.visibility, case.owner, case.membership
            );
            let got = test.images().get(scope, &new.id).await;
            match (&got, case.readable[at]) {
                (Ok(_), true) | (Err(Error::NotFound(_)), false) => {}
                _ => panic!("{what}: {got:?}"),
            }
            let listed = test
                .images()
                .list(scope, &ImageQuery::default())
                .await
                .unwrap();
            assert_eq!(listed.len(), usize::from(case.listed[at]), "listed: {what}");

            let behind = ImageQuery {
                marker: Some(new.id),
                ..ImageQuery::default()
            };
            let marked = test.images().list(scope, &behind).await;
            match (&marked, case.readable[at]) {
                (Ok(page), true) => assert!(page.is_empty()),
                (Err(Error::MarkerForbidden(id)), false) => assert_eq!(*id, new.id),
                _ => panic!("marker: {what}: {marked:?}"),
            }
        }
    }
}

async fn names(test: &TestDb, scope: &Scope, query: ImageQuery) -> Vec<String> {
    let mut names: Vec<String> = test
        .images()
        .list(scope, &query)
        .await
        .unwrap()
        .into_iter()
        .map(|image| image.name.clone().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn lists_can_ask_for_one_visibility_or_one_answer() {
    let test = TestDb::new().await;
    for (name, visibility, owner) in [
        ("my-private", Visibility::Private, "me"),
        ("my-shared", Visibility::Shared, "me"),
        ("my-community", Visibility::Community, "me"),
        ("public", Visibility::Public, "you"),
        ("community", Visibility::Community, "you"),
        ("private", Visibility::Private, "you"),
        ("pending", Visibility::Shared, "you"),
        ("accepted", Visibility::Shared, "you"),
        ("rejected", Visibility::Shared, "you"),
    ] {
        let mut new = NewImage::new(ImageId::random(), Some(owner.to_owned()));
        new.name = Some(name.to_owned());
        new.visibility = visibility;
        test.images().create(&new).await.unwrap();
        if name.parse::<MemberStatus>().is_ok() {
            test.member(&new.id, "me", name).await;
        }
    }
    let me = Scope::project("me");
    let of = |visibility, members| ImageQuery {
        visibility,
        members,
        ..ImageQuery::default()
    };
    let accepted = MemberFilter::default();
    let only = |visibility| VisibilityFilter::Only(visibility);

    assert_eq!(
        names(&test, &me, ImageQuery::default()).await,
        [
            "accepted",
            "my-community",
            "my-private",
            "my-shared",
            "public"
        ]
    );
    assert_eq!(
        names(&test, &me, of(VisibilityFilter::All, accepted)).await,
        [
            "accepted",
            "community",
            "my-community",
            "my-private",
            "my-shared",
            "public"
        ]
    );
    assert_eq!(
        names(&test, &me, of(only(Visibility::Community), accepted)).await,
        ["community", "my-community"]
    );
    assert_eq!(
        names(&test, &me, of(only(Visibility::Private), accepted)).await,
        ["my-private"]
    );
    for (answer, expected) in [
        (MemberStatus::Pending, ["my-shared", "pending"]),
        (MemberStatus::Rejected, ["my-shared", "rejected"]),
        (MemberStatus::Accepted, ["accepted", "my-shared"]),
    ] {
        let query = of(only(Visibility::Shared), MemberFilter::Only(answer));
        assert_eq!(names(&test, &me, query).await, expected);
    }
    assert_eq!(
        names(&test, &me, of(only(Visibility::Shared), MemberFilter::Any)).await,
        ["accepted", "my-shared", "pending", "rejected"]
    );
    let of_you = ImageQuery {
        words: vec![WordFilter::eq(WordColumn::Owner, "you")],
        ..ImageQuery::default()
    };
    assert_eq!(names(&test, &me, of_you).await, ["accepted", "public"]);
    assert_eq!(
        names(&test, &Scope::admin(), of(VisibilityFilter::All, accepted))
            .await
            .len(),
        9
    );
    assert_eq!(
        names(
            &test,
            &Scope::anonymous(),
            of(VisibilityFilter::All, MemberFilter::Any)
        )
        .await,
        ["community", "my-community", "public"]
    );
}

#[tokio::test]
async fn a_membership_that_was_taken_back_shows_nothing() {
    let test = TestDb::new().await;
    let new = NewImage::new(ImageId::random(), Some("owner".to_owned()));
    test.images().create(&new).await.unwrap();
    test.member(&new.id, "member", "accepted").await;
    test.sql(
        "UPDATE image_members SET deleted = 1, deleted_at = '2026-01-02 00:00:00.000000'",
        [],
    )
    .await;
    let member = Scope::project("member");
    let error = test.images().get(&member, &new.id).await.unwrap_err();
    assert!(matches!(error, Error::NotFound(_)));
    let listed = test
        .images()
        .list(&member, &ImageQuery::default())
        .await
        .unwrap();
    assert!(listed.is_empty());
}
