//! `vidimus serve`.

use std::sync::Arc;

use clap::Args;

use super::{ConfigArgs, log, say};
use crate::{
    boot::{self, BootError, boot},
    config::{AuthMode, Settings},
    serve::{Listener, reload_on_signal, serve, stop_signal},
    tls::Tls,
};

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Address to listen on, instead of the configured ones: ADDR:PORT, port 0 for any free one, http://ADDR:PORT for no TLS there, or
    /// unix:PATH
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// Listen on addresses other machines can reach although every caller is an admin
    #[arg(long)]
    allow_unauthenticated_remote: bool,
}

pub(super) async fn run(args: ServeArgs) -> Result<u8, BootError> {
    let loaded = args.config.load()?;
    let mut settings = loaded.settings;
    if !args.listen.is_empty() {
        settings.server.listen = args.listen;
    }
    settings.auth.allow_unauthenticated_remote |= args.allow_unauthenticated_remote;
    settings
        .check_exposure()
        .map_err(|error| BootError::new("the server would be open to everybody", error))?;
    log::start(&settings.log)?;
    // The allocator asks for huge pages, of which each thread then has a few that are nearly empty: twice the memory, and
    // not measurably faster. A kernel that cannot do without them goes on with them.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    for warning in &loaded.warnings {
        tracing::warn!("configuration: {warning}");
    }
    if args.config.is_embedded() {
        boot::create_dir(&args.config.data_dir)?;
    }

    // Bound before anything is opened: a second server on the same address must not touch the first one's data.
    let tls = match &settings.server.tls {
        Some(tls) => Some(Arc::new(Tls::load(
            tls.clone(),
            settings.server.header_timeout,
        )?)),
        None => None,
    };
    if let Some(tls) = &tls {
        reload_on_signal(Arc::clone(tls));
    }
    let listeners = bind(&settings, tls.as_ref()).await?;
    let own_url = listeners.first().map(Listener::url).unwrap_or_default();
    let app = boot(&settings, &own_url).await?;
    let service = app.service.clone();
    let workers = service.start_workers();

    for listener in &listeners {
        say(&format!(
            "vidimus {} listens on {}",
            env!("CARGO_PKG_VERSION"),
            listener.url()
        ));
    }
    if args.config.is_embedded() && settings.auth.mode == AuthMode::None {
        say(&format!(
            "try: openstack --os-auth-type none --os-endpoint {own_url} image list"
        ));
    }
    // Tells systemd, where there is one, that dependants may start.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);

    serve(app, listeners, stop_signal()).await;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    drop(workers);
    service.shut_down().await;
    Ok(0)
}

async fn bind(settings: &Settings, tls: Option<&Arc<Tls>>) -> Result<Vec<Listener>, BootError> {
    let mut listeners = Vec::new();
    for address in &settings.server.listen {
        let listener = Listener::bind(address, tls).await;
        listeners.push(
            listener
                .map_err(|cause| BootError::new(format!("cannot listen on `{address}`"), cause))?,
        );
    }
    Ok(listeners)
}
