//! Whole configurations: what a deployer writes and what comes of it.

mod generated;
mod oslo;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    AuthMode, CacheDriver, ConfigError, FileStore, Loaded, Settings, StoreType, Tls, TlsVersion,
    Warning,
};

/// Loads files given by their texts; they are called 0.conf, 1.conf and so on.
fn load(texts: &[&str], environment: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let path = folder.path().join(format!("{at}.conf"));
        fs::write(&path, text).unwrap();
        files.push(path);
    }
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::load(&files, &[], environment)
}

const DATABASE: &str = "[database]\nconnection = sqlite:////tmp/glance.sqlite\n";

fn with_database(text: &str) -> Result<Loaded, ConfigError> {
    load(&[DATABASE, text], &[])
}

fn refusal(text: &str) -> String {
    with_database(text).map(|_| ()).unwrap_err().to_string()
}

fn warnings(text: &str) -> Vec<String> {
    let loaded = with_database(text).unwrap();
    loaded.warnings.iter().map(Warning::to_string).collect()
}

#[test]
fn only_a_database_is_needed() {
    let loaded = with_database("").unwrap();
    assert_eq!(loaded.warnings, []);
    let settings = loaded.settings;
    assert_eq!(settings.server.listen, ["127.0.0.1:9292"]);
    assert_eq!(settings.api.limit_param_default, 25);
    assert_eq!(
        settings.api.enabled_import_methods,
        ["glance-direct", "web-download", "copy-image"]
    );
    assert_eq!(settings.images.size_cap, 1 << 40);
    assert_eq!(settings.cache.dir, None);
    assert_eq!(settings.auth.mode, AuthMode::None);
    assert!(!settings.stores.is_multi);
    assert!(settings.log.to_stderr && settings.log.file.is_none());
    assert!(refusal_without_database().contains("[database] connection"));
}

fn refusal_without_database() -> String {
    load(&[""], &[]).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn the_embedded_settings_stay_below_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    // A dollar in a path is no reference.
    let data = folder.path().join("a $name");
    let loaded = Settings::embedded(&data, std::iter::empty()).unwrap();
    assert_eq!(loaded.warnings, []);
    let settings = loaded.settings;
    assert_eq!(settings.server.listen, ["127.0.0.1:9292"]);
    assert_eq!(
        settings.database.connection.expose(),
        format!("sqlite:///{}", data.join("vidimus.sqlite").display())
    );
    assert_eq!(settings.cache.dir, Some(data.join("cache")));
    assert_eq!(settings.cache.driver, CacheDriver::CentralizedDb);
    assert_eq!(settings.staging_dir, data.join("staging"));
    let StoreType::File(file) = &settings.stores.definitions[0].kind else {
        panic!("{:?}", settings.stores);
    };
    assert_eq!(file.datadirs, [(data.join("images"), 0)]);
    assert!(settings.api.flavor.has_caching && settings.api.flavor.has_cache_management);

    let small = [(
        "OS_DEFAULT__IMAGE_CACHE_MAX_SIZE".to_owned(),
        "7".to_owned(),
    )];
    let loaded = Settings::embedded(&data, small.into_iter()).unwrap();
    assert_eq!(loaded.settings.cache.max_size_bytes, 7);
}

#[test]
fn a_socket_file_is_an_address_that_only_this_machine_reaches() {
    let listen = |address: &str| {
        let variable = ("OS_VIDIMUS__LISTEN".to_owned(), address.to_owned());
        Settings::embedded(Path::new("data"), std::iter::once(variable))
    };
    let loaded = listen("unix:/run/vidimus.sock").unwrap();
    assert_eq!(loaded.settings.server.listen, ["unix:/run/vidimus.sock"]);
    assert!(listen("0.0.0.0:9292").is_err());
}

