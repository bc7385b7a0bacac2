//! What a program may expect of a stack beyond its sockets: bounds, errors with their evidence, and that no handle hangs
//! however the stack ends. Time is paused: it goes on only when everybody waits.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use synward::base::Instant;
use synward::buffer::{Buf, Capabilities, Device, Pool, Readiness, Received};
use synward::device::memory::{LinkOptions, MemoryDevice, PeerGone, link};
use synward::settings::Settings;
use synward::shard::{PingError, StackError};
use synward::tcp::{CloseReason, ConnectError};
use synward::{Stack, TcpListener, TcpSocket, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Virtual time: only a hang gets here.
const HANG: Duration = Duration::from_secs(3600);

fn devices() -> (MemoryDevice, MemoryDevice) {
    link(LinkOptions { peer_gone: PeerGone::Discard, ..LinkOptions::default() })
}

fn stacks_with(settings: &Settings) -> (Stack, Stack) {
    let (left, right) = devices();
    let server = Stack::builder(left).address("192.0.2.1/24").settings(settings.clone()).test_seed(1);
    let client = Stack::builder(right).address("192.0.2.2/24").settings(settings.clone()).test_seed(2);
    (server.spawn().unwrap(), client.spawn().unwrap())
}

fn stacks() -> (Stack, Stack) {
    stacks_with(&Settings::default())
}

async fn connected(server: &Stack, client: &Stack) -> (TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind(server, "192.0.2.1:80").await.unwrap();
    let near = TcpStream::connect(client, "192.0.2.1:80").await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    (listener, near, far)
}

fn source<E: std::error::Error + Clone + 'static>(error: &io::Error) -> E {
    let inner = error.get_ref().unwrap_or_else(|| panic!("{error:?} has no source"));
    inner.downcast_ref::<E>().unwrap_or_else(|| panic!("{inner:?} is another error")).clone()
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(HANG, future).await.expect("it hangs")
}

#[tokio::test(start_paused = true)]
async fn a_dead_address_gives_its_evidence_within_the_bound() {
    let (_server, client) = stacks();
    let dead: SocketAddr = "192.0.2.40:23".parse().unwrap();
    let bound = client.connect_bound(dead);
    let error = timeout(bound, TcpStream::connect(&client, dead)).await.expect("the bound").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostUnreachable);
    assert_eq!(error.to_string(), "192.0.2.40: no host answered ARP (3 requests in 3.0 s)");
    let evidence: ConnectError = source(&error);
    assert!(matches!(evidence, ConnectError::NeighborSilent { requests: 3, .. }), "{evidence:?}");
}

