//! Members: adding up to a limit, answering, leaving and coming back on the same row.

use vidimus_db::{Addition, Error, NewImage};
use vidimus_types::{ImageId, MemberStatus};

use crate::support::TestDb;

async fn image(test: &TestDb) -> ImageId {
    let new = NewImage::new(ImageId::random(), Some("owner".to_owned()));
    test.images().create(&new).await.unwrap().id
}

#[tokio::test]
async fn a_member_answers_leaves_and_comes_back_on_its_row() {
    let test = TestDb::new().await;
    let id = image(&test).await;
    let members = test.members();
    let Addition::Added(first) = members.add(&id, "b", None).await.unwrap() else {
        panic!("not added");
    };
    assert_eq!(first.status, MemberStatus::Pending);
    assert_eq!(
        members.add(&id, "b", None).await.unwrap(),
        Addition::Present
    );
    let accepted = members
        .set_status(&id, "b", MemberStatus::Accepted)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(accepted.status, MemberStatus::Accepted);
    assert!(accepted.updated_at >= first.updated_at);
    assert_eq!(members.find(&id, "b").await.unwrap(), Some(accepted));

    assert!(members.remove(&id, "b").await.unwrap());
    assert!(!members.remove(&id, "b").await.unwrap());
    assert_eq!(members.find(&id, "b").await.unwrap(), None);
    assert_eq!(
        members
            .set_status(&id, "b", MemberStatus::Rejected)
            .await
            .unwrap(),
        None
    );

    let Addition::Added(again) = members.add(&id, "b", None).await.unwrap() else {
        panic!("not added again");
    };
    assert_eq!(again.status, MemberStatus::Pending);
    assert_eq!(again.created_at, first.created_at);
    let rows: Vec<i64> = test.column("SELECT count(*) AS x FROM image_members").await;
    assert_eq!(rows, [1]);
}

#[tokio::test]
async fn those_who_left_do_not_count_against_the_limit() {
    let test = TestDb::new().await;
    let id = image(&test).await;
    let members = test.members();
    for name in ["a", "b"] {
        members.add(&id, name, Some(2)).await.unwrap();
    }
    assert_eq!(
        members.add(&id, "c", Some(2)).await.unwrap(),
        Addition::Full(2)
    );
    members.remove(&id, "a").await.unwrap();
    assert!(matches!(
        members.add(&id, "c", Some(2)).await.unwrap(),
        Addition::Added(_)
    ));
    let names: Vec<String> = members
        .list(&id)
        .await
        .unwrap()
        .into_iter()
        .map(|member| member.member)
        .collect();
    assert_eq!(names, ["b", "c"]);
}

#[tokio::test]
async fn many_who_add_at_once_cannot_pass_the_limit() {
    let test = TestDb::new().await;
    let id = image(&test).await;
    let adding = (0..12).map(|number| {
        let db = test.db.clone();
        tokio::spawn(async move {
            let name = format!("project-{}", number % 6);
            db.members().add(&id, &name, Some(4)).await.unwrap()
        })
    });
    let adding: Vec<_> = adding.collect();
    let mut added = 0;
    for one in adding {
        added += u32::from(matches!(one.await.unwrap(), Addition::Added(_)));
    }
    assert_eq!(added, 4);
    assert_eq!(test.members().list(&id).await.unwrap().len(), 4);
}

#[tokio::test]
async fn an_image_that_is_gone_takes_no_members() {
    let test = TestDb::new().await;
    let gone = ImageId::random();
    let refused = test.members().add(&gone, "b", None).await;
    assert!(matches!(refused, Err(Error::NotFound(id)) if id == gone));
}