#[test]
fn a_bad_value_is_refused_with_its_place_and_what_is_allowed() {
    let told = refusal("[DEFAULT]\n\nlimit_param_default = 0\n");
    assert!(told.contains("1.conf:3"), "{told}");
    assert!(
        told.contains(
            "`[DEFAULT] limit_param_default` is `0`, but must be a whole number of at least 1"
        ),
        "{told}"
    );
    for (text, part) in [
        ("[DEFAULT]\ndebug = maybe\n", "true or false"),
        (
            "[DEFAULT]\nenabled_import_methods = web-download\n",
            "in brackets",
        ),
        (
            "[DEFAULT]\nenabled_import_methods = [ftp]\n",
            "`web-download`",
        ),
        ("[DEFAULT]\nimage_cache_driver = redis\n", "`xattr`"),
        ("[DEFAULT]\nimage_cache_max_size = -1\n", "at least 0"),
        (
            "[DEFAULT]\nimage_size_cap = 9223372036854775809\n",
            "from 1 to",
        ),
        ("[DEFAULT]\nenabled_backends = fast\n", "name:value"),
        ("[DEFAULT]\nnode_staging_uri = /tmp\n", "`file://` URL"),
        ("[DEFAULT]\nhashing_algorithm = crc32\n", "`sha512`"),
        ("[vidimus]\nlisten = localhost\n", "`host:port`"),
        ("[vidimus]\nlisten = http://localhost\n", "`host:port`"),
        ("[vidimus]\ntls_min_version = 1.1\n", "`1.2`"),
        (
            "[glance_store]\nfilesystem_store_file_perm = 689\n",
            "octal",
        ),
        (
            "[DEFAULT]\npublic_endpoint = $nothing\n",
            "is not an option",
        ),
        (
            "[DEFAULT]\npublic_endpoint = ${public_endpoint}x\n",
            "leads back",
        ),
        (
            "[DEFAULT]\npublic_endpoint = $database.connection\n",
            "secret",
        ),
    ] {
        let told = refusal(text);
        assert!(
            told.contains(part) && told.contains("1.conf:2"),
            "{text}: {told}"
        );
    }
    let from_environment = load(&[DATABASE], &[("OS_DEFAULT__DEBUG", "maybe")]);
    let told = from_environment.map(|_| ()).unwrap_err().to_string();
    assert!(
        told.contains("environment variable OS_DEFAULT__DEBUG"),
        "{told}"
    );
}

#[test]
fn notifications_go_to_the_drivers_that_are_named() {
    let section = "[oslo_messaging_notifications]\n";
    let settings = |text: &str| {
        let loaded = with_database(text).unwrap();
        let told: Vec<_> = loaded.warnings.iter().map(Warning::to_string).collect();
        (loaded.settings.notifications, told)
    };
    let (default, _) = settings("");
    assert!(!default.logs && default.disabled.is_empty());
    assert_eq!(default.publisher_id, "image.localhost");

    let (logged, told) = settings(&format!(
        "[DEFAULT]\ndisabled_notifications = image.send,task\n{section}driver = noop\ndriver = test\ndriver = log\n"
    ));
    assert!(logged.logs && told.is_empty());
    assert_eq!(logged.disabled, ["image.send", "task"]);

    let (bus, told) = settings(&format!(
        "{section}driver = messagingv2\ndriver = log\ndriver = messaging\ntransport_url = rabbit://glance:SESAME@mq\n"
    ));
    assert!(bus.logs);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("`messagingv2`, `messaging` sends no notifications"));
    assert!(told.iter().all(|told| !told.contains("SESAME")), "{told:?}");

    let refused = refusal(&format!("{section}driver = log\ndriver = kafka\n"));
    assert!(refused.contains("`kafka`") && refused.contains("messagingv2"));
}

#[test]
fn a_key_manager_is_barbican_at_a_url_or_none() {
    let endpoint = "[barbican]\nbarbican_endpoint = http://barbican:9311/\n";
    let keys = |text: &str| with_database(text).unwrap().settings.keys;
    assert_eq!(keys("").endpoint, None);
    assert_eq!(
        keys(endpoint).endpoint.as_deref(),
        Some("http://barbican:9311/")
    );
    assert!(keys(endpoint).is_verified);
    let class = "castellan.key_manager.barbican_key_manager.BarbicanKeyManager";
    let by_class = format!("[key_manager]\napi_class = {class}\n{endpoint}");
    assert!(keys(&by_class).endpoint.is_some());
    let vault = format!("[key_manager]\nbackend = vault\n{endpoint}");
    assert_eq!(keys(&vault).endpoint, None);
    let told = warnings(&vault);
    assert!(
        told.len() == 1 && told[0].contains("`vault` is no key manager"),
        "{told:?}"
    );
    for text in ["barbican:9311", "ftp://barbican", "/v1"] {
        let refused = refusal(&format!("[barbican]\nbarbican_endpoint = {text}"));
        assert!(
            refused.contains("barbican_endpoint") && refused.contains("http://localhost:9311"),
            "{refused}"
        );
    }
}

