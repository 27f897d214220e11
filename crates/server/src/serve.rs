//! From connection to answer: accept, authenticate, route, answer, log. One straight chain.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    task::JoinSet,
};
use tower::ServiceExt;
use tracing::{Instrument, field::Empty};
use vidimus_auth::{Context, Identity, Peer, new_request_id};

use crate::{
    app::{App, HttpConfig, IdentitySource},
    body::WireBody,
    error::{ApiError, Asked, ErrorBody},
    handlers::{
        health::healthcheck,
        openapi::show_document,
        versions::{Negotiated, negotiate, redirect, versions},
    },
    router::router,
    sendfile::{FileSocket, PlainSocket},
    stall::StallGuard,
};

/// Bytes of a response that may wait in memory for a slow client; hyper's default of 400 KiB adds up with many.
const WRITE_BUFFER: usize = 64 * 1024;

/// The same where the kernel sends files, so that hardly anything of a response waits here. It is also the most that is read
/// at once, and every read of an upload costs a way from one task to another and back.
const PLAIN_BUFFER: usize = 256 * 1024;

/// How long transfers under way may go on after the order to stop.
const DRAIN: Duration = Duration::from_secs(60);

/// Where the server listens.
#[derive(Debug)]
pub enum Listener {
    /// On an address.
    Tcp(TcpListener),
    /// On a socket file, removed at the end.
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Binds `ADDR:PORT` or `unix:PATH`.
    pub async fn bind(address: &str) -> io::Result<Self> {
        match address.strip_prefix("unix:") {
            Some(path) => {
                let path = PathBuf::from(path);
                remove_stale_socket(&path)?;
                Ok(Self::Unix(UnixListener::bind(&path)?, path))
            }
            None => Ok(Self::Tcp(TcpListener::bind(address).await?)),
        }
    }

    /// What a client is told to connect to.
    pub fn url(&self) -> String {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .map(|address| format!("http://{address}"))
                .unwrap_or_default(),
            Self::Unix(_, path) => format!("unix:{}", path.display()),
        }
    }

    async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address): (TcpStream, SocketAddr) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Socket::Tcp(stream), address.into()))
            }
            Self::Unix(listener, _) => Ok((Socket::Unix(listener.accept().await?.0), Peer::Unix)),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A socket file that a killed server left would keep us from binding.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found)
            if found.file_type().is_socket()
                && std::os::unix::net::UnixStream::connect(path).is_err() =>
        {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Serves until `stop` is ready, then lets requests under way end.
pub async fn serve(app: App, listeners: Vec<Listener>, stop: impl Future<Output = ()>) {
    let routes = router(app.clone());
    let graceful = Arc::new(GracefulShutdown::new());
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept_from(
            listener,
            app.clone(),
            routes.clone(),
            Arc::clone(&graceful),
        ));
    }
    stop.await;
    accepting.shutdown().await;
    let Some(graceful) = Arc::into_inner(graceful) else {
        return;
    };
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("transfers under way were cut after {} s", DRAIN.as_secs());
    }
}

async fn accept_from(
    listener: Listener,
    app: App,
    routes: Router,
    graceful: Arc<GracefulShutdown>,
) {
    loop {
        match listener.accept().await {
            Ok((Socket::Tcp(stream), peer)) => connection(&app, &routes, &graceful, stream, peer),
            Ok((Socket::Unix(stream), peer)) => connection(&app, &routes, &graceful, stream, peer),
            Err(error) => {
                // Out of file descriptors, or the client left already. Neither gets better by trying at once.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "connection not accepted"
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn connection<S>(app: &App, routes: &Router, graceful: &GracefulShutdown, stream: S, peer: Peer)
where
    S: PlainSocket + Send + 'static,
{
    let routes = routes.clone();
    let answering = app.clone();
    let stream = FileSocket::new(stream, app.http.send_files);
    let spans = stream.spans();
    let buffer = match spans {
        Some(_) => PLAIN_BUFFER,
        None => WRITE_BUFFER,
    };
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (app, routes, spans) = (answering.clone(), routes.clone(), spans.clone());
        // hyper keeps room for it as long as the connection lives, and most connections are idle.
        Box::pin(async move {
            let response = answer(app, routes, peer, request.map(Body::new)).await;
            Ok::<_, Infallible>(WireBody::of(response, spans.as_ref()))
        })
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(app.http.head_timeout)
        // Some clients close their sending side after the request and still want the answer.
        .half_close(true)
        .max_buf_size(buffer);
    let connection = graceful.watch(builder.serve_connection(
        TokioIo::new(StallGuard::new(stream, app.http.stall_timeout)),
        service,
    ));
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "connection ended early"
            );
        }
    });
}

