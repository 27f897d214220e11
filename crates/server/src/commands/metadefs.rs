//! `vidimus db load-metadefs`, `unload-metadefs` and `export-metadefs`.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use clap::Args;
use vidimus_db::{Db, LoadMode, LoadOutcome};
use vidimus_service::metadefs::{exported_namespace, namespace_from_file};

use super::say;
use crate::boot::{self, BootError};

/// Where Glance's packages put the files.
const DEFAULT_PATH: &str = "/etc/glance/metadefs";

#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    /// A JSON file, or a folder whose *.json files are loaded
    #[arg(long, value_name = "PATH", default_value = DEFAULT_PATH)]
    path: PathBuf,
    /// Add to namespaces that are there already, which are left alone otherwise
    #[arg(long)]
    merge: bool,
    /// With --merge: overwrite what a namespace has with what the file has
    #[arg(
        long,
        alias = "prefer_new",
        requires = "merge",
        conflicts_with = "overwrite"
    )]
    prefer_new: bool,
    /// With --merge: delete a namespace that is there before loading it
    #[arg(long, requires = "merge")]
    overwrite: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The folder to write one JSON file per namespace into
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PATH)]
    path: PathBuf,
}

impl LoadArgs {
    fn mode(&self) -> LoadMode {
        match (self.merge, self.prefer_new, self.overwrite) {
            (true, true, _) => LoadMode::PreferNew,
            (true, _, true) => LoadMode::Overwrite,
            (true, false, false) => LoadMode::Merge,
            (false, ..) => LoadMode::Skip,
        }
    }
}

/// Loads every file that can be loaded. Compat, stricter: one that cannot makes the exit code 1, where Glance only logs.
pub(super) async fn load(db: &Db, args: &LoadArgs) -> Result<u8, BootError> {
    let files = files(&args.path)?;
    if files.is_empty() {
        return Err(BootError::new(
            "nothing to load",
            format!("there are no JSON files in `{}`", args.path.display()),
        ));
    }
    let mut exit = 0;
    for file in files {
        match load_file(db, &file, args.mode()).await {
            Ok((namespace, LoadOutcome::Loaded)) => say(&format!("{namespace} loaded")),
            Ok((namespace, LoadOutcome::Merged)) => say(&format!("{namespace} merged")),
            Ok((namespace, LoadOutcome::Skipped)) => {
                say(&format!("{namespace} skipped: it is there already"));
            }
            Err(cause) => {
                say(&format!("{} not loaded: {cause}", file.display()));
                exit = 1;
            }
        }
    }
    Ok(exit)
}

async fn load_file(
    db: &Db,
    file: &Path,
    mode: LoadMode,
) -> Result<(String, LoadOutcome), Box<dyn std::error::Error>> {
    let new = namespace_from_file(&std::fs::read(file)?)?;
    let outcome = db.metadefs().load(&new, mode).await?;
    Ok((new.fields.namespace, outcome))
}

fn files(path: &Path) -> Result<Vec<PathBuf>, BootError> {
    let unreadable = |cause| BootError::new(format!("`{}` cannot be read", path.display()), cause);
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "json")
            && file.is_file()
        {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

pub(super) async fn unload(db: &Db) -> Result<u8, BootError> {
    let unloaded = db.metadefs().unload().await;
    unloaded.map_err(|cause| BootError::new("the definitions cannot be deleted", cause))?;
    Ok(0)
}

pub(super) async fn export(db: &Db, args: &ExportArgs) -> Result<u8, BootError> {
    boot::create_dir(&args.path)?;
    let failed = |cause| BootError::new("the definitions cannot be read", cause);
    let mut names = HashSet::new();
    for namespace in db.metadefs().all_namespaces().await.map_err(failed)? {
        let content = db.metadefs().content(&namespace).await.map_err(failed)?;
        let title = namespace.display_name.as_deref();
        let name = file_name(title, &namespace.namespace, &mut names);
        let file = args.path.join(name);
        let mut text = serde_json::to_string_pretty(&exported_namespace(&namespace, &content))
            .map_err(|cause| BootError::new("a definition cannot be written", cause))?;
        text.push('\n');
        std::fs::write(&file, text).map_err(|cause| {
            BootError::new(format!("`{}` cannot be written", file.display()), cause)
        })?;
        say(&format!(
            "{} saved in {}",
            namespace.namespace,
            file.display()
        ));
    }
    Ok(0)
}

/// A name no other namespace's file has. Compat: the letters and digits of the name for people, as Glance would call it.
fn file_name(title: Option<&str>, namespace: &str, taken: &mut HashSet<String>) -> String {
    let letters = |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).collect() };
    let mut stem = title.map(letters).filter(|stem| !stem.is_empty());
    let fallback = Some(letters(namespace)).filter(|stem| !stem.is_empty());
    if stem.as_ref().is_none_or(|stem| taken.contains(stem)) {
        stem = fallback;
    }
    let stem = stem.unwrap_or_else(|| "namespace".to_owned());
    let mut unique = stem.clone();
    let mut number = 2;
    while !taken.insert(unique.clone()) {
        unique = format!("{stem}{number}");
        number += 1;
    }
    format!("{unique}.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_do_not_overwrite_each_other() {
        let mut taken = HashSet::new();
        let mut name = |title, namespace| file_name(title, namespace, &mut taken);
        assert_eq!(name(Some("CPU Pinning!"), "OS::A"), "CPUPinning.json");
        assert_eq!(name(Some("CPU/Pinning"), "OS::B"), "OSB.json");
        assert_eq!(name(None, "OS::B"), "OSB2.json");
        assert_eq!(name(Some("..//"), "/"), "namespace.json");
    }
}