#[test]
fn secrets_are_never_shown() {
    let loaded = load(
        &["[database]\nconnection = mysql://glance:SESAME@db/glance\n"],
        &[],
    );
    let loaded = loaded.unwrap();
    assert!(!format!("{loaded:?}").contains("SESAME"));
    assert!(
        loaded
            .settings
            .database
            .connection
            .expose()
            .contains("SESAME")
    );
}

#[test]
fn everybody_as_administrator_stays_on_this_machine() {
    for listen in [
        "[DEFAULT]\nbind_host = 0.0.0.0\n",
        "[DEFAULT]\nbind_host = ::\n",
        "[vidimus]\nlisten = 127.0.0.1:1,10.0.0.1:1\n",
        "[vidimus]\nlisten = glance.example.com:9292\n",
        "[vidimus]\nlisten = http://10.0.0.1:9292\n",
    ] {
        let told = refusal(listen);
        assert!(told.contains("allow_unauthenticated_remote"), "{told}");
        with_database(&format!("{listen}[vidimus]\nauth = proxy\n")).unwrap();
        let allowed = format!("{listen}[vidimus]\nallow_unauthenticated_remote = yes\n");
        with_database(&allowed).unwrap();
    }
    let loopback = "[vidimus]\nlisten = localhost:1,[::1]:2,http://127.0.0.9:3\n";
    assert_eq!(
        with_database(loopback)
            .unwrap()
            .settings
            .server
            .listen
            .len(),
        3
    );
}

#[test]
fn tls_has_a_certificate_and_its_key_or_is_not_spoken() {
    let tls = |text: &str| {
        let loaded = with_database(&format!("[vidimus]\n{text}")).unwrap();
        loaded.settings.server.tls
    };
    assert_eq!(tls(""), None);
    let found = tls("tls_cert_file = /c\ntls_key_file = /k\ntls_min_version = 1.3\n");
    let expected = Tls {
        cert_file: "/c".into(),
        key_file: "/k".into(),
        client_ca_file: None,
        min_version: TlsVersion::V13,
    };
    assert_eq!(found, Some(expected));
    for (set, missing) in [
        ("tls_cert_file", "tls_key_file"),
        ("tls_key_file", "tls_cert_file"),
        ("tls_client_ca_file", "tls_cert_file"),
    ] {
        let told = refusal(&format!("[vidimus]\n{set} = /some\n"));
        let expected = format!("1.conf:2: `[vidimus] {set}`: `{missing}` must be set as well");
        assert!(told.ends_with(&expected), "{told}");
    }
}

#[test]
fn keystone_is_not_silently_left_out() {
    let flavor = "[paste_deploy]\nflavor = keystone+cachemanagement\n";
    let told = refusal(flavor);
    assert!(
        told.contains("1.conf:2") && told.contains("auth = proxy"),
        "{told}"
    );
    let settings = with_database(&format!("{flavor}[vidimus]\nauth = proxy\n"))
        .unwrap()
        .settings;
    assert_eq!(settings.auth.mode, AuthMode::Proxy);
    assert!(settings.api.flavor.has_keystone && settings.api.flavor.has_cache_management);
}

