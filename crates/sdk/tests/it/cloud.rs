//! Configurations, compared with what openstackclient 10.5.0 makes of the same files, variables and options.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use vidimus_sdk::{
    AuthMethod, CloudConfig, Environment, Error, Named, Overrides, Scope, Secret, UserRef,
};

/// `clouds.json`, recorded from the real client.
#[derive(Deserialize)]
struct Recorded {
    files: BTreeMap<String, BTreeMap<String, String>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    files: String,
    environment: BTreeMap<String, String>,
    options: Vec<String>,
    expected: Value,
}

fn load(
    files: &BTreeMap<String, String>,
    environment: &BTreeMap<String, String>,
    overrides: &Overrides,
) -> Result<CloudConfig, Error> {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/openstack");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let home = home.path().to_str().unwrap().to_owned();
    let environment: Environment = environment
        .clone()
        .into_iter()
        .chain([("HOME".to_owned(), home)])
        .collect();
    CloudConfig::load(overrides, &environment)
}

/// `--os-region-name R1 --insecure` as overrides.
fn overrides(options: &[String]) -> Overrides {
    let mut overrides = Overrides::default();
    let mut words = options.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--insecure" => overrides.set("insecure", "true"),
            option => overrides.set(option.strip_prefix("--os-").unwrap(), words.next().unwrap()),
        };
    }
    overrides
}

/// A configuration in the words of the recording.
fn in_their_words(config: &CloudConfig) -> Value {
    let mut auth = serde_json::Map::new();
    let auth_type = match &config.auth {
        AuthMethod::None { endpoint } => {
            auth.insert("endpoint".to_owned(), json!(endpoint));
            "none"
        }
        AuthMethod::AdminToken { endpoint, token } => {
            auth.insert("endpoint".to_owned(), json!(endpoint));
            auth.insert("token".to_owned(), json!(token.expose()));
            "admin_token"
        }
        AuthMethod::HttpBasic { .. } => "http_basic",
        AuthMethod::Identity(identity) => {
            auth.insert("auth_url".to_owned(), json!(identity.auth_url));
            match &identity.scope {
                Scope::Project(project) => put(&mut auth, "project", "project_name", project),
                Scope::Domain(domain) => put(&mut auth, "domain", "domain_name", domain),
                _ => {}
            }
            match &identity.user {
                UserRef::Password { user, password } => {
                    put(&mut auth, "user", "username", user);
                    auth.insert(
                        "password".to_owned(),
                        json!(password.as_ref().map(Secret::expose)),
                    );
                    "password"
                }
                UserRef::Token(token) => {
                    auth.insert("token".to_owned(), json!(token.expose()));
                    "token"
                }
                UserRef::ApplicationCredential { id, secret, .. } => {
                    auth.insert("application_credential_id".to_owned(), json!(id));
                    auth.insert(
                        "application_credential_secret".to_owned(),
                        json!(secret.expose()),
                    );
                    "v3applicationcredential"
                }
            }
        }
    };
    let verify = match (&config.tls.cacert, config.tls.verify) {
        (Some(path), true) => json!(path),
        (_, verify) => json!(verify),
    };
    json!({
        "auth_type": auth_type,
        "auth": auth,
        "region_name": config.region_name,
        "interface": config.interfaces[0],
        "verify": verify,
        "cert": config.tls.cert.as_ref().map(|cert| json!([cert, config.tls.key])),
        "image_endpoint_override": config.image_endpoint_override,
        "image_api_version": config.image_api_version,
    })
}

fn put(auth: &mut serde_json::Map<String, Value>, kind: &str, name_key: &str, named: &Named) {
    match named {
        Named::Id(id) => {
            auth.insert(format!("{kind}_id"), json!(id));
        }
        Named::Name { name, domain } => {
            auth.insert(name_key.to_owned(), json!(name));
            if let Some(domain) = domain {
                put(
                    auth,
                    &format!("{kind}_domain"),
                    &format!("{kind}_domain_name"),
                    domain,
                );
            }
        }
    }
}

