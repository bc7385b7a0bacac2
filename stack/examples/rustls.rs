//! TLS by rustls over the streams of two stacks, with a certificate that is made on the spot.

use std::sync::Arc;
use synward::device::memory::{LinkOptions, link};
use synward::{Stack, TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let certified = rcgen::generate_simple_self_signed(vec!["server.example".to_owned()])?;
    let certificate = certified.cert.der().clone();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der())?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let server_config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key)?;
    let client_config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();

    let (left, right) = link(LinkOptions::default());
    let server = Stack::builder(left).address("10.0.0.1/24").spawn()?;
    let client = Stack::builder(right).address("10.0.0.2/24").spawn()?;

    let listener = TcpListener::bind(&server, "10.0.0.1:443").await?;
    let acceptor = TlsAcceptor::from(Arc::new(server_config));
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let mut stream = acceptor.accept(stream).await?;
        let mut text = Vec::new();
        stream.read_to_end(&mut text).await?;
        text.reverse();
        stream.write_all(&text).await?;
        stream.shutdown().await
    });

    let stream = TcpStream::connect(&client, "10.0.0.1:443").await?;
    let connector = TlsConnector::from(Arc::new(client_config));
    let mut stream = connector.connect(ServerName::try_from("server.example")?, stream).await?;
    stream.write_all(b"a secret").await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    serving.await??;
    let protocol = stream.get_ref().1.protocol_version();
    println!("{protocol:?}: {answer:?}");
    assert_eq!(answer, "terces a");
    Ok(())
}