#[test]
fn named_stores_take_what_they_lack_from_the_shared_section() {
    let loaded = with_database(
        "[DEFAULT]\nenabled_backends = fast:file, slow:file,ceph:rbd\n\
         [glance_store]\ndefault_backend = slow\n\
         [backend_defaults]\nfilesystem_store_file_perm = 640\nfilesystem_store_datadir = /shared\n\
         [fast]\nstore_description = \"quick ones\"\nweight = 200\nfilesystem_store_datadir = /fast\n\
         filesystem_store_timeout = 30\nfilesystem_store_thread_pool_size = 4\n\
         [slow]\nfilesystem_thin_provisioning = true\nfilesystem_store_file_perm = 600\n\
         [ceph]\nrbd_store_pool = images\n\
         [os_glance_staging_store]\nfilesystem_store_datadir = /staging\n",
    )
    .unwrap();
    let told: Vec<_> = loaded.warnings.iter().map(Warning::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("store `ceph` is left out"), "{}", told[0]);
    assert!(
        told[1].contains("`[ceph] rbd_store_pool` has no effect"),
        "{}",
        told[1]
    );

    let settings = loaded.settings;
    assert_eq!(settings.staging_dir, PathBuf::from("/staging"));
    let stores = settings.stores;
    assert!(stores.is_multi);
    assert_eq!(stores.default.as_str(), "slow");
    let [fast, slow] = stores.definitions.as_slice() else {
        panic!("{:?}", stores.definitions);
    };
    assert_eq!(fast.description.as_deref(), Some("quick ones"));
    assert_eq!((fast.weight, slow.weight), (200, 0));
    let (StoreType::File(fast), StoreType::File(slow)) = (&fast.kind, &slow.kind) else {
        panic!("{fast:?}, {slow:?}");
    };
    assert_eq!(fast.datadirs, [("/fast".into(), 0)]);
    assert_eq!(slow.datadirs, [("/shared".into(), 0)]);
    assert_eq!((fast.file_perm, slow.file_perm), (0o640, 0o600));
    assert_eq!(
        (fast.thin_provisioning, slow.thin_provisioning),
        (false, true)
    );
    let patience = |file: &FileStore| (file.timeout, file.threads, file.warn_from);
    assert_eq!(patience(fast), (Some(Duration::from_secs(30)), 4, 75));
    assert_eq!(patience(slow), (None, 10, 75));
}

#[test]
fn a_storage_quota_is_a_number_with_a_unit() {
    let read = |value: &str| {
        let text = format!("[DEFAULT]\nuser_storage_quota = {value}\n");
        with_database(&text).map(|loaded| loaded.settings.images.storage_quota)
    };
    assert_eq!(with_database("").unwrap().settings.images.storage_quota, 0);
    for (value, bytes) in [
        ("0", 0),
        ("7", 7),
        ("7B", 7),
        ("2KB", 2048),
        ("3MB", 3 << 20),
        ("1GB", 1 << 30),
        ("1TB", 1 << 40),
    ] {
        assert_eq!(read(value).unwrap(), bytes, "{value}");
    }
    for value in ["-1", "1 GB", "1kb", "GB", "1PB", "1.5GB", "+1"] {
        assert!(
            read(value)
                .unwrap_err()
                .to_string()
                .contains("user_storage_quota"),
            "{value}"
        );
    }
}

#[test]
fn stores_on_the_web_are_read_with_or_without_names() {
    let kinds = |text: &str| -> Vec<(String, StoreType)> {
        let stores = with_database(text).unwrap().settings.stores;
        let pairs = stores.definitions.into_iter();
        pairs
            .map(|store| (store.id.to_string(), store.kind))
            .collect()
    };
    let unnamed = kinds("[glance_store]\nhttps_insecure = false\n");
    assert_eq!(unnamed[0].0, "file");
    let (name, StoreType::Http(http)) = &unnamed[1] else {
        panic!("{unnamed:?}");
    };
    assert_eq!((name.as_str(), http.is_insecure), ("http", false));
    assert_eq!(kinds("[glance_store]\nstores = file\n").len(), 1);
    assert_eq!(
        kinds("[glance_store]\nstores = http\ndefault_store = https\n")[0].0,
        "http"
    );

    let named = kinds(
        "[DEFAULT]\nenabled_backends = disk:file,mirror:http\n[glance_store]\ndefault_backend = disk\n\
         [backend_defaults]\nhttp_proxy_information = http:proxy:3128\n\
         [mirror]\nhttps_ca_certificates_file = /etc/ca.pem\n",
    );
    let (name, StoreType::Http(http)) = &named[1] else {
        panic!("{named:?}");
    };
    assert_eq!(name, "mirror");
    assert!(http.is_insecure);
    assert_eq!(http.ca_file, Some("/etc/ca.pem".into()));
    assert_eq!(http.proxies, [("http".to_owned(), "proxy:3128".to_owned())]);
}

