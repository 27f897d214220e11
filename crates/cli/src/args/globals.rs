//! The options that hold for all commands and may stand anywhere on the command line.

use clap::Arg;

use super::usage;
use crate::error::Result;

/// What an option does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Version,
    Verbose,
    Quiet,
    Help,
    Debug,
    Timing,
    LogFile,
    Verify,
    Insecure,
    /// Accepted, without meaning here.
    IgnoredFlag,
    /// Accepted with its value, without meaning here.
    IgnoredValue,
    /// Goes to the configuration under this name.
    Config(&'static str),
}

impl Kind {
    fn takes_value(self) -> bool {
        matches!(self, Self::LogFile | Self::IgnoredValue | Self::Config(_))
    }
}

/// One row of the table.
struct Row {
    long: &'static str,
    short: Option<char>,
    kind: Kind,
    help: &'static str,
}

const fn row(long: &'static str, kind: Kind, help: &'static str) -> Row {
    Row {
        long,
        short: None,
        kind,
        help,
    }
}

const fn short(short: char, long: &'static str, kind: Kind, help: &'static str) -> Row {
    Row {
        long,
        short: Some(short),
        kind,
        help,
    }
}

const HIDDEN: &str = "";

const ROWS: &[Row] = &[
    row("version", Kind::Version, "Print the version and exit"),
    short(
        'v',
        "verbose",
        Kind::Verbose,
        "Say more; give it twice for each request",
    ),
    short('q', "quiet", Kind::Quiet, "Say nothing but errors"),
    short('h', "help", Kind::Help, "Print help and exit"),
    row(
        "debug",
        Kind::Debug,
        "Say everything, and the causes of an error",
    ),
    row(
        "log-file",
        Kind::LogFile,
        "Append what is said to this file, too",
    ),
    row("timing", Kind::Timing, "Print how long each request took"),
    row(
        "os-cloud",
        Kind::Config("cloud"),
        "Cloud in clouds.yaml (Env: OS_CLOUD)",
    ),
    row(
        "os-region-name",
        Kind::Config("region_name"),
        "Region (Env: OS_REGION_NAME)",
    ),
    row(
        "os-interface",
        Kind::Config("interface"),
        "Interface: admin, public or internal (Env: OS_INTERFACE)",
    ),
    row(
        "os-cacert",
        Kind::Config("cacert"),
        "File of the certificates to trust (Env: OS_CACERT)",
    ),
    row(
        "os-cert",
        Kind::Config("cert"),
        "File of the client's certificate (Env: OS_CERT)",
    ),
    row(
        "os-key",
        Kind::Config("key"),
        "File of the client's key (Env: OS_KEY)",
    ),
    row(
        "verify",
        Kind::Verify,
        "Check the server's certificate (default)",
    ),
    row(
        "insecure",
        Kind::Insecure,
        "Do not check the server's certificate",
    ),
    row(
        "os-image-endpoint-override",
        Kind::Config("image_endpoint_override"),
        "Image endpoint instead of the catalog's (Env: OS_IMAGE_ENDPOINT_OVERRIDE)",
    ),
    row(
        "os-image-api-version",
        Kind::Config("image_api_version"),
        "Version of the Image API (Env: OS_IMAGE_API_VERSION)",
    ),
    row(
        "os-identity-api-version",
        Kind::Config("identity_api_version"),
        "Version of the Identity API (Env: OS_IDENTITY_API_VERSION)",
    ),
    row(
        "os-auth-type",
        Kind::Config("auth_type"),
        "How to authenticate (Env: OS_AUTH_TYPE)",
    ),
    row(
        "os-auth-url",
        Kind::Config("auth_url"),
        "URL of the Identity service (Env: OS_AUTH_URL)",
    ),
    row(
        "os-domain-id",
        Kind::Config("domain_id"),
        "Domain to act on, by id (Env: OS_DOMAIN_ID)",
    ),
    row(
        "os-domain-name",
        Kind::Config("domain_name"),
        "Domain to act on, by name (Env: OS_DOMAIN_NAME)",
    ),
    row(
        "os-project-id",
        Kind::Config("project_id"),
        "Project's id (Env: OS_PROJECT_ID)",
    ),
    row(
        "os-project-name",
        Kind::Config("project_name"),
        "Project's name (Env: OS_PROJECT_NAME)",
    ),
    row(
        "os-project-domain-id",
        Kind::Config("project_domain_id"),
        "Id of the project's domain (Env: OS_PROJECT_DOMAIN_ID)",
    ),
    row(
        "os-project-domain-name",
        Kind::Config("project_domain_name"),
        "Name of the project's domain (Env: OS_PROJECT_DOMAIN_NAME)",
    ),
    row(
        "os-system-scope",
        Kind::Config("system_scope"),
        "`all` to act on the whole deployment (Env: OS_SYSTEM_SCOPE)",
    ),
    row(
        "os-trust-id",
        Kind::Config("trust_id"),
        "Trust to act under (Env: OS_TRUST_ID)",
    ),
    row(
        "os-default-domain-id",
        Kind::Config("default_domain_id"),
        "The same, by id (Env: OS_DEFAULT_DOMAIN_ID)",
    ),
    row(
        "os-default-domain-name",
        Kind::Config("default_domain_name"),
        "The same, by name (Env: OS_DEFAULT_DOMAIN_NAME)",
    ),
    row(
        "os-user-id",
        Kind::Config("user_id"),
        "User's id (Env: OS_USER_ID)",
    ),
    row(
        "os-username",
        Kind::Config("username"),
        "User's name (Env: OS_USERNAME)",
    ),
    row(
        "os-user-domain-id",
        Kind::Config("user_domain_id"),
        "Id of the user's domain (Env: OS_USER_DOMAIN_ID)",
    ),
    row(
        "os-user-domain-name",
        Kind::Config("user_domain_name"),
        "Name of the user's domain (Env: OS_USER_DOMAIN_NAME)",
    ),
    row(
        "os-password",
        Kind::Config("password"),
        "User's password (Env: OS_PASSWORD)",
    ),
    row(
        "os-token",
        Kind::Config("token"),
        "Token to use (Env: OS_TOKEN)",
    ),
    row(
        "os-endpoint",
        Kind::Config("endpoint"),
        "Endpoint, with the types none and admin_token (Env: OS_ENDPOINT)",
    ),
    row(
        "os-application-credential-secret",
        Kind::Config("application_credential_secret"),
        "Its secret (Env: OS_APPLICATION_CREDENTIAL_SECRET)",
    ),
    row(
        "os-application-credential-id",
        Kind::Config("application_credential_id"),
        "Application credential, by id (Env: OS_APPLICATION_CREDENTIAL_ID)",
    ),
    row(
        "os-application-credential-name",
        Kind::Config("application_credential_name"),
        "Application credential, by name (Env: OS_APPLICATION_CREDENTIAL_NAME)",
    ),
    row(
        "os-default-domain",
        Kind::Config("default_domain"),
        "Domain of names without one (Env: OS_DEFAULT_DOMAIN)",
    ),
    row("os-tenant-name", Kind::Config("project_name"), HIDDEN),
    row("os-tenant-id", Kind::Config("project_id"), HIDDEN),
    // Other services and ways of signing in: accepted, so that a wrapper that always passes them keeps working. A way
    // of signing in that is chosen and not known is refused by the configuration.
    row("os-beta-command", Kind::IgnoredFlag, HIDDEN),
    row("os-profile", Kind::IgnoredValue, HIDDEN),
    row("os-endpoint-override", Kind::IgnoredValue, HIDDEN),
    row("os-accelerator-api-version", Kind::IgnoredValue, HIDDEN),
    row("os-compute-api-version", Kind::IgnoredValue, HIDDEN),
    row("os-network-api-version", Kind::IgnoredValue, HIDDEN),
    row("os-object-api-version", Kind::IgnoredValue, HIDDEN),
    row("os-volume-api-version", Kind::IgnoredValue, HIDDEN),
    row("os-share-api-version", Kind::IgnoredValue, HIDDEN),
    row("os-key-manager-api-version", Kind::IgnoredValue, HIDDEN),
    row(
        "os-service-provider",
        Kind::Config("service_provider"),
        HIDDEN,
    ),
    row(
        "os-remote-project-name",
        Kind::Config("remote_project_name"),
        HIDDEN,
    ),
    row(
        "os-remote-project-id",
        Kind::Config("remote_project_id"),
        HIDDEN,
    ),
    row(
        "os-remote-project-domain-name",
        Kind::Config("remote_project_domain_name"),
        HIDDEN,
    ),
    row(
        "os-remote-project-domain-id",
        Kind::Config("remote_project_domain_id"),
        HIDDEN,
    ),
    row("os-passcode", Kind::Config("passcode"), HIDDEN),
    row("os-auth-methods", Kind::Config("auth_methods"), HIDDEN),
    row(
        "os-identity-provider",
        Kind::Config("identity_provider"),
        HIDDEN,
    ),
    row("os-protocol", Kind::Config("protocol"), HIDDEN),
    row("os-redirect-host", Kind::Config("redirect_host"), HIDDEN),
    row("os-redirect-port", Kind::Config("redirect_port"), HIDDEN),
    row("os-login-timeout", Kind::Config("login_timeout"), HIDDEN),
    row("os-client-id", Kind::Config("client_id"), HIDDEN),
    row("os-client-secret", Kind::Config("client_secret"), HIDDEN),
    row("os-openid-scope", Kind::Config("openid_scope"), HIDDEN),
    row("os-access-token", Kind::Config("access_token"), HIDDEN),
    row(
        "os-access-token-type",
        Kind::Config("access_token_type"),
        HIDDEN,
    ),
    row(
        "os-access-token-endpoint",
        Kind::Config("access_token_endpoint"),
        HIDDEN,
    ),
    row(
        "os-discovery-endpoint",
        Kind::Config("discovery_endpoint"),
        HIDDEN,
    ),
    row(
        "os-device-authorization-endpoint",
        Kind::Config("device_authorization_endpoint"),
        HIDDEN,
    ),
    row(
        "os-code-challenge-method",
        Kind::Config("code_challenge_method"),
        HIDDEN,
    ),
    row(
        "os-oauth2-endpoint",
        Kind::Config("oauth2_endpoint"),
        HIDDEN,
    ),
    row(
        "os-oauth2-client-id",
        Kind::Config("oauth2_client_id"),
        HIDDEN,
    ),
    row(
        "os-oauth2-client-secret",
        Kind::Config("oauth2_client_secret"),
        HIDDEN,
    ),
    row("os-idp-otp-key", Kind::Config("idp_otp_key"), HIDDEN),
    row("os-redirect-uri", Kind::Config("redirect_uri"), HIDDEN),
    row("os-code", Kind::Config("code"), HIDDEN),
];

