//! An echo server and its client: two stacks on an in-memory link, in one process.

use synward::device::memory::{LinkOptions, link};
use synward::{Stack, TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let (left, right) = link(LinkOptions::default());
    let server = Stack::builder(left).address("10.0.0.1/24").spawn()?;
    let client = Stack::builder(right).address("10.0.0.2/24").spawn()?;

    let listener = TcpListener::bind(&server, "10.0.0.1:7").await?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = split(stream);
                copy(&mut from, &mut to).await
            });
        }
    });

    let mut stream = TcpStream::connect(&client, "10.0.0.1:7").await?;
    stream.write_all(b"hello").await?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await?;
    println!("{} answered {:?}", stream.peer_addr()?, String::from_utf8_lossy(&answer));
    Ok(())
}
