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
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    task::JoinSet,
};
use tower::ServiceExt;
use tracing::{Instrument, field::Empty};
use vidimus_auth::{Context, Identity, Peer, Unauthenticated, new_request_id};

use crate::{
    app::{App, HttpConfig, IdentitySource},
    body::WireBody,
    config::{PLAIN, UNIX},
    error::{ApiError, Asked, ErrorBody},
    handlers::{
        health::healthcheck,
        openapi::show_document,
        versions::{Negotiated, negotiate, redirect, versions},
    },
    router::router,
    sendfile::{FileSocket, PlainSocket, Spans},
    stall::StallGuard,
    tls::{Tls, TlsSocket},
};

/// Bytes of a response that may wait in memory for a slow client; hyper's default of 400 KiB adds up with many.
const WRITE_BUFFER: usize = 64 * 1024;

/// The same where the kernel sends files, so that hardly anything of a response waits here. It is also the most that is read
/// at once, and every read of an upload costs a way from one task to another and back.
const PLAIN_BUFFER: usize = 256 * 1024;

/// How many connections may wait to be accepted, where the machine allows it. One more than that is tried again by the client's
/// kernel a second later, so hundreds that come at once must find room.
const BACKLOG: i32 = 4096;

/// How long transfers under way may go on after the order to stop.
const DRAIN: Duration = Duration::from_secs(60);

/// Where the server listens.
#[derive(Debug)]
pub enum Listener {
    /// On an address.
    Tcp(TcpListener),
    /// On an address, for those who speak TLS.
    Tls(TcpListener, Arc<Tls>),
    /// On a socket file, removed at the end.
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Binds `ADDR:PORT`, `http://ADDR:PORT` or `unix:PATH`. The first speaks TLS if there is something to speak it with.
    pub async fn bind(address: &str, tls: Option<&Arc<Tls>>) -> io::Result<Self> {
        if let Some(path) = address.strip_prefix(UNIX) {
            let path = PathBuf::from(path);
            remove_stale_socket(&path)?;
            return Ok(Self::Unix(UnixListener::bind(&path)?, path));
        }
        match (address.strip_prefix(PLAIN), tls) {
            (None, Some(tls)) => Ok(Self::Tls(bind_tcp(address).await?, Arc::clone(tls))),
            (plain, _) => Ok(Self::Tcp(bind_tcp(plain.unwrap_or(address)).await?)),
        }
    }

    /// What a client is told to connect to.
    pub fn url(&self) -> String {
        match self {
            Self::Tcp(listener) | Self::Tls(listener, _) => listener
                .local_addr()
                .map(|address| format!("{}://{address}", self.scheme()))
                .unwrap_or_default(),
            Self::Unix(_, path) => format!("unix:{}", path.display()),
        }
    }

    /// What addresses begin with as clients of it write them.
    fn scheme(&self) -> &'static str {
        match self {
            Self::Tcp(_) | Self::Unix(..) => "http",
            Self::Tls(..) => "https",
        }
    }

    async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = accept_tcp(listener).await?;
                Ok((Socket::Tcp(stream), address.into()))
            }
            Self::Tls(listener, tls) => {
                let (stream, address) = accept_tcp(listener).await?;
                Ok((Socket::Tls(stream, Arc::clone(tls)), address.into()))
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

async fn bind_tcp(address: &str) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

async fn accept_tcp(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, address) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, address))
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
    /// Before its handshake.
    Tls(TcpStream, Arc<Tls>),
    Unix(UnixStream),
}