/// What we fill in and the recording leaves out, and what of two statements about one thing the recording keeps both.
fn settled(mut expected: Value) -> Value {
    for (key, default) in [("interface", "public"), ("image_api_version", "2")] {
        if expected[key].is_null() {
            expected[key] = json!(default);
        }
    }
    if let Some(auth) = expected["auth"].as_object_mut() {
        for (named, kind) in [("username", "user"), ("project_name", "project")] {
            let (id, name) = (format!("{kind}_domain_id"), format!("{kind}_domain_name"));
            if auth.contains_key(&id) {
                auth.remove(&name);
            } else if auth.contains_key(named) && !auth.contains_key(&name) {
                // Deliberately unlike osc-lib, which leaves a name without a domain to be refused by Keystone.
                auth.insert(id, json!("default"));
            }
        }
    }
    expected
}

#[test]
fn configurations_are_those_of_openstackclient() {
    let recorded: Recorded = serde_json::from_str(include_str!("clouds.json")).unwrap();
    assert!(recorded.cases.len() > 15);
    for case in recorded.cases {
        let loaded = load(
            &recorded.files[&case.files],
            &case.environment,
            &overrides(&case.options),
        );
        match (loaded, case.expected.get("error")) {
            (Ok(config), None) => assert_eq!(
                in_their_words(&config),
                settled(case.expected),
                "{}",
                case.name
            ),
            (Err(error), Some(text)) => {
                assert_eq!(json!(error.to_string()), *text, "{}", case.name)
            }
            (loaded, _) => panic!("{}: {loaded:?}", case.name),
        }
    }
}

fn cloud(yaml: &str) -> CloudConfig {
    let files = BTreeMap::from([("clouds.yaml".to_owned(), yaml.to_owned())]);
    load(&files, &BTreeMap::new(), &Overrides::default()).unwrap()
}

#[test]
fn credentials_are_the_text_that_stands_in_the_file() {
    for written in [
        "1e3",
        "0123",
        "0x10",
        "12345678901234567890123",
        "yes",
        "1_000",
        "2026-11-22",
    ] {
        let config = cloud(&format!(
            "clouds: {{c: {{auth: {{auth_url: 'http://k', username: u, password: {written}}}}}}}"
        ));
        let AuthMethod::Identity(identity) = config.auth else {
            panic!("{:?}", config.auth);
        };
        let UserRef::Password { password, .. } = identity.user else {
            panic!("{:?}", identity.user);
        };
        assert_eq!(password.unwrap().expose(), written);
    }
}

#[test]
fn yes_and_no_are_understood() {
    for (written, verifies) in [
        ("insecure: true", false),
        ("insecure: 'True'", false),
        ("verify: no", false),
        ("verify: true", true),
        ("insecure: no", true),
    ] {
        let config = cloud(&format!(
            "clouds: {{c: {{auth_type: none, endpoint: 'http://e', {written}}}}}"
        ));
        assert_eq!(config.tls.verify, verifies, "{written}");
    }
}

#[test]
fn a_file_with_other_things_in_it_is_no_problem() {
    let config = cloud(
        "client: {force_ipv4: true}\nclouds:\n  c: &base\n    auth_type: none\n    auth: {endpoint: 'http://e', weird: [1, {a: b}]}\n    \
         networks: [{name: n}]\n    interface: [internal, public]\n    region_name: ~\n",
    );
    assert_eq!(config.interfaces, ["internal", "public"]);
    assert_eq!(config.region_name, None);
}

#[test]
fn a_broken_file_is_passed_over() {
    let files = BTreeMap::from([("clouds.yaml".to_owned(), "clouds: [\n".to_owned())]);
    let environment = BTreeMap::from([
        ("OS_ENDPOINT".to_owned(), "http://e".to_owned()),
        ("OS_AUTH_TYPE".to_owned(), "none".to_owned()),
    ]);
    assert!(load(&files, &environment, &Overrides::default()).is_ok());
}