/// What the global options said.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Globals {
    /// Names and values for the configuration, in the order given. They may hold secrets, hence no `Debug`.
    pub(crate) config: Vec<(&'static str, String)>,
    /// 0 for errors only, 1 for warnings too, 2 for what happens, 3 for everything.
    pub(crate) verbosity: u8,
    pub(crate) debug: bool,
    pub(crate) timing: bool,
    pub(crate) log_file: Option<String>,
    pub(crate) version: bool,
    pub(crate) help: bool,
    /// What was not a global option, in its order.
    pub(crate) rest: Vec<String>,
}

impl Globals {
    /// Takes the global options out of the arguments.
    ///
    /// Compat: argparse's `parse_known_args`. Names may be shortened as far as they stay unique among the global ones, and
    /// that goes before the command's own options: `--l` is `--log-file` also behind `image list`.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut globals = Self {
            config: Vec::new(),
            verbosity: 1,
            debug: false,
            timing: false,
            log_file: None,
            version: false,
            help: false,
            rest: Vec::new(),
        };
        let (mut is_verbose, mut is_quiet, mut is_verified, mut is_insecure) =
            (0_u8, false, false, false);
        let mut arguments = arguments.into_iter().peekable();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                globals.rest.push(argument);
                globals.rest.extend(arguments.by_ref());
                break;
            }
            let Some(found) = Match::of(&argument)? else {
                globals.rest.push(argument);
                continue;
            };
            let value = match (found.row.kind.takes_value(), found.value) {
                (false, None) => String::new(),
                (false, Some(value)) => {
                    return Err(error(&format!(
                        "argument {}: ignored explicit argument '{value}'",
                        name(found.row)
                    )));
                }
                (true, Some(value)) => value,
                (true, None) => arguments
                    .next_if(|next| !looks_like_option(next))
                    .ok_or_else(|| {
                        error(&format!(
                            "argument {}: expected one argument",
                            name(found.row)
                        ))
                    })?,
            };
            match found.row.kind {
                Kind::Version => globals.version = true,
                Kind::Help => globals.help = true,
                Kind::Debug => globals.debug = true,
                Kind::Timing => globals.timing = true,
                Kind::LogFile => globals.log_file = Some(value),
                Kind::Verbose => is_verbose = is_verbose.saturating_add(found.times),
                Kind::Quiet => is_quiet = true,
                Kind::Verify => is_verified = true,
                Kind::Insecure => is_insecure = true,
                Kind::IgnoredFlag | Kind::IgnoredValue => {}
                Kind::Config(key) => {
                    if key == "interface"
                        && !["admin", "public", "internal"].contains(&value.as_str())
                    {
                        return Err(error(&format!(
                            "argument --os-interface: invalid choice: '{value}' (choose from 'admin', 'public', 'internal')"
                        )));
                    }
                    globals.config.push((key, value));
                }
            }
        }
        if is_verbose > 0 && is_quiet {
            return Err(error(
                "argument -q/--quiet: not allowed with argument -v/--verbose",
            ));
        }
        if is_verified && is_insecure {
            return Err(error(
                "argument --insecure: not allowed with argument --verify",
            ));
        }
        match (is_verified, is_insecure) {
            (true, _) => globals.config.push(("verify", "true".to_owned())),
            (_, true) => globals.config.push(("insecure", "true".to_owned())),
            _ => {}
        }
        globals.verbosity = match (globals.debug, is_quiet) {
            (true, _) => 3,
            (_, true) => 0,
            _ => 1 + is_verbose.min(2),
        };
        Ok(globals)
    }
}

