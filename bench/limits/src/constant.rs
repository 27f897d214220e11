//! An HTTP server that knows its answers: what hyper and the kernel need for an answer of that size.

use std::{convert::Infallible, net::Ipv4Addr};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Failure;

/// `/v2/images` has a body of so many bytes, every other path one of `show_bytes`.
pub(crate) fn serve(port: &str, list_bytes: &str, show_bytes: &str) -> Result<(), Failure> {
    let list = Bytes::from(vec![b'x'; list_bytes.parse()?]);
    let show = Bytes::from(vec![b'x'; show_bytes.parse()?]);
    let port: u16 = port.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (list, show) = (list.clone(), show.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let body = match request.uri().path() {
                    "/v2/images" => list.clone(),
                    _ => show.clone(),
                };
                async move { Ok::<_, Infallible>(answer(body)) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A client that leaves is no failure.
            tokio::spawn(async move { drop(connection.await) });
        }
    })
}

fn answer(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    headers.insert(
        "x-openstack-request-id",
        header::HeaderValue::from_static("req-00000000-0000-4000-8000-000000000000"),
    );
    response
}
