// Included once for each kind of sockets: `Net`, `TcpListener` and `TcpStream` are those of the module around.

use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::time::{sleep, timeout};

/// Long enough that only a hang gets here.
const HANG: Duration = Duration::from_secs(60);
/// Long enough that what can happen at once has happened; nothing is asserted to take less.
const SOON: Duration = Duration::from_millis(50);

async fn pair() -> (Net, TcpListener, TcpStream, TcpStream) {
    let net = Net::new().unwrap();
    let listener = net.listen().await.unwrap();
    let client = net.connect(&listener).await.unwrap();
    let (server, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    (net, listener, client, server)
}

fn pattern(i: usize) -> u8 {
    (i ^ (i >> 8) ^ (i >> 16)) as u8
}

#[tokio::test]
async fn both_ends_know_both_addresses() {
    let (_net, listener, client, server) = pair().await;
    assert_eq!(client.peer_addr().unwrap(), listener.local_addr().unwrap());
    assert_eq!(server.local_addr().unwrap(), listener.local_addr().unwrap());
    assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
    assert_ne!(client.local_addr().unwrap().port(), 0);
    assert!(client.take_error().unwrap().is_none());
}

#[tokio::test]
async fn four_megabytes_go_each_way_at_once_byte_for_byte() {
    const TOTAL: usize = 4 << 20;
    async fn exchange(stream: TcpStream, salt: usize) {
        let (mut read, mut write) = stream.into_split();
        let sending = async move {
            let data: Vec<u8> = (0..TOTAL).map(|i| pattern(i + salt)).collect();
            write.write_all(&data).await.unwrap();
            write.shutdown().await.unwrap();
            write
        };
        let receiving = async move {
            let mut data = Vec::new();
            read.read_to_end(&mut data).await.unwrap();
            assert_eq!(data.len(), TOTAL);
            assert!(data.iter().enumerate().all(|(i, byte)| *byte == pattern(i + 1 - salt)));
        };
        tokio::join!(sending, receiving);
    }
    let (_net, _listener, client, server) = pair().await;
    let (a, b) = (tokio::spawn(exchange(client, 0)), tokio::spawn(exchange(server, 1)));
    timeout(HANG, async { (a.await.unwrap(), b.await.unwrap()) }).await.unwrap();
}

#[tokio::test]
async fn after_a_half_close_the_other_direction_goes_on() {
    let (_net, _listener, mut client, mut server) = pair().await;
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    let mut text = String::new();
    server.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "question");
    server.write_all(b"answer").await.unwrap();
    drop(server);
    text.clear();
    client.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "answer");
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0, "the end stays the end");
    assert_eq!(client.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_drop_with_unread_data_resets_the_peer() {
    let (_net, _listener, mut client, server) = pair().await;
    client.write_all(b"nobody reads this").await.unwrap();
    timeout(HANG, server.readable()).await.unwrap().unwrap();
    drop(server);
    let error = timeout(HANG, client.read(&mut [0; 8])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_drop_with_linger_zero_resets_the_peer_and_writing_to_it_fails() {
    let (_net, _listener, mut client, server) = pair().await;
    server.set_zero_linger().unwrap();
    drop(server);
    let error = timeout(HANG, client.read(&mut [0; 8])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let error = timeout(HANG, client.write(b"late")).await.unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
}

#[tokio::test]
async fn a_plain_drop_is_an_end_of_stream_after_all_data() {
    let (_net, _listener, mut client, mut server) = pair().await;
    let data: Vec<u8> = (0..300_000).map(pattern).collect();
    let sent = data.clone();
    let writing = tokio::spawn(async move { server.write_all(&sent).await.unwrap() });
    let mut got = Vec::new();
    timeout(HANG, client.read_to_end(&mut got)).await.unwrap().unwrap();
    writing.await.unwrap();
    assert!(got == data);
}

#[tokio::test]
async fn peek_leaves_the_bytes_and_waits_for_them() {
    let (_net, _listener, client, mut server) = pair().await;
    assert!(timeout(SOON, client.peek(&mut [0; 8])).await.is_err());
    server.write_all(b"look").await.unwrap();
    let (mut a, mut b, mut c) = ([0; 2], [0; 8], [0; 8]);
    assert_eq!(client.peek(&mut a).await.unwrap(), 2);
    assert_eq!(client.peek(&mut b).await.unwrap(), 4);
    assert_eq!(client.try_read(&mut c).unwrap(), 4);
    assert_eq!((&a, &b[..4], &c[..4]), (b"lo", &b"look"[..], &b"look"[..]));
    drop(server);
    assert_eq!(timeout(HANG, client.peek(&mut a)).await.unwrap().unwrap(), 0, "the end can be peeked");
}

#[tokio::test]
async fn readiness_tells_when_a_try_goes_through() {
    let (_net, _listener, client, mut server) = pair().await;
    let mut text = [0; 16];
    assert_eq!(client.try_read(&mut text).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(timeout(SOON, client.readable()).await.is_err());
    client.writable().await.unwrap();
    assert!(client.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap().is_writable());
    server.write_all(b"now").await.unwrap();
    let n = loop {
        timeout(HANG, client.readable()).await.unwrap().unwrap();
        match client.try_read(&mut text) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => break result.unwrap(),
        }
    };
    assert_eq!(&text[..n], b"now");
    assert_eq!(client.try_read(&mut text).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn an_operation_of_ones_own_is_tried_when_the_socket_is_ready_and_again_when_more_has_come() {
    let (_net, _listener, client, mut server) = pair().await;
    let early = client.try_io(Interest::READABLE, || Ok(7));
    assert_eq!(early.unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(client.try_io(Interest::WRITABLE, || Ok(7)).unwrap(), 7);
    let (calls, enough) = (std::cell::Cell::new(0), std::cell::Cell::new(false));
    let waiting = client.async_io(Interest::READABLE, || {
        calls.set(calls.get() + 1);
        if enough.get() { Ok("done") } else { Err(ErrorKind::WouldBlock.into()) }
    });
    let mut waiting = std::pin::pin!(waiting);
    server.write_all(b"a").await.unwrap();
    assert!(timeout(SOON * 4, &mut waiting).await.is_err(), "it was not enough");
    assert!((1..100).contains(&calls.get()), "waiting for more is no busy loop: {} calls", calls.get());
    enough.set(true);
    server.write_all(b"b").await.unwrap();
    assert_eq!(timeout(HANG, &mut waiting).await.unwrap().unwrap(), "done");
}

#[tokio::test]
async fn a_buffer_is_filled_as_far_as_it_has_memory() {
    let (_net, _listener, mut client, server) = pair().await;
    let mut buffer = Vec::with_capacity(4);
    assert_eq!(server.try_read_buf(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    client.write_all(b"abcdefg").await.unwrap();
    timeout(HANG, server.readable()).await.unwrap().unwrap();
    assert_eq!(server.try_read_buf(&mut buffer).unwrap(), 4);
    let (read, _write) = server.into_split();
    let mut rest = Vec::with_capacity(64);
    assert_eq!(read.try_read_buf(&mut rest).unwrap(), 3);
    assert_eq!((&buffer[..], &rest[..]), (&b"abcd"[..], &b"efg"[..]));
}

#[tokio::test]
async fn a_forgotten_writing_half_ends_with_the_reading_one() {
    let (_net, _listener, mut client, server) = pair().await;
    let (mut read, write) = server.into_split();
    write.forget();
    assert!(timeout(SOON, client.read(&mut [0; 1])).await.is_err(), "no end of the stream yet");
    client.write_all(b"x").await.unwrap();
    assert_eq!(timeout(HANG, read.read_u8()).await.unwrap().unwrap(), b'x');
    drop(read);
    assert_eq!(timeout(HANG, client.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_slow_reader_stops_the_writer_until_it_reads() {
    let (_net, _listener, client, mut server) = pair().await;
    let block = vec![1; 64 << 10];
    let mut written = 0;
    // Until nothing has moved for a while: then every buffer on the way is full.
    loop {
        match client.try_write(&block) {
            Ok(n) => written += n,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                if timeout(SOON * 4, client.writable()).await.is_err() {
                    break;
                }
            }
        }
        assert!(written < 64 << 20, "a reader that does not read must stop the writer");
    }
    let mut left = written;
    let mut buffer = vec![0; 256 << 10];
    while left > 0 {
        left -= timeout(HANG, server.read(&mut buffer)).await.unwrap().unwrap();
    }
    timeout(HANG, client.writable()).await.unwrap().unwrap();
    assert!(client.try_write(&block).unwrap() > 0);
}

#[tokio::test]
async fn borrowed_and_owned_halves_work_on_their_own() {
    let (_net, _listener, mut client, server) = pair().await;
    {
        let (mut read, mut write) = client.split();
        let (mut from, mut to) = server.into_split();
        to.write_all(b"to the client").await.unwrap();
        write.write_all(b"to the server").await.unwrap();
        let (mut a, mut b) = ([0; 13], [0; 13]);
        read.read_exact(&mut a).await.unwrap();
        from.read_exact(&mut b).await.unwrap();
        assert_eq!((&a, &b), (b"to the client", b"to the server"));
        let whole = from.reunite(to).unwrap();
        let (from, to) = whole.into_split();
        drop(to);
        assert_eq!(timeout(HANG, read.read(&mut a)).await.unwrap().unwrap(), 0, "the dropped half sent FIN");
        write.write_all(b"still").await.unwrap();
        timeout(HANG, from.readable()).await.unwrap().unwrap();
        let mut rest = [0; 8];
        assert_eq!(from.try_read(&mut rest).unwrap(), 5);
    }
}

#[tokio::test]
async fn halves_of_two_streams_do_not_reunite() {
    let (_net, _listener, client, server) = pair().await;
    let ((a, b), (c, d)) = (client.into_split(), server.into_split());
    let error = a.reunite(d).unwrap_err();
    assert!(error.0.reunite(b).is_ok());
    assert!(c.reunite(error.1).is_ok());
}

#[tokio::test]
async fn a_cancelled_read_loses_nothing() {
    let (_net, _listener, mut client, mut server) = pair().await;
    let mut text = [0; 8];
    for _ in 0..20 {
        assert!(timeout(Duration::from_millis(1), client.read(&mut text)).await.is_err());
    }
    server.write_all(b"whole").await.unwrap();
    assert_eq!(timeout(HANG, client.read(&mut text)).await.unwrap().unwrap(), 5);
    assert_eq!(&text[..5], b"whole");
}

#[tokio::test]
async fn a_cancelled_accept_loses_no_connection() {
    let net = Net::new().unwrap();
    let listener = net.listen().await.unwrap();
    for _ in 0..20 {
        assert!(timeout(Duration::from_millis(1), listener.accept()).await.is_err());
    }
    let mut client = net.connect(&listener).await.unwrap();
    let (mut server, _) = timeout(HANG, listener.accept()).await.unwrap().unwrap();
    client.write_all(b"x").await.unwrap();
    assert_eq!(server.read_u8().await.unwrap(), b'x');
}

#[tokio::test]
async fn a_cancelled_connect_leaves_the_listener_usable() {
    let net = Net::new().unwrap();
    let listener = net.listen().await.unwrap();
    for polls in 0..6 {
        let connecting = net.connect(&listener);
        let mut connecting = std::pin::pin!(connecting);
        for _ in 0..polls {
            // One poll, then others run, then perhaps it is dropped.
            if poll_once(connecting.as_mut()).await {
                break;
            }
        }
    }
    sleep(SOON).await;
    // Those that got as far as to be accepted show as ended streams; a new one works.
    let mut client = net.connect(&listener).await.unwrap();
    client.write_all(b"me").await.unwrap();
    loop {
        let (mut server, peer) = timeout(HANG, listener.accept()).await.unwrap().unwrap();
        if peer == client.local_addr().unwrap() {
            let mut text = [0; 2];
            server.read_exact(&mut text).await.unwrap();
            assert_eq!(&text, b"me");
            break;
        }
    }
}

/// Polls once and lets others run.
async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    let ready = std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
    if !ready {
        tokio::task::yield_now().await;
    }
    ready
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let net = Net::new().unwrap();
    let open = net.listen().await.unwrap();
    let closed = net.listen().await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    // A connect to another port goes through the same stack after the drop.
    net.connect(&open).await.unwrap();
    let error = timeout(HANG, net.connect_to(address)).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_write_after_shutdown_is_a_broken_pipe() {
    let (_net, _listener, mut client, _server) = pair().await;
    client.shutdown().await.unwrap();
    assert_eq!(client.write(b"late").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn slices_are_written_and_read_in_order() {
    let (_net, _listener, mut client, server) = pair().await;
    let parts = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two "), IoSlice::new(b"three")];
    assert_eq!(client.write_vectored(&parts).await.unwrap(), 13);
    let (mut a, mut b, mut n) = ([0; 5], [0; 16], 0);
    while n < 13 {
        timeout(HANG, server.readable()).await.unwrap().unwrap();
        let (head, tail) = (&mut a[n.min(5)..], &mut b[n.saturating_sub(5)..]);
        match server.try_read_vectored(&mut [IoSliceMut::new(head), IoSliceMut::new(tail)]) {
            Ok(more) => n += more,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    assert_eq!((&a, &b[..8]), (b"one t", &b"wo three"[..]));
}

#[tokio::test]
async fn options_are_kept() {
    let (_net, listener, client, _server) = pair().await;
    assert!(!client.nodelay().unwrap());
    client.set_nodelay(true).unwrap();
    assert!(client.nodelay().unwrap());
    client.set_zero_linger().unwrap();
    client.set_nodelay(false).unwrap();
    assert!(!client.nodelay().unwrap());
    assert_eq!((client.ttl().unwrap(), listener.ttl().unwrap()), (64, 64));
    client.set_ttl(7).unwrap();
    listener.set_ttl(9).unwrap();
    client.set_quickack(true).unwrap();
    assert_eq!((client.ttl().unwrap(), listener.ttl().unwrap()), (7, 9));
    assert!(client.quickack().unwrap() && !client.nodelay().unwrap());
    for wrong in [0, 256] {
        assert_eq!(client.set_ttl(wrong).unwrap_err().kind(), ErrorKind::InvalidInput, "{wrong}");
        assert_eq!(listener.set_ttl(wrong).unwrap_err().kind(), ErrorKind::InvalidInput, "{wrong}");
    }
}

#[tokio::test]
async fn a_connection_inherits_the_time_to_live_of_its_listener() {
    let net = Net::new().unwrap();
    let listener = net.listen().await.unwrap();
    listener.set_ttl(9).unwrap();
    let client = net.connect(&listener).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    assert_eq!((server.ttl().unwrap(), client.ttl().unwrap()), (9, 64));
}

#[tokio::test]
async fn owned_halves_show_their_stream() {
    let (_net, _listener, client, server) = pair().await;
    let address = client.local_addr().unwrap();
    let (mut read, write) = client.into_split();
    assert_eq!(AsRef::<TcpStream>::as_ref(&write).local_addr().unwrap(), address);
    assert_eq!(AsRef::<TcpStream>::as_ref(&read).local_addr().unwrap(), address);
    AsRef::<TcpStream>::as_ref(&read).set_ttl(7).unwrap();
    assert_eq!(AsRef::<TcpStream>::as_ref(&write).ttl().unwrap(), 7);
    drop(write);
    let (mut far_read, mut far_write) = server.into_split();
    assert_eq!(far_read.read(&mut [0; 8]).await.unwrap(), 0, "the dropped half ended its direction");
    far_write.write_all(b"still open").await.unwrap();
    drop(far_write);
    let mut text = String::new();
    read.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "still open");
}

#[tokio::test]
async fn two_tasks_may_wait_for_one_stream_and_one_listener() {
    let net = Net::new().unwrap();
    let listener = std::sync::Arc::new(net.listen().await.unwrap());
    let accepting: Vec<_> = (0..2)
        .map(|_| {
            let listener = listener.clone();
            tokio::spawn(async move { listener.accept().await.unwrap().0 })
        })
        .collect();
    sleep(SOON).await;
    let clients = [net.connect(&listener).await.unwrap(), net.connect(&listener).await.unwrap()];
    let mut servers = Vec::new();
    for task in accepting {
        servers.push(timeout(HANG, task).await.unwrap().unwrap());
    }
    let stream = std::sync::Arc::new(servers.remove(0));
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let stream = stream.clone();
            tokio::spawn(async move { stream.readable().await.unwrap() })
        })
        .collect();
    sleep(SOON).await;
    for client in &clients {
        client.try_write(b"x").unwrap();
    }
    for task in waiting {
        timeout(HANG, task).await.unwrap().unwrap();
    }
}
