//! Two hosts on the embedded network in one process, each with a thread of its own: ping, a transfer, the connection list,
//! an address where no host lives, and an orderly end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};
use synward::device::memory::{LinkOptions, link};
use synward::tcp::ConnectError;
use synward::{Stack, TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const TOTAL: usize = 64 << 20;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (left, right) = link(LinkOptions { mtu: 9000, ..LinkOptions::default() });
    let left = Stack::builder(left).address("129.68.72.10/24").spawn_thread()?;
    let right = Stack::builder(right).address("129.68.72.20/24").spawn_thread()?;

    let pong = left.ping(right.addresses()[0], Duration::from_secs(1)).await?;
    println!("{} answers pings: {} bytes in {:?}", pong.from, pong.bytes, pong.round_trip);

    let listener = TcpListener::bind(&right, "0.0.0.0:80").await?;
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let (mut total, mut buffer) = (0, vec![0; 256 << 10]);
        loop {
            match stream.read(&mut buffer).await? {
                0 => return Ok::<_, std::io::Error>(total),
                n => total += n,
            }
        }
    });

    let began = Instant::now();
    let mut stream = TcpStream::connect(&left, "129.68.72.20:80").await?;
    let block = vec![7; 256 << 10];
    for _ in 0..TOTAL / block.len() {
        stream.write_all(&block).await?;
    }
    for row in left.connections().await? {
        println!("{} -> {} {:?}", row.local, row.remote, row.state);
    }
    stream.shutdown().await?;
    let received = receiver.await.map_err(std::io::Error::other)??;
    let rate = received as f64 * 8.0 / began.elapsed().as_secs_f64() / 1e9;
    println!("{received} bytes arrived, {rate:.1} Gbit/s");
    assert_eq!(received, TOTAL);

    let nobody: SocketAddr = "129.68.72.40:23".parse().map_err(std::io::Error::other)?;
    println!("connecting to {nobody} takes at most {:?}", left.connect_bound(nobody));
    match TcpStream::connect(&left, nobody).await {
        Ok(_) => return Err(std::io::Error::other("somebody lives there")),
        Err(error) => {
            let evidence = error.get_ref().and_then(|source| source.downcast_ref::<ConnectError>());
            println!("{error}\n{evidence:?}");
        }
    }

    drop(stream);
    println!("all connections ended: {}", left.shutdown(Duration::from_secs(5)).await?);
    Ok(())
}