#[test]
fn stores_that_do_not_fit_together_are_refused() {
    for (text, part) in [
        ("[DEFAULT]\nenabled_backends = a:file\n", "must be set"),
        (
            "[DEFAULT]\nenabled_backends = a:file\n[glance_store]\ndefault_backend = b\n",
            "not among",
        ),
        (
            "[DEFAULT]\nenabled_backends = a:file,b:s3\n[glance_store]\ndefault_backend = b\n",
            "`s3`",
        ),
        (
            "[DEFAULT]\nenabled_backends = os_glance_x:file\n[glance_store]\ndefault_backend = os_glance_x\n",
            "not a free name",
        ),
        ("[glance_store]\ndefault_store = swift\n", "`swift`"),
        ("[glance_store]\nstores = http\n", "not among"),
        (
            "[DEFAULT]\nenabled_backends = a:file,b:rbd\n[glance_store]\ndefault_backend = b\n",
            "`rbd`",
        ),
        (
            "[glance_store]\nfilesystem_store_datadir =\n",
            "must have a folder",
        ),
        (
            "[glance_store]\nfilesystem_store_datadir = /a\nfilesystem_store_datadirs = /b\n",
            "beside",
        ),
        (
            "[glance_store]\nfilesystem_store_datadirs = /b:x\n",
            "path:priority",
        ),
        (
            "[glance_store]\nfilesystem_store_datadirs = /b:1\nfilesystem_store_datadirs = /b:2\n",
            "another priority",
        ),
    ] {
        let told = refusal(text);
        assert!(told.contains(part), "{text}: {told}");
    }
}

#[test]
fn several_folders_have_priorities() {
    let text = "[glance_store]\nfilesystem_store_datadirs = /a:100\nfilesystem_store_datadirs = /b\n\
                filesystem_store_datadirs = /c : 7\nfilesystem_store_datadirs = /b:\n";
    let settings = with_database(text).unwrap().settings;
    let StoreType::File(file) = &settings.stores.definitions[0].kind else {
        panic!("{:?}", settings.stores);
    };
    assert_eq!(
        file.datadirs,
        [("/a".into(), 100), ("/b".into(), 0), ("/c".into(), 7)]
    );
}

#[test]
fn what_has_no_effect_is_told_once_each() {
    let told = warnings(
        "[DEFAULT]\nworkers = 4\nworkers = 5\nimage_cach_dir = /x\ndisk_formats = raw\n\
         [keystone_authtoken]\npassword = SESAME\n\
         [databse]\nconnection = x\nmax_pool_size = 1\n\
         [entirely_new]\na = 1\n",
    );
    let expected = [
        "1.conf:2: `[DEFAULT] workers` has no effect: it belonged to the Python server that is gone",
        "1.conf:4: `[DEFAULT] image_cach_dir` is not known; did you mean `image_cache_dir`?",
        "1.conf:5: `[DEFAULT] disk_formats` is now called `[image_format] disk_formats`",
        "1.conf:7: `[keystone_authtoken] password` has no effect: tokens are not validated here; see `[vidimus] auth`",
        "1.conf:9: section `[databse]` is not known; did you mean `database`?",
        "1.conf:12: section `[entirely_new]` is not known",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.ends_with(expected), "{told}");
    }
}

#[test]
fn variables_of_others_are_left_alone() {
    let loaded = load(
        &[DATABASE],
        &[
            ("OS_USERNAME", "admin"),
            ("OS_CINDER__DEBUG", "1"),
            ("OS_DEFAULT__DEBGU", "1"),
            ("OS_DATABASE__MAX_POOL_SIZE", "9"),
        ],
    )
    .unwrap();
    let told: Vec<_> = loaded.warnings.iter().map(Warning::to_string).collect();
    assert_eq!(
        told,
        ["environment variable OS_DEFAULT__DEBGU: `[DEFAULT] debgu` is not known"]
    );
    assert_eq!(loaded.settings.database.max_pool_size, Some(9));
}

