//! What the program does for each of its subcommands. Standard output is for answers, standard error for talk.

mod cache;
mod check_config;
mod db;
mod log;
mod metadefs;
mod openapi;
mod scrub;
mod serve;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{
    boot::BootError,
    config::{Loaded, Settings},
};

/// The image service.
#[derive(Debug, Parser)]
#[command(
    name = "vidimus",
    version,
    about = "The OpenStack image service: registers, stores, caches and serves disk images"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the Image API.
    Serve(serve::ServeArgs),
    /// Look after the metadata database.
    Db(db::DbArgs),
    /// Look after this node's image cache.
    Cache(cache::CacheArgs),
    /// Remove the data of deleted images that have waited long enough, or bring one back.
    Scrub(scrub::ScrubArgs),
    /// Read the configuration, say what is wrong with it and what will not be acted on.
    CheckConfig(ConfigArgs),
    /// Print the OpenAPI document of the server, as it serves it at /openapi.json.
    Openapi(ConfigArgs),
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgs {
    /// A configuration file as Glance reads it; later ones win [default: none, everything below the data folder]
    #[arg(long = "config-file", value_name = "FILE")]
    config_files: Vec<PathBuf>,
    /// A folder whose *.conf files are read after the files
    #[arg(long = "config-dir", value_name = "DIR")]
    config_dirs: Vec<PathBuf>,
    /// Folder for database, images and cache where no configuration file is given
    #[arg(long, value_name = "DIR", default_value = "vidimus-data")]
    data_dir: PathBuf,
}

impl ConfigArgs {
    fn is_embedded(&self) -> bool {
        self.config_files.is_empty() && self.config_dirs.is_empty()
    }

    /// Reads the configuration. Relative policy files, `schema-image.json` and `ovf-metadata.json` are looked for
    /// beside the first configuration file.
    fn load(&self) -> Result<Loaded, BootError> {
        let environment = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        let loaded = if self.is_embedded() {
            Settings::embedded(&self.data_dir, environment)
        } else {
            Settings::load(&self.config_files, &self.config_dirs, environment)
        };
        let mut loaded =
            loaded.map_err(|error| BootError::new("the configuration cannot be used", error))?;
        let beside = match self.config_files.first() {
            Some(file) => file.parent().map(PathBuf::from).unwrap_or_default(),
            None => self.config_dirs.first().unwrap_or(&self.data_dir).clone(),
        };
        let policy = &mut loaded.settings.policy;
        policy.file = beside.join(&policy.file);
        for dir in &mut policy.dirs {
            *dir = beside.join(&*dir);
        }
        let images = &mut loaded.settings.images;
        images.property_protection_file = images
            .property_protection_file
            .take()
            .map(|file| beside.join(file));
        let schema_file = beside.join("schema-image.json");
        // Without a configuration nobody expects the file, and its absence is not worth a warning.
        if !self.is_embedded() || schema_file.exists() {
            images.schema_file = Some(schema_file);
        }
        let ovf_metadata = beside.join("ovf-metadata.json");
        loaded.settings.imports.ovf_metadata = Some(ovf_metadata).filter(|file| file.exists());
        Ok(loaded)
    }
}

/// Runs the subcommand; `Ok` is the exit code.
pub(crate) fn run(cli: Cli) -> Result<u8, BootError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| BootError::new("the runtime cannot start", error))?;
    match cli.command {
        Command::Serve(args) => runtime.block_on(serve::run(args)),
        Command::Db(args) => runtime.block_on(db::run(args)),
        Command::Cache(args) => runtime.block_on(cache::run(args)),
        Command::Scrub(args) => runtime.block_on(scrub::run(args)),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Openapi(args) => openapi::run(&args),
    }
}

/// Prints a line of an answer. A reader that went away ends the program quietly.
fn say(line: &str) {
    use std::io::Write;
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(141);
    }
}