#[tokio::test(start_paused = true)]
async fn each_failed_connect_has_stds_kind() {
    let (_server, client) = stacks();
    for (to, kind) in [
        ("192.0.2.1:81", ErrorKind::ConnectionRefused),
        ("198.51.100.1:80", ErrorKind::NetworkUnreachable),
        ("192.0.2.255:80", ErrorKind::InvalidInput),
        ("192.0.2.1:0", ErrorKind::InvalidInput),
    ] {
        let error = in_time(TcpStream::connect(&client, to)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{to}: {error}");
        let _: ConnectError = source(&error);
    }
    let socket = TcpSocket::new_v4(&client).unwrap();
    socket.bind("192.0.2.9:0".parse().unwrap()).unwrap();
    let error = in_time(socket.connect("192.0.2.1:80".parse().unwrap())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
}

#[tokio::test(start_paused = true)]
async fn a_taken_or_foreign_address_cannot_be_listened_on() {
    let (server, _client) = stacks();
    let first = TcpListener::bind(&server, "192.0.2.1:80").await.unwrap();
    let taken = TcpListener::bind(&server, "192.0.2.1:80").await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    let foreign = TcpListener::bind(&server, "192.0.2.7:80").await.unwrap_err();
    assert_eq!(foreign.kind(), ErrorKind::AddrNotAvailable);
    drop(first);
    TcpListener::bind(&server, "192.0.2.1:80").await.expect("free again");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_connect_leaves_nothing_behind() {
    let (_server, client) = stacks();
    for wait in [0, 1, 500, 1500] {
        let connecting = TcpStream::connect(&client, "192.0.2.40:23");
        assert!(timeout(Duration::from_millis(wait), connecting).await.is_err());
        let snapshot = client.snapshot().await.unwrap();
        assert_eq!((snapshot.connections, snapshot.orphans), (0, 0), "after {wait} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_dead_connects_all_end_and_a_live_one_is_not_disturbed() {
    let (server, client) = stacks();
    let (_listener, mut near, mut far) = connected(&server, &client).await;
    let dead: Vec<_> = (100..200)
        .map(|last| {
            let client = client.clone();
            tokio::spawn(async move { TcpStream::connect(&client, format!("192.0.2.{last}:23")).await })
        })
        .collect();
    for _ in 0..100 {
        near.write_all(b"ping").await.unwrap();
        far.read_exact(&mut [0; 4]).await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    for task in dead {
        let error = in_time(task).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HostUnreachable);
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_whose_peer_never_reads_ends_by_its_user_timeout() {
    let (server, client) = stacks();
    let listener = TcpListener::bind(&server, "192.0.2.1:80").await.unwrap();
    let socket = TcpSocket::new_v4(&client).unwrap();
    socket.set_user_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut near = socket.connect("192.0.2.1:80".parse().unwrap()).await.unwrap();
    let (_far, _) = listener.accept().await.unwrap();
    let block = vec![0; 1 << 20];
    let error = in_time(async {
        loop {
            if let Err(error) = near.write_all(&block).await {
                return error;
            }
        }
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let reason: CloseReason = source(&error);
    assert!(matches!(reason, CloseReason::WindowClosed { .. }), "{reason:?}");
    assert!(near.take_error().unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_does_not_read_bounds_the_memory_on_both_sides() {
    let (server, client) = stacks();
    let (_listener, near, far) = connected(&server, &client).await;
    let block = vec![0; 256 << 10];
    let mut written = 0;
    while timeout(Duration::from_secs(5), near.writable()).await.is_ok() {
        written += near.try_write(&block).unwrap_or(0);
    }
    let settings = Settings::default().tcp;
    let most = (settings.receive_window_max + settings.send_buffer_max) as usize + (1 << 20);
    assert!(written <= most, "{written}");
    for stack in [&server, &client] {
        let memory = stack.snapshot().await.unwrap().memory;
        assert!(memory.buffers <= 2 * most, "{memory:?}");
    }
    drop((near, far));
    sleep(Duration::from_secs(1)).await;
    for stack in [&server, &client] {
        let memory = stack.snapshot().await.unwrap().memory;
        assert_eq!(memory.buffers, 0, "everything came back: {memory:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_smallest_buffers_are_slow_and_lose_nothing() {
    let (server, client) = stacks();
    let socket = TcpSocket::new_v4(&server).unwrap();
    socket.bind("192.0.2.1:80".parse().unwrap()).unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    let listener = socket.listen(4).await.unwrap();
    let socket = TcpSocket::new_v4(&client).unwrap();
    socket.set_send_buffer_size(1).unwrap();
    let mut near = socket.connect("192.0.2.1:80".parse().unwrap()).await.unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    let data: Vec<u8> = (0..200_000_u32).map(|i| (i ^ (i >> 8)) as u8).collect();
    let sent = data.clone();
    tokio::spawn(async move {
        for piece in sent.chunks(7001) {
            near.write_all(piece).await.unwrap();
        }
    });
    let mut got = Vec::new();
    in_time(far.read_to_end(&mut got)).await.unwrap();
    assert!(got == data);
}

#[tokio::test(start_paused = true)]
async fn a_full_accept_queue_answers_no_syn_until_the_application_accepts() {
    let (server, client) = stacks();
    let socket = TcpSocket::new_v4(&server).unwrap();
    socket.bind("192.0.2.1:80".parse().unwrap()).unwrap();
    let listener = socket.listen(2).await.unwrap();
    let connect = || {
        let client = client.clone();
        tokio::spawn(async move { TcpStream::connect(&client, "192.0.2.1:80").await })
    };
    let first = [in_time(connect()).await.unwrap().unwrap(), in_time(connect()).await.unwrap().unwrap()];
    let third = connect();
    sleep(Duration::from_millis(500)).await;
    assert!(!third.is_finished(), "the backlog of two is full");
    let (_accepted, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, first[0].local_addr().unwrap(), "first come, first served");
    in_time(third).await.unwrap().expect("there is a place, and the client tried again");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_listener_resets_whom_nobody_accepted() {
    let (server, client) = stacks();
    let listener = TcpListener::bind(&server, "192.0.2.1:80").await.unwrap();
    let mut waiting = TcpStream::connect(&client, "192.0.2.1:80").await.unwrap();
    drop(listener);
    let error = in_time(waiting.read(&mut [0; 1])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(server.snapshot().await.unwrap().connections, 0);
}

#[tokio::test(start_paused = true)]
async fn an_interest_that_is_never_served_is_an_error_and_no_wait() {
    let (server, client) = stacks();
    let (_listener, near, far) = connected(&server, &client).await;
    let (read, write) = near.into_split();
    for told in [
        in_time(far.ready(Interest::ERROR)).await,
        in_time(read.ready(Interest::WRITABLE)).await,
        in_time(write.ready(Interest::READABLE)).await,
    ] {
        assert_eq!(told.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

/// Every way to wait on a stack, and what each task ends with.
async fn waiters(server: &Stack, client: &Stack) -> (Vec<JoinHandle<io::Error>>, TcpListener, TcpStream) {
    let (listener, near, far) = connected(server, client).await;
    let (mut read, write) = near.into_split();
    let accepting = TcpListener::bind(client, "192.0.2.2:99").await.unwrap();
    let dead = client.clone();
    let tasks = vec![
        tokio::spawn(async move { read.read(&mut [0; 1]).await.unwrap_err() }),
        tokio::spawn(async move {
            let mut write = write;
            loop {
                if let Err(error) = write.write_all(&[0; 1 << 16]).await {
                    return error;
                }
            }
        }),
        tokio::spawn(async move { accepting.accept().await.unwrap_err() }),
        tokio::spawn(async move {
            let connect = {
                let stack = dead;
                async move {
                    // The handle is held by the future only until its command is on the way.
                    let socket = TcpSocket::new_v4(&stack).unwrap();
                    drop(stack);
                    socket.connect("192.0.2.40:1".parse().unwrap()).await
                }
            };
            connect.await.unwrap_err()
        }),
    ];
    sleep(Duration::from_millis(100)).await;
    (tasks, listener, far)
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_when_the_last_connection_has() {
    let (server, client) = stacks();
    let (_listener, near, mut far) = connected(&server, &client).await;
    let draining = client.clone();
    let draining = tokio::spawn(async move { draining.shutdown(Duration::from_secs(60)).await });
    sleep(Duration::from_millis(100)).await;
    assert!(!draining.is_finished());
    let refused = in_time(TcpStream::connect(&client, "192.0.2.1:80")).await.unwrap_err();
    assert_eq!(source::<StackError>(&refused), StackError::ShutDown);
    let mut near = near;
    near.write_all(b"still works").await.unwrap();
    drop(near);
    let mut text = String::new();
    far.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "still works");
    drop(far);
    assert!(in_time(draining).await.unwrap().unwrap(), "all ended in time");
    assert_eq!(client.ended(), Some(StackError::ShutDown));
    let late = in_time(client.snapshot()).await.unwrap_err();
    assert_eq!(source::<StackError>(&late), StackError::ShutDown);
}

#[tokio::test(start_paused = true)]
async fn shutdown_resets_what_is_left_after_its_time() {
    let (server, client) = stacks();
    let (tasks, _listener, mut far) = waiters(&server, &client).await;
    assert!(!in_time(client.shutdown(Duration::from_secs(1))).await.unwrap());
    for task in tasks {
        let error = in_time(task).await.unwrap();
        assert_eq!(source::<StackError>(&error), StackError::ShutDown);
    }
    let reset = in_time(async {
        loop {
            if let Err(error) = far.read(&mut [0; 65_536]).await {
                return error;
            }
        }
    });
    assert_eq!(reset.await.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_fails_everybody_and_resets_the_peer() {
    let (server, client) = stacks();
    let (mut tasks, _listener, mut far) = waiters(&server, &client).await;
    // The connect holds a handle itself, as long as its address may still answer.
    let connect = tasks.pop().unwrap();
    connect.abort();
    let _ = connect.await;
    drop(client);
    for task in tasks {
        let error = in_time(task).await.unwrap();
        assert_eq!(source::<StackError>(&error), StackError::Dropped);
    }
    let reset = in_time(async {
        loop {
            if let Err(error) = far.read(&mut [0; 65_536]).await {
                return error;
            }
        }
    });
    assert_eq!(reset.await.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_dead_device_fails_everybody_and_names_the_cause() {
    let (left, right) = link(LinkOptions::default());
    let server = Stack::builder(left).address("192.0.2.1/24").spawn().unwrap();
    let client = Stack::builder(right).address("192.0.2.2/24").spawn().unwrap();
    let (tasks, listener, far) = waiters(&server, &client).await;
    drop((server, listener, far));
    for task in tasks {
        let error = in_time(task).await.unwrap();
        // The peer's resets may come before its end of the link goes.
        if error.kind() != ErrorKind::ConnectionReset {
            let cause: StackError = source(&error);
            assert!(matches!(cause, StackError::Device { .. }), "{cause:?}");
            assert!(error.to_string().contains("the other end of the in-memory link is gone"), "{error}");
        }
    }
    let error = in_time(client.snapshot()).await.unwrap_err();
    assert!(matches!(source(&error), StackError::Device { .. }), "{error}");
}

/// Panics in the next turn once it is told to.
struct Bomb {
    device: MemoryDevice,
    armed: Arc<AtomicBool>,
}

impl Device for Bomb {
    fn capabilities(&self) -> Capabilities {
        self.device.capabilities()
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        assert!(!self.armed.load(Ordering::Relaxed), "the planted fault");
        self.device.receive(pool, into, budget)
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        self.device.transmit(from, pool)
    }

    fn readiness(&self) -> Readiness {
        self.device.readiness()
    }

    fn set_now(&mut self, now: Instant) {
        self.device.set_now(now);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_turn_fails_everybody_and_names_the_step() {
    let (left, right) = devices();
    let armed = Arc::new(AtomicBool::new(false));
    let server = Stack::builder(left).address("192.0.2.1/24").spawn().unwrap();
    let device = Bomb { device: right, armed: armed.clone() };
    let client = Stack::builder(device).address("192.0.2.2/24").spawn().unwrap();
    let (tasks, _listener, _far) = waiters(&server, &client).await;
    armed.store(true, Ordering::Relaxed);
    let error = in_time(client.snapshot()).await.unwrap_err();
    assert_eq!(error.to_string(), "the stack panicked in the step receive: the planted fault");
    for task in tasks {
        let error = in_time(task).await.unwrap();
        assert!(matches!(source(&error), StackError::Panicked { .. }), "{error}");
    }
}

#[test]
fn a_runtime_that_goes_away_takes_no_handle_along() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let other = runtime();
    let (_left, right) = devices();
    let (stack, listener) = other.block_on(async {
        let stack = Stack::builder(right).address("192.0.2.2/24").spawn().unwrap();
        let listener = TcpListener::bind(&stack, "0.0.0.0:80").await.unwrap();
        (stack, listener)
    });
    drop(other);
    runtime().block_on(async {
        let error = in_time(listener.accept()).await.unwrap_err();
        assert_eq!(source::<StackError>(&error), StackError::DriverGone);
        assert_eq!(source::<StackError>(&stack.snapshot().await.unwrap_err()), StackError::DriverGone);
    });
}

#[tokio::test(start_paused = true)]
async fn pings_and_lists_tell_what_is_there() {
    let (server, client) = stacks();
    let pong = in_time(client.ping("192.0.2.1".parse().unwrap(), Duration::from_secs(1))).await.unwrap();
    assert_eq!(pong.bytes, 56);
    let dead = in_time(client.ping("192.0.2.40".parse().unwrap(), Duration::from_secs(9))).await.unwrap_err();
    assert_eq!(dead.kind(), ErrorKind::HostUnreachable);
    assert!(matches!(source(&dead), PingError::NeighborSilent { requests: 3, .. }));
    let impatient = client.ping("192.0.2.41".parse().unwrap(), Duration::from_millis(10));
    assert_eq!(in_time(impatient).await.unwrap_err().kind(), ErrorKind::TimedOut);

    let (_listener, near, _far) = connected(&server, &client).await;
    let rows = client.connections().await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].local, rows[0].remote), (near.local_addr().unwrap(), near.peer_addr().unwrap()));
    assert_eq!(client.snapshot().await.unwrap().connections, 1);
    assert!(client.progress().turns() > 0);
}

#[tokio::test]
async fn a_thousand_connections_echo_at_once() {
    let (server, client) = stacks();
    let listener = TcpListener::bind(&server, "192.0.2.1:7").await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    let tasks: Vec<_> = (0..1000_usize)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                let stream = TcpStream::connect(&client, "192.0.2.1:7").await.unwrap();
                let data: Vec<u8> = (0..4096).map(|i| (i * 7 + number) as u8).collect();
                let (mut read, mut write) = stream.into_split();
                write.write_all(&data).await.unwrap();
                drop(write);
                let mut back = Vec::new();
                read.read_to_end(&mut back).await.unwrap();
                assert!(back == data, "connection {number}");
            })
        })
        .collect();
    for task in tasks {
        timeout(Duration::from_secs(120), task).await.expect("it hangs").unwrap();
    }
    let left = client.snapshot().await.unwrap();
    assert_eq!(left.connections, 0, "those that closed first are TIME-WAIT records: {}", left.time_wait);
}

#[test]
fn a_thread_drives_a_stack_as_well() {
    let (left, right) = devices();
    let server = Stack::builder(left).address("192.0.2.1/24").spawn_thread().unwrap();
    let client = Stack::builder(right).address("192.0.2.2/24").spawn_thread().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        timeout(Duration::from_secs(60), a_transfer_and_an_end(server, client)).await.expect("it hangs");
    });
}

async fn a_transfer_and_an_end(server: Stack, client: Stack) {
    let (_listener, mut near, mut far) = connected(&server, &client).await;
    let data = vec![9; 3 << 20];
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
    drop(server);
    let error = loop {
        match near.read(&mut [0; 1]).await {
            Ok(0) => panic!("an end in order"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let failed = far.read(&mut [0; 1]).await;
    assert!(matches!(failed, Ok(0)), "the end of the stream had come before the end of the stack");
}
