//! An HTTP/1.1 server and client of hyper over the streams of two stacks.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use synward::device::memory::{LinkOptions, link};
use synward::{Stack, TcpListener, TcpStream};

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from(format!("you asked for {}\n", request.uri())))))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (left, right) = link(LinkOptions::default());
    let server = Stack::builder(left).address("10.0.0.1/24").spawn()?;
    let client = Stack::builder(right).address("10.0.0.2/24").spawn()?;

    let listener = TcpListener::bind(&server, "10.0.0.1:80").await?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });

    let stream = TcpStream::connect(&client, "10.0.0.1:80").await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    for path in ["/", "/again"] {
        let request = Request::get(path).header("host", "10.0.0.1").body(Full::<Bytes>::default())?;
        // The connection is ready for the next request once its task has seen the end of the last response.
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        print!("{status}: {}", String::from_utf8_lossy(&body));
        assert_eq!(body, format!("you asked for {path}\n"));
    }
    Ok(())
}