/// Answers one request and writes its log line.
async fn answer(app: App, routes: Router, peer: Peer, request: Request) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("request", request.id = Empty, cache = Empty);
    let asked = Asked::of(&method, request.headers());
    let response = respond(&app, routes, peer, request)
        .instrument(span.clone())
        .await;
    let response = ErrorBody::render(&asked, response);
    span.in_scope(|| {
        tracing::info!(%method, path, status = response.status().as_u16(), duration_ms = started.elapsed().as_millis() as u64);
    });
    response
}

/// Compat: the order of the peer's pipeline. Health is outside of everything, pages of other origins read all the rest.
async fn respond(app: &App, routes: Router, peer: Peer, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/healthcheck" || path.starts_with("/healthcheck/") {
        return healthcheck(&app.http, request.method(), request.headers());
    }
    if request.method() == Method::OPTIONS {
        return preflight(app, &request);
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = respond_to_caller(app, routes, peer, request).await;
    let cors = &app.http.cors;
    cors.disclose(origin.as_ref(), response.headers_mut());
    response
}

/// Compat: the peer's CORS filter answers every OPTIONS request, whoever calls and whatever the path, unless what is behind
/// it did so already with success: the list of versions does.
fn preflight(app: &App, request: &Request) -> Response {
    let mut response = match negotiate(app, request.uri(), request.headers()) {
        Negotiated::Choices(StatusCode::OK) => versions(app, request.headers(), StatusCode::OK),
        _ => StatusCode::OK.into_response(),
    };
    let cors = &app.http.cors;
    cors.allow(request.headers(), response.headers_mut());
    response
}

/// Compat: versions are answered before anybody asks who calls.
async fn respond_to_caller(
    app: &App,
    routes: Router,
    peer: Peer,
    mut request: Request,
) -> Response {
    if request.uri().path() == "/openapi.json" {
        return show_document(&app.document, request.method(), request.headers());
    }
    let path = match negotiate(app, request.uri(), request.headers()) {
        Negotiated::Path(path) => Some(path),
        Negotiated::Redirect => None,
        Negotiated::Choices(status) => return versions(app, request.headers(), status),
    };
    let ctx = match authenticate(app, peer, &request) {
        Ok(ctx) => ctx,
        Err(refused) => return refused.into_response(),
    };
    let request_id = ctx.request_id().to_owned();
    tracing::Span::current().record("request.id", &request_id);
    let mut response = match path {
        None => redirect(app, request.headers()),
        Some(path) => match rewrite(request.uri(), &path) {
            Some(uri) => {
                *request.uri_mut() = uri;
                request.extensions_mut().insert(ctx);
                request.extensions_mut().insert(peer);
                // The router's own error type has no values.
                routes
                    .oneshot(request)
                    .await
                    .unwrap_or_else(|error| match error {})
            }
            None => ApiError::not_found().into_response(),
        },
    };
    // Another node that answered in our place has named the request by its own id.
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response
            .headers_mut()
            .entry("x-openstack-request-id")
            .or_insert(value);
    }
    response
}

fn rewrite(uri: &Uri, path: &str) -> Option<Uri> {
    match uri.query() {
        Some(query) => format!("{path}?{query}").parse().ok(),
        None => path.parse().ok(),
    }
}

fn authenticate(app: &App, peer: Peer, request: &Request) -> Result<Context, ApiError> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let sources = match &app.http.identity {
        IdentitySource::None => return Ok(Context::unauthenticated_admin(new_request_id())),
        IdentitySource::Proxy(sources) => sources,
    };
    if !sources.trusts(peer) {
        tracing::debug!(?peer, "identity headers from here are not believed");
        return Err(unauthorized(&app.http));
    }
    let identity = Identity::from_headers(header).map_err(|_| unauthorized(&app.http))?;
    let given = header("x-openstack-request-id");
    if given.is_some_and(|id| app.http.request_id_max > 0 && id.len() > app.http.request_id_max) {
        return Err(ApiError::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            format!(
                "x-openstack-request-id is too long, max size {}",
                app.http.request_id_max
            ),
        ));
    }
    let ctx = Context::from_identity(identity, new_request_id())
        .with_global_request_id(given.map(str::to_owned));
    Ok(app.service.admit(ctx))
}

fn unauthorized(config: &HttpConfig) -> ApiError {
    let error = ApiError::new(
        StatusCode::UNAUTHORIZED,
        "This server could not verify that you are authorized to access the document you requested. Either you supplied the \
         wrong credentials (e.g., bad password), or your browser does not understand how to supply the credentials required.",
    );
    let challenge = config
        .authenticate_uri
        .as_ref()
        .map(|uri| format!("Keystone uri=\"{uri}\""));
    match challenge.and_then(|challenge| challenge.try_into().ok()) {
        Some(value) => error.with_header(header::WWW_AUTHENTICATE, value),
        None => error,
    }
}

/// Ready when the process is asked to stop, by SIGTERM or Ctrl-C.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "SIGTERM will end the server at once"
            );
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
