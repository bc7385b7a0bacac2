//! The echo server on a TAP device, with the Linux kernel as its client: `echo.rs` with another device.
//!
//! It makes the interface `synward%d`, gives the kernel the address 10.77.1.1/24 on it and serves on 10.77.1.2, port 7. That
//! needs root or CAP_NET_ADMIN; without, it says so and ends.

#[cfg(target_os = "linux")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    use synward::device::{Tap, TapOptions};
    use synward::{Stack, TcpListener};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};

    let device = match Tap::open(&TapOptions::new("synward%d")) {
        Ok(device) => device,
        Err(error) => {
            println!("skipped: {error}");
            return Ok(());
        }
    };
    let host = device.host_side();
    host.set_address([10, 77, 1, 1].into(), 24).map_err(std::io::Error::other)?;
    host.set_up(true).map_err(std::io::Error::other)?;
    let server = Stack::builder(device).address("10.77.1.2/24").spawn()?;

    let listener = TcpListener::bind(&server, "10.77.1.2:7").await?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = split(stream);
                copy(&mut from, &mut to).await
            });
        }
    });

    let mut stream = tokio::net::TcpStream::connect("10.77.1.2:7").await?;
    stream.write_all(b"hello").await?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await?;
    println!("{} answered the kernel {:?}", stream.peer_addr()?, String::from_utf8_lossy(&answer));
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: TAP devices are Linux's");
}
