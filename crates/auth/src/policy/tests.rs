use std::{
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use super::{Action, Denied, Policy, PolicyConfig, Target};
use crate::{Context, Error, Identity};

fn caller(project: &str, roles: &[&str]) -> Context {
    let identity = Identity {
        user_id: Some("u".into()),
        project_id: Some(project.into()),
        roles: roles.iter().map(|role| role.to_string()).collect(),
        ..Identity::default()
    };
    Context::from_identity(identity, "req-1")
}

fn image(owner: &str) -> Target<'_> {
    Target::new()
        .with("project_id", owner)
        .with("owner", owner)
        .with("visibility", "private")
}

struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        // Replaced as editors do it, so that the change shows whatever the clock's grain.
        let fresh = self.path().join("fresh");
        fs_err::write(&fresh, text).unwrap();
        fs_err::rename(fresh, path).unwrap();
    }

    fn config(&self) -> PolicyConfig {
        PolicyConfig {
            policy_file: Some(self.path().join("policy.yaml")),
            policy_dirs: vec![self.path().join("policy.d")],
            ..PolicyConfig::default()
        }
    }

    fn load(&self) -> Result<Policy, Error> {
        Policy::load(self.config())
    }
}

fn only(text: &str) -> Policy {
    let files = Files::new();
    files.write("policy.yaml", text);
    files.load().unwrap()
}

#[test]
fn a_refusal_is_worded_as_glance_words_it() {
    let policy = Policy::load(PolicyConfig::default()).unwrap();
    let denied = policy
        .enforce(&caller("p2", &["member"]), Action::GetImage, &image("p1"))
        .unwrap_err();
    assert_eq!(
        denied,
        Denied {
            action: Action::GetImage
        }
    );
    assert_eq!(
        denied.to_string(),
        "You are not authorized to complete get_image action."
    );
    assert_eq!(
        policy.enforce(&caller("p1", &["reader"]), Action::GetImage, &image("p1")),
        Ok(())
    );
}

#[test]
fn the_services_own_contexts_may_do_everything() {
    let policy = Policy::load(PolicyConfig::default()).unwrap();
    for ctx in [
        Context::unauthenticated_admin("req-1"),
        Context::worker("scrubber"),
    ] {
        for action in Action::ALL {
            assert!(policy.check(&ctx, *action, &image("p1")), "{action:?}");
            assert!(policy.check(&ctx, *action, &Target::none()), "{action:?}");
        }
    }
}

#[test]
fn an_anonymous_caller_has_no_role_to_be_allowed_by() {
    let policy = Policy::load(PolicyConfig::default()).unwrap();
    let ctx = policy.admit(Context::anonymous("req-1"));
    assert!(!ctx.is_admin() && ctx.is_read_only());
    let public = Target::new()
        .with("visibility", "public")
        .with("project_id", None::<&str>);
    assert!(!policy.check(&ctx, Action::GetImage, &public));
}

#[test]
fn the_rules_say_who_is_an_administrator() {
    let boss = caller("p", &["BOSS"]);
    assert!(
        !Policy::load(PolicyConfig::default())
            .unwrap()
            .admit(boss.clone())
            .is_admin()
    );
    assert!(only("context_is_admin: role:boss").admit(boss).is_admin());
}

#[test]
fn a_wider_scope_is_refused_only_while_scopes_are_enforced() {
    let identity = Identity {
        system_scope: Some("all".into()),
        roles: vec!["admin".into()],
        ..Identity::default()
    };
    let ctx = Context::from_identity(identity, "req-1");
    for enforce_scope in [true, false] {
        let policy = Policy::load(PolicyConfig {
            enforce_scope,
            ..PolicyConfig::default()
        })
        .unwrap();
        assert_eq!(
            policy.check(&ctx, Action::GetImages, &Target::none()),
            !enforce_scope
        );
    }
}

#[test]
fn later_files_win_and_hidden_ones_do_not_count() {
    let files = Files::new();
    files.write(
        "policy.yaml",
        "get_images: role:file\nget_tasks: role:file\nget_task: role:file",
    );
    files.write("policy.d/20.yaml", "get_images: role:twenty");
    files.write(
        "policy.d/10.json",
        "{\"get_images\": \"role:ten\", \"get_tasks\": \"role:ten\"}",
    );
    files.write("policy.d/.swp", "get_images: role:hidden");
    files.write("policy.d/30/inner.yaml", "get_images: role:inner");
    let rules = files.load().unwrap().rules();
    assert_eq!(rules["get_images"], "role:twenty");
    assert_eq!(rules["get_tasks"], "role:ten");
    assert_eq!(rules["get_task"], "role:file");
}

#[test]
fn a_rule_that_does_not_exist_is_the_default_rule() {
    let ctx = caller("p", &["member"]);
    let ask = |policy: &Policy| policy.check_rule(&ctx, "no_such_rule", &Target::none());
    assert!(ask(&Policy::load(PolicyConfig::default()).unwrap()));
    assert!(!ask(&only("default: role:admin")));
    let config = PolicyConfig {
        default_rule: "nor_this".into(),
        ..PolicyConfig::default()
    };
    assert!(!ask(&Policy::load(config).unwrap()));
}

#[test]
fn circles_refuse_even_under_not() {
    let policy = only("a: not rule:b\nb: not rule:a\nself: rule:self\nfine: role:x or rule:self");
    let ask =
        |rule: &str, roles: &[&str]| policy.check_rule(&caller("p", roles), rule, &Target::none());
    assert!(!ask("a", &[]) && !ask("b", &[]) && !ask("self", &[]));
    assert!(ask("fine", &["x"]) && !ask("fine", &[]));
    let circular = policy
        .warnings()
        .into_iter()
        .filter(|warning| warning.contains("in a circle"))
        .count();
    assert_eq!(circular, 3);
}

