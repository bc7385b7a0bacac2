//! Both drivers on devices with a file descriptor: frames are the datagrams of a socket pair, of which few fit at once, so
//! that the devices are without room again and again.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use synward::buffer::{Buf, Capabilities, Device, Pool, Readiness, Received};
use synward::driver::Builder;
use synward::wire::Mac;
use synward::{Stack, TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

struct Datagrams {
    socket: UnixDatagram,
    mac: Mac,
}

impl Device for Datagrams {
    fn capabilities(&self) -> Capabilities {
        Capabilities { mac: self.mac, mtu: 1500, checksum_offload: false, segmentation: 0 }
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        for frames in 0..budget {
            let mut frame = pool.take(1514);
            let n = match self.socket.recv(frame.extend(1514).expect("room")) {
                Ok(n) => n,
                Err(error) => {
                    pool.put(frame);
                    let more = false;
                    let empty = error.kind() == ErrorKind::WouldBlock;
                    return if empty { Ok(Received { frames, more }) } else { Err(error) };
                }
            };
            frame.truncate(n);
            into.push_back(frame);
        }
        Ok(Received { frames: budget, more: true })
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        while let Some(frame) = from.front() {
            match self.socket.send(frame.data()) {
                Ok(_) => from.pop_front().into_iter().for_each(|frame| pool.put(frame)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn readiness(&self) -> Readiness {
        Readiness::Fd(self.socket.as_raw_fd())
    }
}

async fn a_transfer_and_an_end(spawn: fn(Builder<Datagrams>) -> io::Result<Stack>) {
    let (left, right) = UnixDatagram::pair().unwrap();
    left.set_nonblocking(true).unwrap();
    right.set_nonblocking(true).unwrap();
    let device = |socket, last| Datagrams { socket, mac: Mac([2, 0, 0, 0, 0, last]) };
    let server = spawn(Stack::builder(device(left, 1)).address("192.0.2.1/24")).unwrap();
    let client = spawn(Stack::builder(device(right, 2)).address("192.0.2.2/24")).unwrap();
    let listener = TcpListener::bind(&server, "192.0.2.1:80").await.unwrap();
    let mut near = TcpStream::connect(&client, "192.0.2.1:80").await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    let data: Vec<u8> = (0..2_u32 << 20).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect();
    let sent = data.clone();
    let writing = tokio::spawn(async move {
        near.write_all(&sent).await.unwrap();
        near.shutdown().await.unwrap();
        near
    });
    let mut got = Vec::new();
    far.read_to_end(&mut got).await.unwrap();
    assert!(got == data);
    let mut near = writing.await.unwrap();
    // Idle for a moment, so that the last handle's drop has a sleeping driver to wake.
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(server);
    let error = near.read(&mut [0; 1]).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
}

#[tokio::test]
async fn the_task_sleeps_on_a_descriptor() {
    timeout(Duration::from_secs(120), a_transfer_and_an_end(Builder::spawn)).await.expect("it hangs");
}

#[tokio::test]
async fn the_thread_sleeps_on_a_descriptor() {
    timeout(Duration::from_secs(120), a_transfer_and_an_end(Builder::spawn_thread)).await.expect("it hangs");
}
