//! The program `openstack`: image and cached image commands.
//!
//! A run goes through these modules: `args` reads what was typed, `cmd` does it through `vidimus_sdk`, `output` puts the
//! result into the form that was asked for. It is a library so that the tests reach the formatters; [`run`] is its only
//! entry.

mod args;
mod cmd;
mod console;
mod error;
mod logging;
pub mod output;
mod password;

use vidimus_sdk::{Client, CloudConfig, Environment, Overrides};

pub use error::{Error, Result};

use args::Globals;
use cmd::Context;
use console::Console;

const USER_AGENT: &str = concat!("openstack-vidimus/", env!("CARGO_PKG_VERSION"));

/// Runs the program with these arguments (without its own name) and returns its exit code.
///
/// Standard output gets data and nothing else, standard error all talk.
pub fn run(arguments: impl IntoIterator<Item = String>) -> u8 {
    let globals = match Globals::parse(arguments) {
        Ok(globals) => globals,
        Err(error) => return report(&error, false),
    };
    match run_with(&globals) {
        Ok(()) => 0,
        Err(error) => report(&error, globals.debug),
    }
}

/// Tells the user why the run ended, and returns the exit code.
fn report(error: &Error, debug: bool) -> u8 {
    match error {
        Error::UnknownCommand(text) => {
            // Standard output that is closed leaves the exit code as the only message.
            let _ = Console { verbosity: 1 }.print(text);
        }
        Error::Reported | Error::BrokenPipe | Error::Interrupted => {}
        other => {
            console::say(other);
            if debug {
                report_causes(other);
            }
        }
    }
    error.exit_code()
}

fn report_causes(error: &Error) {
    if let Error::Sdk(error) = error {
        console::say(format_args!(
            "{}: request id {}",
            error.class_name(),
            error.request_id().unwrap_or("unknown")
        ));
    }
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        console::say(format_args!("caused by: {error}"));
        cause = error.source();
    }
}

fn run_with(globals: &Globals) -> Result<()> {
    let console = Console {
        verbosity: globals.verbosity,
    };
    if globals.version {
        return console.print(&format!(
            "openstack {} (Vidimus)\n",
            env!("CARGO_PKG_VERSION")
        ));
    }
    if globals.rest.is_empty() {
        // Compat: openstackclient starts its interactive mode here, which this program has not.
        return cmd::print_help(console);
    }
    if globals.help {
        return cmd::print_help_on(&globals.rest, console);
    }
    let (command, arguments) = args::find(&globals.rest)?;
    let action = command.parse(arguments)?;
    if let Some(done) = cmd::run_offline(&action, console) {
        return done;
    }
    let timings = logging::start(globals)?;
    let environment = Environment::of_process();
    let client = connect(globals, &environment)?;
    let max_width = environment.get("CLIFF_MAX_TERM_WIDTH").map(str::to_owned);
    let is_table = action.prints_table();
    let context = Context {
        client,
        console,
        max_width,
    };
    // One connection and one file at a time: more threads would only take longer to start.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Failed(format!("the program cannot start: {error}")))?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = cmd::run(action, &context) => done,
            _ = tokio::signal::ctrl_c() => Err(Error::Interrupted),
        }
    });
    // A read from a terminal or pipe that nobody ends must not hold up the exit.
    runtime.shutdown_background();
    if globals.timing {
        console.print(&timings.render(is_table)?)?;
    }
    done
}

fn connect(globals: &Globals, environment: &Environment) -> Result<Client> {
    let mut overrides = Overrides::default();
    for (name, value) in &globals.config {
        overrides.set(name, value.as_str());
    }
    let mut config = CloudConfig::load(&overrides, environment)?;
    if config.needs_password() {
        config.set_password(password::ask()?);
    }
    config.user_agent = USER_AGENT.to_owned();
    Ok(Client::connect(&config)?)
}