/// A global option found in an argument.
struct Match {
    row: &'static Row,
    value: Option<String>,
    /// How often a short option stands in the argument.
    times: u8,
}

impl Match {
    fn of(argument: &str) -> Result<Option<Self>> {
        let Some(long) = argument.strip_prefix("--") else {
            return Ok(Self::of_short(argument));
        };
        let (typed, value) = match long.split_once('=') {
            Some((typed, value)) => (typed, Some(value.to_owned())),
            None => (long, None),
        };
        let found = |row| {
            Ok(Some(Self {
                row,
                value: value.clone(),
                times: 1,
            }))
        };
        if let Some(row) = ROWS.iter().find(|row| row.long == typed) {
            return found(row);
        }
        let candidates: Vec<&Row> = ROWS
            .iter()
            .filter(|row| row.long.starts_with(typed))
            .collect();
        match candidates.as_slice() {
            [] => Ok(None),
            [row] => found(row),
            several => {
                let names: Vec<String> = several
                    .iter()
                    .map(|row| format!("--{}", row.long))
                    .collect();
                Err(error(&format!(
                    "ambiguous option: {argument} could match {}",
                    names.join(", ")
                )))
            }
        }
    }

    /// `-v`, `-vv`, `-q`, `-h`.
    fn of_short(argument: &str) -> Option<Self> {
        let letters = argument.strip_prefix('-')?;
        let first = letters.chars().next()?;
        let row = ROWS.iter().find(|row| row.short == Some(first))?;
        let is_repeated = letters.chars().all(|letter| letter == first);
        let times = u8::try_from(letters.len()).unwrap_or(u8::MAX);
        is_repeated.then_some(Self {
            row,
            value: None,
            times,
        })
    }
}