/// Serves until `stop` is ready, then lets requests under way end.
pub async fn serve(app: App, listeners: Vec<Listener>, stop: impl Future<Output = ()>) {
    let graceful = Arc::new(GracefulShutdown::new());
    let mut accepting = JoinSet::new();
    for listener in listeners {
        let app = app.reached_by(listener.scheme());
        let routes = router(app.clone());
        accepting.spawn(accept_from(listener, app, routes, Arc::clone(&graceful)));
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
    let serving = Serving {
        app,
        routes,
        graceful,
    };
    // They end with the listener: who has not shaken hands when the server stops has not been promised anything.
    let mut handshakes = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(shaken) = handshakes.join_next() => {
                if let Ok(Some((stream, peer))) = shaken {
                    serving.tls(stream, peer);
                }
                continue;
            }
        };
        match accepted {
            Ok((Socket::Tcp(stream), peer)) => serving.plain(stream, peer),
            Ok((Socket::Unix(stream), peer)) => serving.plain(stream, peer),
            Ok((Socket::Tls(stream, tls), peer)) => {
                let stall_timeout = serving.app.http.stall_timeout;
                handshakes.spawn(shake_hands(tls, stream, stall_timeout, peer));
            }
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

async fn shake_hands(
    tls: Arc<Tls>,
    stream: TcpStream,
    stall_timeout: Duration,
    peer: Peer,
) -> Option<(TlsSocket, Peer)> {
    match tls.accept(stream, stall_timeout).await {
        Ok(stream) => Some((stream, peer)),
        Err(error) => {
            tracing::debug!(
                ?peer,
                error = &error as &dyn std::error::Error,
                "no TLS with this client"
            );
            None
        }
    }
}

/// What the connections of one listener have in common.
struct Serving {
    app: App,
    routes: Router,
    graceful: Arc<GracefulShutdown>,
}

impl Serving {
    /// A socket the kernel can send files to.
    fn plain<S: PlainSocket + Send + 'static>(&self, stream: S, peer: Peer) {
        let stream = FileSocket::new(stream, self.app.http.send_files);
        let spans = stream.spans();
        let stream = StallGuard::new(stream, self.app.http.stall_timeout);
        self.connection(stream, spans, peer);
    }

    /// What goes over TLS is made here, so there is nothing for the kernel to send.
    fn tls(&self, stream: TlsSocket, peer: Peer) {
        self.connection(stream, None, peer);
    }

    fn connection<S>(&self, stream: S, spans: Option<Arc<Spans>>, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (app, routes) = (self.app.clone(), self.routes.clone());
        let buffer = match spans {
            Some(_) => PLAIN_BUFFER,
            None => WRITE_BUFFER,
        };
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let (app, routes, spans) = (app.clone(), routes.clone(), spans.clone());
            // hyper keeps room for it as long as the connection lives, and most connections are idle.
            Box::pin(async move {
                let response = answer(app, routes, peer, request.map(Body::new)).await;
                Ok::<_, Infallible>(WireBody::of(response, spans.as_ref()))
            })
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.app.http.head_timeout)
            // Some clients close their sending side after the request and still want the answer.
            .half_close(true)
            .max_buf_size(buffer);
        let connection = self
            .graceful
            .watch(builder.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "connection ended early"
                );
            }
        });
    }
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
    let identity = if sources.trusts(peer) {
        Identity::from_headers(header)
    } else {
        tracing::debug!(?peer, "identity headers from here are not believed");
        Err(Unauthenticated)
    };
    let identity = match identity {
        Ok(identity) => identity,
        Err(Unauthenticated) if app.http.allows_anonymous => {
            return Ok(app.service.admit(Context::anonymous(new_request_id())));
        }
        Err(Unauthenticated) => return Err(unauthorized(&app.http)),
    };
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

/// Reads the files of TLS again whenever the process gets SIGHUP, from when this returns.
pub fn reload_on_signal(tls: Arc<Tls>) {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::hangup()) {
        Ok(hangup) => drop(tokio::spawn(reload_on(hangup, tls))),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "SIGHUP will end the server"
        ),
    }
}

async fn reload_on(mut hangup: tokio::signal::unix::Signal, tls: Arc<Tls>) {
    while hangup.recv().await.is_some() {
        let again = Arc::clone(&tls);
        // The files may lie on something slow.
        let outcome = tokio::task::spawn_blocking(move || again.reload()).await;
        match outcome {
            Ok(Ok(())) => tracing::info!("the files of TLS were read again"),
            Ok(Err(error)) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the files of TLS are no use, those read before stay in use"
            ),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the files of TLS were not read again"
            ),
        }
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
