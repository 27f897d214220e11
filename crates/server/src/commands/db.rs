//! `vidimus db`.

use clap::{Args, Subcommand};
use vidimus_db::{SCHEMA_VERSION, Synced};

use super::{ConfigArgs, metadefs, say};
use crate::boot::{self, BootError};

#[derive(Debug, Args)]
pub(super) struct DbArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create the tables, or say that they are there; add the indexes of ours that are not
    Sync,
    /// Print the version of the schema
    Version,
    /// Exit 0 if the schema is the one this program works on, 3 if not
    Check,
    /// Load metadata definitions from files
    #[command(alias = "load_metadefs")]
    LoadMetadefs(metadefs::LoadArgs),
    /// Delete all metadata definitions
    #[command(alias = "unload_metadefs")]
    UnloadMetadefs,
    /// Save all metadata definitions in files
    #[command(alias = "export_metadefs")]
    ExportMetadefs(metadefs::ExportArgs),
}

/// Compat: glance-manage's exit code for "expand is needed", the first step of an upgrade.
const NEEDS_UPGRADE: u8 = 3;

pub(super) async fn run(args: DbArgs) -> Result<u8, BootError> {
    let settings = args.config.load()?.settings;
    if args.config.is_embedded() {
        boot::create_dir(&args.config.data_dir)?;
    }
    let db = boot::database(&settings).await?;
    let failed = |error| BootError::new("the schema of the database cannot be used", error);
    match args.action {
        Action::Sync => {
            match db.sync().await.map_err(failed)? {
                Synced::Created => say("Database is synced successfully."),
                Synced::UpToDate => say("Database is up to date. No migrations needed."),
            }
            let added = db.add_indexes().await.map_err(failed)?;
            if !added.is_empty() {
                say(&format!(
                    "Added {} indexes for lists; Glance works on with them.",
                    added.len()
                ));
            }
        }
        Action::Version => say(db
            .version()
            .await
            .map_err(failed)?
            .as_deref()
            .unwrap_or("none")),
        Action::Check => {
            let found = db.version().await.map_err(failed)?;
            if found.as_deref() != Some(SCHEMA_VERSION) {
                say(&format!(
                    "Database is at `{}`, this program works on `{SCHEMA_VERSION}`. Run `vidimus db sync` on an empty database, or upgrade an old one with `glance-manage db sync`.",
                    found.as_deref().unwrap_or("none")
                ));
                return Ok(NEEDS_UPGRADE);
            }
            say("Database is up to date. No upgrades needed.");
        }
        Action::LoadMetadefs(args) => {
            db.sync().await.map_err(failed)?;
            return metadefs::load(&db, &args).await;
        }
        Action::UnloadMetadefs => {
            db.sync().await.map_err(failed)?;
            return metadefs::unload(&db).await;
        }
        Action::ExportMetadefs(args) => {
            db.sync().await.map_err(failed)?;
            return metadefs::export(&db, &args).await;
        }
    }
    Ok(0)
}