/// Compat: argparse takes an argument with a blank in it for a value whatever it starts with.
fn looks_like_option(argument: &str) -> bool {
    argument.len() > 1
        && argument.starts_with('-')
        && !argument.contains(' ')
        && argument.parse::<f64>().is_err()
}

fn name(row: &Row) -> String {
    match row.short {
        Some(short) => format!("-{short}/--{}", row.long),
        None => format!("--{}", row.long),
    }
}

fn error(reason: &str) -> crate::error::Error {
    usage::error(
        "openstack",
        "usage: openstack [options] <command> [arguments]",
        reason,
    )
}

/// The global options for `--help` and for shell completion.
pub(crate) fn help_arguments() -> impl Iterator<Item = Arg> {
    ROWS.iter().map(|row| {
        let mut arg = Arg::new(row.long)
            .long(row.long)
            .help(row.help)
            .hide(row.help.is_empty());
        if let Some(short) = row.short {
            arg = arg.short(short);
        }
        arg.action(if row.kind.takes_value() {
            clap::ArgAction::Set
        } else {
            clap::ArgAction::SetTrue
        })
        .value_name("value")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Globals> {
        Globals::parse(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn options_are_found_before_and_behind_the_command() {
        let globals = parse("--os-cloud a image list --long --os-token=t -vv -f json")
            .unwrap_or_else(|_| panic!());
        assert_eq!(
            globals.config,
            [("cloud", "a".to_owned()), ("token", "t".to_owned())]
        );
        assert_eq!(globals.verbosity, 3);
        assert_eq!(globals.rest, ["image", "list", "--long", "-f", "json"]);
    }

    #[test]
    fn names_may_be_shortened_while_they_are_unique() {
        assert_eq!(
            parse("--os-cl a").unwrap_or_else(|_| panic!()).config.len(),
            0
        );
    }

    #[test]
    fn nothing_behind_two_hyphens_is_an_option() {
        let globals = parse("image show -- --debug").unwrap_or_else(|_| panic!());
        assert!(!globals.debug);
        assert_eq!(globals.rest, ["image", "show", "--", "--debug"]);
    }

    #[test]
    fn a_missing_value_is_an_error() {
        for line in [
            "--os-cloud",
            "--os-cloud --debug",
            "--os-interface private",
            "-v -q",
            "--debug=1",
            "--os-p x",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