#[test]
fn a_folder_is_read_by_name_after_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let file = write(
        "main.ini",
        &format!("{DATABASE}[DEFAULT]\nbind_port = 1\nlog_dir = /l\n"),
    );
    write("20.conf", "[DEFAULT]\nbind_port = 20\n");
    write("10.conf", "[DEFAULT]\nbind_port = 10\nlog_file = x.log\n");
    write(".30.conf", "[DEFAULT]\nbind_port = 30\n");
    write("40.conf~", "[DEFAULT]\nbind_port = 40\n");
    let dirs = [folder.path().to_owned()];
    let settings = Settings::load(std::slice::from_ref(&file), &dirs, std::iter::empty())
        .unwrap()
        .settings;
    assert_eq!(settings.server.listen, ["127.0.0.1:20"]);
    assert_eq!(settings.log.file, Some("/l/x.log".into()));

    let missing = [folder.path().join("missing.conf")];
    for (files, dirs) in [(missing.as_slice(), [].as_slice()), (&[], &missing)] {
        let refused = Settings::load(files, dirs, std::iter::empty());
        assert!(matches!(refused, Err(ConfigError::Unreadable { .. })));
    }
}

/// Shaped like what kolla-ansible and devstack write.
#[test]
fn a_deployers_file_starts_and_says_what_is_missing() {
    let loaded = with_database(
        "[DEFAULT]\ndebug = False\nlog_file = /var/log/kolla/glance/glance-api.log\nuse_forwarded_for = true\n\
         bind_host = 10.0.0.11\nbind_port = 9292\nworkers = 5\n\
         worker_self_reference_url = http://10.0.0.11:9292\nenabled_backends = file:file,rbd:rbd\n\
         image_cache_dir = /var/lib/glance/image-cache\nimage_cache_max_size = 10737418240\n\
         transport_url = rabbit://openstack:SESAME@10.0.0.11:5672//\n\n\
         [database]\nconnection_recycle_time = 10\nmax_pool_size = 1\nmax_retries = -1\n\
         [keystone_authtoken]\nauth_url = http://10.0.0.10:5000\nauth_type = password\npassword = SESAME\n\
         memcached_servers = 10.0.0.11:11211\n\
         [paste_deploy]\nflavor = keystone+cachemanagement\n\
         [glance_store]\ndefault_backend = file\n\
         [rbd]\nrbd_store_user = glance\nrbd_store_ceph_conf = /etc/ceph/ceph.conf\n\
         [file]\nfilesystem_store_datadir = /var/lib/glance/images/\n\
         [os_glance_tasks_store]\nfilesystem_store_datadir = /var/lib/glance/tasks_work_dir\n\
         [os_glance_staging_store]\nfilesystem_store_datadir = /var/lib/glance/staging\n\
         [oslo_middleware]\nenable_proxy_headers_parsing = True\n\
         [oslo_concurrency]\nlock_path = /var/lib/glance/tmp\n\
         [vidimus]\nauth = proxy\ntrusted_identity_sources = 10.0.0.0/24\n",
    )
    .unwrap();
    let settings = &loaded.settings;
    assert_eq!(settings.server.listen, ["10.0.0.11:9292"]);
    assert!(settings.server.trusts_proxy_headers);
    assert_eq!(settings.stores.definitions.len(), 1);
    assert_eq!(settings.database.max_pool_size, Some(1));
    let unknown: Vec<_> = loaded
        .warnings
        .iter()
        .filter(|warning| {
            let is_unknown = matches!(warning, Warning::UnknownOption { .. });
            is_unknown || matches!(warning, Warning::UnknownSection { .. })
        })
        .map(Warning::to_string)
        .collect();
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    assert!(
        unknown[0].contains("use_forwarded_for"),
        "no option of Glance"
    );
    assert!(!format!("{loaded:?}").contains("SESAME"));
}