#[test]
fn endpoint_and_token_alone_mean_admin_token() {
    let mut given = Overrides::default();
    given.set("endpoint", "http://e").set("token", "t");
    let config = load(&BTreeMap::new(), &BTreeMap::new(), &given).unwrap();
    assert!(matches!(config.auth, AuthMethod::AdminToken { .. }));
}

#[test]
fn what_is_missing_is_listed_in_the_words_of_osc_lib() {
    let missing = |pairs: &[(&str, &str)]| {
        let mut given = Overrides::default();
        for (name, value) in pairs {
            given.set(name, *value);
        }
        load(&BTreeMap::new(), &BTreeMap::new(), &given)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        missing(&[]),
        "Missing parameter(s): \nSet a cloud-name with --os-cloud or OS_CLOUD"
    );
    assert_eq!(
        missing(&[("password", "p")]),
        "Missing parameter(s): \nSet a username with --os-username, OS_USERNAME, or auth.username or set a user-id with \
         --os-user-id, OS_USER_ID, or auth.user_id\nSet an authentication URL, with --os-auth-url, OS_AUTH_URL or \
         auth.auth_url"
    );
    assert_eq!(
        missing(&[("auth_type", "token"), ("auth_url", "http://k")]),
        "Missing parameter(s): \nSet a token with --os-token, OS_TOKEN or auth.token"
    );
}

#[test]
fn a_password_can_be_asked_for_later() {
    let mut given = Overrides::default();
    given.set("auth_url", "http://k").set("username", "u");
    let mut config = load(&BTreeMap::new(), &BTreeMap::new(), &given).unwrap();
    assert!(config.needs_password());
    config.set_password(Secret::new("typed"));
    assert!(!config.needs_password());
}

#[test]
fn unknown_ways_in_are_refused() {
    let mut given = Overrides::default();
    given
        .set("auth_type", "v3kerberos")
        .set("auth_url", "http://k");
    let error = load(&BTreeMap::new(), &BTreeMap::new(), &given).unwrap_err();
    assert!(error.to_string().contains("v3kerberos"), "{error}");
    given
        .set("auth_type", "password")
        .set("username", "u")
        .set("project_name", "p")
        .set("system_scope", "all");
    let error = load(&BTreeMap::new(), &BTreeMap::new(), &given).unwrap_err();
    assert!(error.to_string().contains("multiple targets"), "{error}");
}

#[test]
fn urls_that_are_none_are_refused_before_anything_is_sent() {
    for (name, value) in [
        ("endpoint", "glance:9292"),
        ("endpoint", "ftp://glance"),
        ("endpoint", "glance"),
    ] {
        let mut given = Overrides::default();
        given.set("auth_type", "none").set(name, value);
        let config = load(&BTreeMap::new(), &BTreeMap::new(), &given).unwrap();
        let error = vidimus_sdk::Client::connect(&config).unwrap_err();
        assert!(
            matches!(error, Error::Config(_)) && error.to_string().contains(value),
            "{error:?}"
        );
    }
}

#[test]
fn nothing_secret_is_shown() {
    let mut given = Overrides::default();
    given
        .set("auth_url", "http://k")
        .set("username", "u")
        .set("password", "hunter2")
        .set("application_credential_secret", "hunter2")
        .set("token", "hunter2");
    for auth_type in [
        "password",
        "token",
        "v3applicationcredential",
        "admin_token",
        "http_basic",
    ] {
        given
            .set("auth_type", auth_type)
            .set("application_credential_id", "id");
        let config = load(&BTreeMap::new(), &BTreeMap::new(), &given).unwrap();
        let client = vidimus_sdk::Client::connect(&config).unwrap();
        let environment: Environment = [("OS_PASSWORD", "hunter2")].into_iter().collect();
        let shown = format!("{given:?} {config:?} {client:?} {environment:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
