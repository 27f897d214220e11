//! `vidimus cache`: the upkeep of this node's cache from the command line.
//!
//! A running server owns the folder, so then it is asked over HTTP to do the work. Where none is running the folder is
//! opened here; the work itself is the same code either way.

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::Value;
use vidimus_auth::Context;
use vidimus_service::ImageService;
use vidimus_types::{CacheState, ClearTarget, ImageId};

use super::{ConfigArgs, say};
use crate::{
    boot::{self, BootError},
    config::{PLAIN, Tls, UNIX},
    local_call::{LocalAnswer, call},
};

#[derive(Debug, Args)]
pub(super) struct CacheArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The server to ask, if it is running [default: the first configured address without TLS, or else the first but sockets]
    #[arg(long, value_name = "ADDR:PORT")]
    server: Option<String>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List cached and queued images
    List,
    /// Queue an image to be cached
    Queue {
        /// The image
        id: ImageId,
    },
    /// Remove an image from cache and queue
    Delete {
        /// The image
        id: ImageId,
    },
    /// Empty the cache, the queue, or both
    Clear {
        /// What to empty
        #[arg(long, value_enum, default_value_t = Target::Both)]
        target: Target,
    },
    /// Evict until the cache is within its limit
    Prune,
    /// Remove what failed and stalled fetches left
    Clean,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Target {
    Both,
    Cache,
    Queue,
}

impl From<Target> for ClearTarget {
    fn from(target: Target) -> Self {
        match target {
            Target::Both => Self::Both,
            Target::Cache => Self::Cache,
            Target::Queue => Self::Queue,
        }
    }
}

pub(super) async fn run(args: CacheArgs) -> Result<u8, BootError> {
    let settings = args.config.load()?.settings;
    let listen = &settings.server.listen;
    // Where clients need certificates, this command has none.
    let plain = listen.iter().find(|address| address.starts_with(PLAIN));
    let tcp = listen.iter().find(|address| !address.starts_with(UNIX));
    let server = args
        .server
        .as_ref()
        .or(plain)
        .or(tcp)
        .or(listen.first())
        .cloned()
        .unwrap_or_default();
    if let Some(answer) = ask(&server, settings.server.tls.as_ref(), &args.action).await {
        return show(
            &args.action,
            &answer.map_err(|error| {
                BootError::new(format!("the server at `{server}` refused"), error)
            })?,
        );
    }
    if args.server.is_some() {
        return Err(BootError::new(
            "no server answers",
            format!("`{server}` is not listening"),
        ));
    }
    let service = boot::cache_keeper(&settings).await.map_err(|error| {
        let what = format!(
            "no server answers at `{server}` (is there one elsewhere? name it with --server)"
        );
        BootError::new(what, error)
    })?;
    let outcome = work(&service, &args.action)
        .await
        .map_err(|error| BootError::new("the cache did not do it", error))?;
    service.shut_down().await;
    show(&args.action, &outcome)
}

/// The answer of a running server, or `None` if there is none.
async fn ask(server: &str, tls: Option<&Tls>, action: &Action) -> Option<Result<Value, String>> {
    let (method, path, target) = match action {
        Action::List => (Method::GET, "/v2/cache".to_owned(), None),
        Action::Queue { id } => (Method::PUT, format!("/v2/cache/{id}"), None),
        Action::Delete { id } => (Method::DELETE, format!("/v2/cache/{id}"), None),
        Action::Clear { target } => (
            Method::DELETE,
            "/v2/cache".to_owned(),
            ClearTarget::from(*target).header_value(),
        ),
        Action::Prune => (Method::POST, "/v2/cache/prune".to_owned(), None),
        Action::Clean => (Method::POST, "/v2/cache/clean".to_owned(), None),
    };
    let headers = target.map(|target| (ClearTarget::HEADER, target));
    match call(server, tls, method, &path, headers).await {
        LocalAnswer::NoServer => None,
        LocalAnswer::Ok(body) => Some(Ok(body)),
        LocalAnswer::Refused(reason) => Some(Err(reason)),
    }
}

async fn work(service: &ImageService, action: &Action) -> vidimus_service::Result<Value> {
    let ctx = Context::worker("command line");
    Ok(match action {
        Action::List => serde_json::to_value(service.list_cache(&ctx).await?).unwrap_or_default(),
        Action::Queue { id } => service.queue_image(&ctx, id).await.map(|()| Value::Null)?,
        Action::Delete { id } => service
            .delete_cached_image(&ctx, id)
            .await
            .map(|()| Value::Null)?,
        Action::Clear { target } => service
            .clear_cache(&ctx, (*target).into())
            .await
            .map(|_| Value::Null)?,
        Action::Prune => serde_json::to_value(service.prune_cache(&ctx).await?).unwrap_or_default(),
        Action::Clean => service.clean_cache(&ctx).await.map(|()| Value::Null)?,
    })
}

fn show(action: &Action, outcome: &Value) -> Result<u8, BootError> {
    match action {
        Action::List => {
            let state: CacheState = serde_json::from_value(outcome.clone()).map_err(|error| {
                BootError::new("the answer of the server cannot be read", error)
            })?;
            for image in &state.cached_images {
                say(&format!(
                    "{} cached {} bytes, {} hits",
                    image.image_id, image.size, image.hits
                ));
            }
            for id in &state.queued_images {
                say(&format!("{id} queued"));
            }
        }
        Action::Prune => say(&format!(
            "{} images pruned, {} bytes freed",
            outcome["total_files_pruned"], outcome["total_bytes_pruned"]
        )),
        Action::Queue { .. } | Action::Delete { .. } | Action::Clear { .. } | Action::Clean => {}
    }
    Ok(0)
}