#[test]
fn an_undecidable_check_refuses_even_under_not() {
    let policy = only(
        "bad: 'not role:%(x)d'\nalso: 'not (1a:x) or @'\nnever_reached: '@ or 1a:x'\nwhole: 'not 1a:%s'",
    );
    let target = Target::new().with("x", "1");
    let ctx = caller("p", &["member"]);
    assert!(!policy.check_rule(&ctx, "bad", &target));
    assert!(!policy.check_rule(&ctx, "also", &target));
    assert!(!policy.check_rule(&ctx, "whole", &target));
    assert!(policy.check_rule(&ctx, "never_reached", &target));
}

#[test]
fn remote_checks_are_refused_at_load() {
    for check in ["http://opa/x", "role:admin or not https://opa/%(id)s"] {
        let files = Files::new();
        files.write("policy.yaml", &format!("get_image: '{check}'"));
        let error = files.load().unwrap_err();
        assert!(
            matches!(&error, Error::RemoteCheck { rule, .. } if rule == "get_image"),
            "{error}"
        );
    }
}

#[test]
fn warnings_name_the_rule_and_the_reason() {
    let policy =
        only("get_imagez: role:x\nget_image: rule:nowhere\nget_images: is_admin:True\nadd_image:");
    let warnings = policy.warnings().join("\n");
    for expected in [
        "rule `get_imagez` is no action",
        "rule `get_image`: there is no rule `nowhere`, so that `default` is asked instead",
        "rule `get_images`: `is_admin:True` never matches",
        "rule `add_image` has no text and so allows everyone",
    ] {
        assert!(warnings.contains(expected), "{expected} in {warnings}");
    }
}

#[test]
fn changed_files_are_read_again() {
    let files = Files::new();
    let policy = files.load().unwrap();
    assert!(!policy.reload_if_changed());
    files.write("policy.yaml", "get_images: role:one");
    assert!(policy.reload_if_changed());
    assert!(!policy.reload_if_changed());
    assert_eq!(policy.rules()["get_images"], "role:one");
    files.write("policy.d/a.yaml", "get_images: role:two");
    assert!(policy.reload_if_changed());
    assert_eq!(policy.rules()["get_images"], "role:two");
    fs_err::remove_file(files.path().join("policy.d/a.yaml")).unwrap();
    files.write("policy.yaml", "get_image: role:three");
    assert!(policy.reload_if_changed());
    let default = Policy::load(PolicyConfig::default()).unwrap().rules();
    assert_eq!(policy.rules()["get_images"], default["get_images"]);
}

#[test]
fn being_asked_notices_a_change_that_has_settled() {
    let files = Files::new();
    let policy = files.load().unwrap();
    files.write("policy.yaml", "get_images: role:one");
    let file = fs_err::File::options()
        .write(true)
        .open(files.path().join("policy.yaml"))
        .unwrap();
    file.file()
        .set_modified(SystemTime::now() - Duration::from_secs(60))
        .unwrap();
    let ask = || policy.check(&caller("p", &["one"]), Action::GetImages, &Target::none());
    policy.next_look_ms.store(u64::MAX, Ordering::Relaxed);
    assert!(!ask());
    policy.next_look_ms.store(0, Ordering::Relaxed);
    assert!(ask());
    assert_ne!(policy.next_look_ms.load(Ordering::Relaxed), 0);
}

#[test]
fn an_unusable_or_missing_file_keeps_the_old_rules() {
    let files = Files::new();
    files.write("policy.yaml", "get_images: role:one");
    let policy = files.load().unwrap();
    for broken in [
        "get_images: [",
        "- a list",
        "get_images: 5",
        "get_images: http://x/",
    ] {
        files.write("policy.yaml", broken);
        assert!(!policy.reload_if_changed(), "{broken}");
        assert_eq!(policy.rules()["get_images"], "role:one", "{broken}");
    }
    fs_err::remove_file(files.path().join("policy.yaml")).unwrap();
    files.write("policy.d/a.yaml", "get_image: role:two");
    assert!(!policy.reload_if_changed());
    assert_eq!(policy.rules()["get_images"], "role:one");
    files.write("policy.yaml", "get_images: role:three");
    assert!(policy.reload_if_changed());
    assert_eq!(policy.rules()["get_images"], "role:three");
    assert_eq!(policy.rules()["get_image"], "role:two");
}

#[test]
fn unusable_files_stop_the_start_and_are_named() {
    let files = Files::new();
    files.write("policy.yaml", "get_images: [");
    let error = files.load().unwrap_err();
    assert!(
        matches!(&error, Error::Malformed { path, .. } if path.ends_with("policy.yaml")),
        "{error}"
    );
    let files = Files::new();
    files.write("policy.d", "a file where a folder should be");
    let error = files.load().unwrap_err();
    assert!(
        matches!(&error, Error::Unreadable { path, .. } if path.ends_with("policy.d")),
        "{error}"
    );
}

#[test]
fn what_older_defaults_allowed_stays_allowed_unless_new_ones_are_enforced() {
    let ctx = caller("p2", &[]);
    for enforce_new_defaults in [true, false] {
        let policy = Policy::load(PolicyConfig {
            enforce_new_defaults,
            ..PolicyConfig::default()
        })
        .unwrap();
        assert_eq!(
            policy.check(&ctx, Action::GetImage, &image("p1")),
            !enforce_new_defaults
        );
        assert!(!policy.check(&ctx, Action::PublicizeImage, &image("p1")));
        assert!(!policy.check(&ctx, Action::CacheDelete, &Target::none()));
    }
}
