//! `image show` and `image list`, in every format.

use crate::{
    fake::Fake,
    run::{images, run},
};

#[test]
fn show_prints_every_format() {
    for format in ["table", "json", "yaml", "value", "shell"] {
        let fake = Fake::start(images);
        insta::assert_snapshot!(
            format!("show_{format}"),
            run(&fake, &["image", "show", "plain", "-f", format])
        );
    }
}

#[test]
fn an_image_without_data_has_fewer_fields() {
    let fake = Fake::start(images);
    insta::assert_snapshot!(run(&fake, &["image", "show", "queued", "--human-readable"]));
}

#[test]
fn an_unknown_name_is_looked_for_in_three_places() {
    let fake = Fake::start(images);
    insta::assert_snapshot!(run(&fake, &["image", "show", "nosuch"]), @r"
    $ openstack image show nosuch
    exit code 1
    --- standard error
    No Image found for nosuch
    ");
    let targets: Vec<String> = fake
        .requests()
        .into_iter()
        .map(|request| request.target)
        .collect();
    assert_eq!(
        targets,
        [
            "/v2/images/nosuch",
            "/v2/images?name=nosuch",
            "/v2/images?name=nosuch&os_hidden=True"
        ]
    );
}

#[test]
fn a_name_of_two_images_is_refused() {
    let fake = Fake::start(images);
    insta::assert_snapshot!(run(&fake, &["image", "show", "twin"]), @r"
    $ openstack image show twin
    exit code 1
    --- standard error
    More than one Image exists with the name 'twin'.
    ");
}

#[test]
fn list_prints_every_format() {
    for format in ["table", "json", "yaml", "csv", "value"] {
        let fake = Fake::start(images);
        insta::assert_snapshot!(
            format!("list_{format}"),
            run(&fake, &["image", "list", "--long", "-f", format])
        );
    }
}

#[test]
fn an_empty_list_is_an_empty_line_or_document() {
    let fake = Fake::start(images);
    for (format, printed) in [
        ("table", "\n"),
        ("json", "[]\n"),
        ("yaml", "[]\n"),
        ("value", ""),
    ] {
        let words = ["image", "list", "--name", "nosuch", "-f", format];
        assert_eq!(
            crate::run::finish(&mut crate::run::command(&fake, &words)).out,
            printed,
            "{format}"
        );
    }
}

#[test]
fn filters_reach_the_service() {
    let fake = Fake::start(images);
    let words = [
        "image",
        "list",
        "--private",
        "--status",
        "active",
        "--member-status",
        "ACCEPTED",
        "--tag",
        "a",
        "--tag",
        "b c",
        "--hidden",
        "--project",
        "p",
        "--limit",
        "7",
        "--marker",
        "queued",
    ];
    crate::run::finish(&mut crate::run::command(&fake, &words));
    let last = fake.requests().pop().unwrap().target;
    assert_eq!(
        last,
        "/v2/images?limit=7&marker=186c2b2b-69e0-42c7-8076-1d22ed9e14d3&visibility=private&status=active\
         &member_status=accepted&owner=p&os_hidden=True&tag=a&tag=b+c"
    );
}

#[test]
fn a_table_wraps_at_the_width_asked_for() {
    let fake = Fake::start(images);
    insta::assert_snapshot!(run(
        &fake,
        &[
            "image",
            "show",
            "plain",
            "--max-width",
            "60",
            "-c",
            "properties",
            "-c",
            "id"
        ]
    ));
}

#[test]
fn an_unknown_column_names_the_known_ones() {
    let fake = Fake::start(images);
    insta::assert_snapshot!(run(&fake, &["image", "list", "-c", "size"]), @r"
    $ openstack image list -c size
    exit code 1
    --- standard error
    No recognized column names in ['size']. Recognized columns are ('ID', 'Name', 'Status').
    ");
}
