//! Two hosts on one link, each behind the socket calls, in virtual time.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;
use synward::base::{Instant, Secrets};
use synward::device::{DatagramOptions, Datagrams};
use synward::driver::Host;
use synward::shard::HostConfig;
use synward_posix::address::Family;
use synward_posix::{Awaited, Counting, EpollEvent, Errno, Fd, PollFd, Sockets, Stop, tcp_info};

type Calls = Sockets<Datagrams>;

const SERVER: &str = "10.0.0.1";
const CLIENT: &str = "10.0.0.2";
const IN: u32 = libc::EPOLLIN as u32;
const OUT: u32 = libc::EPOLLOUT as u32;
const EDGE: u32 = libc::EPOLLET as u32;

fn calls(address: &str, seed: u64) -> Calls {
    let config = HostConfig::new(address.parse().unwrap(), 24);
    let device = Datagrams::new(DatagramOptions::default());
    let host = Host::with_secrets(config, device, &Secrets::from_test_seed(seed), Instant::ZERO).unwrap();
    Sockets::new(host, Instant::ZERO, Box::new(Counting::new(3, 100)))
}

fn v4(text: &str) -> Vec<u8> {
    let (bytes, len) = Family::V4.encode(text.parse().unwrap());
    bytes[..len].to_vec()
}

fn int(value: i32) -> [u8; 4] {
    value.to_ne_bytes()
}

fn errno<T: std::fmt::Debug>(result: Result<T, Stop>) -> i32 {
    match result {
        Err(Stop::Errno(errno)) => errno.0,
        other => panic!("{other:?}"),
    }
}

struct Pair {
    server: Calls,
    client: Calls,
    now: Instant,
    /// Nothing passes.
    cut: bool,
}

impl Pair {
    fn new() -> Self {
        Self { server: calls(SERVER, 1), client: calls(CLIENT, 2), now: Instant::ZERO, cut: false }
    }

    /// Carries what was sent until nothing moves at this moment.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut moved = false;
            while let Some(sent) = self.client.host_mut().device_mut().take() {
                moved = true;
                if !self.cut {
                    self.server.host_mut().device_mut().inject(&sent.packet).unwrap();
                }
            }
            while let Some(sent) = self.server.host_mut().device_mut().take() {
                moved = true;
                if !self.cut {
                    self.client.host_mut().device_mut().inject(&sent.packet).unwrap();
                }
            }
            self.server.advance(self.now);
            self.client.advance(self.now);
            if !moved {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    fn run(&mut self, span: Duration) {
        let until = self.now + span;
        loop {
            self.settle();
            let next = [self.server.deadline(), self.client.deadline()].into_iter().flatten().min();
            match next.filter(|at| *at <= until) {
                Some(at) => self.now = self.now.max(at),
                None => break,
            }
        }
        self.now = until;
        self.settle();
    }

    fn listener(&mut self) -> Fd {
        let fd = self.server.socket(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
        self.server.bind(fd, &v4("0.0.0.0:80")).unwrap();
        self.server.listen(fd, 8).unwrap();
        fd
    }

    /// The listener, the client's descriptor, the accepted one; neither blocks.
    fn connected(&mut self) -> (Fd, Fd, Fd) {
        let listener = self.listener();
        let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
        let client = self.client.socket(libc::AF_INET, kind, libc::IPPROTO_TCP).unwrap();
        assert_eq!(errno(self.client.connect(client, &v4("10.0.0.1:80"))), libc::EINPROGRESS);
        self.settle();
        let (accepted, peer) = self.server.accept(listener, libc::SOCK_NONBLOCK).unwrap();
        assert_eq!(peer.ip().to_string(), CLIENT);
        (listener, client, accepted)
    }
}

#[test]
fn a_blocking_connect_and_accept_say_what_they_wait_for_and_end_when_called_again() {
    let mut pair = Pair::new();
    let listener = pair.listener();
    let Err(Stop::WouldBlock(wait)) = pair.server.accept(listener, 0) else { panic!("nobody is there") };
    assert_eq!((wait.fd, wait.on, wait.until), (listener, Awaited::Incoming, None));
    let fd = pair.client.socket(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
    let Err(Stop::WouldBlock(wait)) = pair.client.connect(fd, &v4("10.0.0.1:80")) else { panic!("so soon") };
    assert_eq!(wait.on, Awaited::Connected);
    pair.settle();
    assert_eq!(pair.client.connect(fd, &v4("10.0.0.1:80")), Ok(()));
    assert_eq!(errno(pair.client.connect(fd, &v4("10.0.0.1:80"))), libc::EISCONN);
    let (accepted, _) = pair.server.accept(listener, 0).unwrap();
    assert_eq!(pair.server.getsockname(accepted).unwrap().to_string(), "10.0.0.1:80");
    assert_eq!(pair.client.getpeername(fd).unwrap().to_string(), "10.0.0.1:80");
}

#[test]
fn a_non_blocking_connect_is_in_progress_then_done_and_told_once() {
    let mut pair = Pair::new();
    pair.listener();
    let fd = pair.client.socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0).unwrap();
    assert_eq!(errno(pair.client.connect(fd, &v4("10.0.0.1:80"))), libc::EINPROGRESS);
    assert_eq!(errno(pair.client.connect(fd, &v4("10.0.0.1:80"))), libc::EALREADY);
    let mut fds = [PollFd { fd, events: libc::POLLOUT, revents: 0 }];
    assert_eq!(pair.client.poll(&mut fds, 0), Ok(0));
    pair.settle();
    assert_eq!(pair.client.poll(&mut fds, 0), Ok(1));
    assert_eq!(pair.client.connect(fd, &v4("10.0.0.1:80")), Ok(()));
    assert_eq!(errno(pair.client.connect(fd, &v4("10.0.0.1:80"))), libc::EISCONN);
}

#[test]
fn a_refused_connect_leaves_its_error_once_and_the_socket_may_try_again() {
    let mut pair = Pair::new();
    let fd = pair.client.socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0).unwrap();
    assert_eq!(errno(pair.client.connect(fd, &v4("10.0.0.1:81"))), libc::EINPROGRESS);
    pair.settle();
    let mut value = [0; 4];
    assert_eq!(pair.client.getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, &mut value), Ok(4));
    assert_eq!(value, int(libc::ECONNREFUSED));
    pair.client.getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, &mut value).unwrap();
    assert_eq!(value, int(0));
    pair.listener();
    assert_eq!(errno(pair.client.connect(fd, &v4("10.0.0.1:80"))), libc::EINPROGRESS);
    pair.settle();
    assert_eq!(pair.client.connect(fd, &v4("10.0.0.1:80")), Ok(()));
}

#[test]
fn bytes_are_peeked_thrown_away_and_read_and_the_end_is_zero() {
    let mut pair = Pair::new();
    let (_, client, accepted) = pair.connected();
    let mut out = [0; 16];
    assert_eq!(errno(pair.server.recv(accepted, &mut out, 0)), libc::EAGAIN);
    assert_eq!(pair.client.send(client, b"abcdef", 0), Ok(6));
    pair.settle();
    assert_eq!(pair.server.ioctl(accepted, libc::FIONREAD), Ok(6));
    assert_eq!(pair.server.recv(accepted, &mut out, libc::MSG_PEEK), Ok(6));
    assert_eq!(pair.server.recv(accepted, &mut out[..2], libc::MSG_TRUNC), Ok(2));
    assert_eq!(pair.server.recv(accepted, &mut out, 0), Ok(4));
    assert_eq!(&out[..4], b"cdef");
    assert_eq!(errno(pair.server.recv(accepted, &mut out, libc::MSG_OOB)), libc::EINVAL);
    pair.client.shutdown(client, libc::SHUT_WR).unwrap();
    assert_eq!(pair.client.ioctl(client, libc::TIOCOUTQ), Ok(1), "the FIN is owed");
    assert_eq!(errno(pair.client.send(client, b"x", 0)), libc::EPIPE);
    pair.settle();
    assert_eq!(pair.server.recv(accepted, &mut out, 0), Ok(0));
    assert_eq!(pair.server.send(accepted, b"last", 0), Ok(4));
    pair.settle();
    assert_eq!(pair.client.recv(client, &mut out, 0), Ok(4));
}

#[test]
fn a_blocking_write_tells_how_much_it_took_and_goes_on_with_the_rest() {
    let mut pair = Pair::new();
    let (_, client, accepted) = pair.connected();
    pair.client.fcntl(client, libc::F_SETFL, 0).unwrap();
    assert_eq!(pair.client.fcntl(client, libc::F_GETFL, 0), Ok(libc::O_RDWR));
    pair.client.setsockopt(client, libc::SOL_SOCKET, libc::SO_SNDBUF, &int(10_000)).unwrap();
    let bytes = vec![7; 300_000];
    let (mut done, mut got) = (0, 0);
    let mut out = vec![0; 65_536];
    loop {
        match pair.client.send(client, &bytes[done..], 0) {
            Ok(n) => {
                done += n;
                break;
            }
            Err(Stop::WouldBlock(wait)) => {
                assert_eq!(wait.on, Awaited::Writable);
                done += wait.done;
            }
            Err(stop) => panic!("{stop:?}"),
        }
        pair.run(Duration::from_millis(50));
        while let Ok(n) = pair.server.recv(accepted, &mut out, 0) {
            got += n;
        }
    }
    pair.run(Duration::from_secs(1));
    while let Ok(n) = pair.server.recv(accepted, &mut out, 0) {
        got += n;
    }
    assert_eq!((done, got), (300_000, 300_000));
}

#[test]
fn a_reset_gives_what_came_before_it_then_its_error_once_then_the_end() {
    let mut pair = Pair::new();
    let (_, client, accepted) = pair.connected();
    pair.client.send(client, b"abc", 0).unwrap();
    pair.settle();
    let linger = [int(1), int(0)].concat();
    pair.client.setsockopt(client, libc::SOL_SOCKET, libc::SO_LINGER, &linger).unwrap();
    pair.client.close(client).unwrap();
    pair.settle();
    let mut fds = [PollFd { fd: accepted, events: libc::POLLIN, revents: 0 }];
    pair.server.poll(&mut fds, 0).unwrap();
    assert_eq!(fds[0].revents, libc::POLLIN | libc::POLLHUP | libc::POLLERR);
    let mut out = [0; 8];
    assert_eq!(pair.server.recv(accepted, &mut out, 0), Ok(3));
    assert_eq!(errno(pair.server.recv(accepted, &mut out, 0)), libc::ECONNRESET);
    assert_eq!(pair.server.recv(accepted, &mut out, 0), Ok(0));
    assert_eq!(errno(pair.server.send(accepted, b"x", 0)), libc::EPIPE);
    assert_eq!(pair.client.fcntl(client, libc::F_GETFL, 0), Err(Errno(libc::EBADF)));
}

#[test]
fn an_edge_is_told_once_and_a_level_for_as_long_as_it_holds() {
    let mut pair = Pair::new();
    let (_, client, accepted) = pair.connected();
    let (edge, level) = (pair.server.epoll_create(0).unwrap(), pair.server.epoll_create(0).unwrap());
    let asked = |events| Some(EpollEvent { events, data: 9 });
    pair.server.epoll_ctl(edge, libc::EPOLL_CTL_ADD, accepted, asked(IN | OUT | EDGE)).unwrap();
    pair.server.epoll_ctl(level, libc::EPOLL_CTL_ADD, accepted, asked(IN)).unwrap();
    let again = pair.server.epoll_ctl(level, libc::EPOLL_CTL_ADD, accepted, asked(IN));
    assert_eq!(again, Err(Errno(libc::EEXIST)));
    let told =
        |calls: &mut Calls, set| calls.epoll_wait(set, 4, 0).unwrap().first().map(|event| event.events);
    assert_eq!(told(&mut pair.server, edge), Some(OUT));
    assert_eq!(told(&mut pair.server, edge), None);
    assert_eq!(told(&mut pair.server, level), None);
    for _ in 0..2 {
        pair.client.send(client, b"abc", 0).unwrap();
        pair.settle();
        assert_eq!(told(&mut pair.server, edge), Some(IN | OUT));
        assert_eq!(told(&mut pair.server, edge), None);
        assert_eq!(told(&mut pair.server, level), Some(IN));
    }
    let mut fds = [PollFd { fd: level, events: libc::POLLIN, revents: 0 }];
    assert_eq!(pair.server.poll(&mut fds, 0), Ok(1), "a set is ready where one of its members is");
    let mut out = [0; 8];
    assert_eq!(pair.server.recv(accepted, &mut out, 0), Ok(6));
    assert_eq!(told(&mut pair.server, level), None);
    let Err(Stop::WouldBlock(wait)) = pair.server.epoll_wait(level, 4, 250) else {
        panic!("nothing is there")
    };
    assert_eq!((wait.until, wait.expired(0)), (Some(pair.now + Duration::from_millis(250)), Ok(0)));
    pair.server.close(accepted).unwrap();
    assert_eq!(told(&mut pair.server, level), None);
}

#[test]
fn more_is_held_for_one_time_out_and_a_cork_until_it_is_pulled() {
    let mut pair = Pair::new();
    let (_, client, accepted) = pair.connected();
    let unread = |pair: &Pair| pair.server.ioctl(accepted, libc::FIONREAD).unwrap();
    pair.client.send(client, b"abc", libc::MSG_MORE).unwrap();
    pair.run(Duration::from_millis(100));
    assert_eq!(unread(&pair), 0);
    pair.run(Duration::from_secs(2));
    assert_eq!(unread(&pair), 3, "one retransmission time-out is the most");
    pair.client.send(client, b"def", libc::MSG_MORE).unwrap();
    pair.client.send(client, b"ghi", 0).unwrap();
    pair.settle();
    assert_eq!(unread(&pair), 9);
    pair.client.setsockopt(client, libc::IPPROTO_TCP, libc::TCP_CORK, &int(1)).unwrap();
    pair.client.send(client, &[0; 2000], 0).unwrap();
    pair.settle();
    assert_eq!(unread(&pair), 9 + 1448, "what fills a segment goes");
    pair.client.setsockopt(client, libc::IPPROTO_TCP, libc::TCP_CORK, &int(0)).unwrap();
    pair.settle();
    assert_eq!(unread(&pair), 2009);
}

#[test]
fn options_are_read_back_and_unknown_ones_refused() {
    let mut pair = Pair::new();
    let fd = pair.client.socket(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
    let mut value = [0; 4];
    for (level, name, set, shown) in [
        (libc::SOL_SOCKET, libc::SO_SNDBUF, 5000, 10_000),
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1, 1),
        (libc::IPPROTO_TCP, libc::TCP_NODELAY, 1, 1),
        (libc::IPPROTO_TCP, libc::TCP_MAXSEG, 1100, 1100),
        (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, 3000, 3000),
        (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, 77, 77),
        (libc::IPPROTO_IP, libc::IP_TOS, 0x13, 0x10),
        (libc::IPPROTO_IP, libc::IP_TTL, 9, 9),
        (libc::IPPROTO_IP, libc::IP_TTL, -1, 64),
        (libc::IPPROTO_TCP, libc::TCP_QUICKACK, 1, 1),
    ] {
        pair.client.setsockopt(fd, level, name, &int(set)).unwrap();
        assert_eq!(pair.client.getsockopt(fd, level, name, &mut value), Ok(4));
        assert_eq!(value, int(shown), "{level} {name}");
    }
    let refused = |errno| Err(Errno(errno));
    let mut set = |name, value: &[u8]| pair.client.setsockopt(fd, libc::IPPROTO_TCP, name, value);
    assert_eq!(set(9999, &int(1)), refused(libc::ENOPROTOOPT));
    assert_eq!(set(libc::TCP_NODELAY, &[1]), refused(libc::EINVAL));
    assert_eq!(set(libc::TCP_MAXSEG, &int(20)), refused(libc::EINVAL));
    assert_eq!(set(libc::TCP_INFO, &int(20)), refused(libc::ENOPROTOOPT));
}

/// The offsets of Linux' structure.
#[test]
fn tcp_info_has_linux_layout_and_units() {
    let mut pair = Pair::new();
    let (listener, client, accepted) = pair.connected();
    let look = |calls: &mut Calls, fd| {
        let mut bytes = [0; tcp_info::LEN];
        assert_eq!(calls.getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, &mut bytes), Ok(tcp_info::LEN));
        bytes
    };
    let word = |bytes: &[u8], at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(look(&mut pair.server, listener)[0], 10);
    pair.cut = true;
    pair.client.send(client, &[0; 3000], 0).unwrap();
    let info = look(&mut pair.client, client);
    assert_eq!((info[0], info[1], info[5]), (1, 0, 7), "established, open, all options");
    assert_eq!((word(&info, 16), word(&info, 24)), (1448, 2), "the short third one waits for Nagle");
    assert_eq!((word(&info, 76), word(&info, 80), word(&info, 144)), (0x7fff_ffff, 10, 104));
    pair.run(Duration::from_secs(2));
    let info = look(&mut pair.client, client);
    assert_eq!((info[1], word(&info, 80)), (4, 1), "loss, one segment");
    assert!(word(&info, 100) > 0 && info[2] > 0);
    let long = |bytes: &[u8], at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
    assert_eq!(
        (long(&info, 120), long(&info, 200) - long(&info, 208)),
        (0, 2896),
        "bytes acked; bytes sent once"
    );
    pair.cut = false;
    pair.run(Duration::from_secs(10));
    let (sent, received) = (look(&mut pair.client, client), look(&mut pair.server, accepted));
    assert_eq!((long(&sent, 120), long(&received, 128)), (3000, 3000), "bytes acked, bytes received");
    assert!(word(&sent, 192) >= 4 && word(&received, 152) >= 3, "delivered with the SYN, segments with data");
    pair.server.close(accepted).unwrap();
}

#[test]
fn mapped_addresses_name_the_peer_of_an_ipv6_socket() {
    let mut pair = Pair::new();
    let listener = pair.server.socket(libc::AF_INET6, libc::SOCK_STREAM, 0).unwrap();
    let (any, len) = Family::V6.encode("0.0.0.0:80".parse().unwrap());
    pair.server.bind(listener, &any[..len]).unwrap();
    pair.server.listen(listener, 1).unwrap();
    let client = pair.client.socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0).unwrap();
    assert_eq!(errno(pair.client.connect(client, &v4("10.0.0.1:80"))), libc::EINPROGRESS);
    pair.settle();
    let (accepted, peer) = pair.server.accept(listener, 0).unwrap();
    let (bytes, len) = pair.server.family(accepted).unwrap().encode(peer);
    assert_eq!((len, &bytes[18..24]), (28, &[0xff, 0xff, 10, 0, 0, 2][..]));
}

#[test]
fn what_is_no_socket_of_ours_is_an_error_and_numbers_come_back() {
    let mut pair = Pair::new();
    let calls = &mut pair.client;
    assert_eq!(calls.socket(libc::AF_UNIX, libc::SOCK_STREAM, 0), Err(Errno(libc::EAFNOSUPPORT)));
    assert_eq!(calls.socket(libc::AF_INET, libc::SOCK_DGRAM, 0), Err(Errno(libc::ESOCKTNOSUPPORT)));
    assert_eq!(errno(calls.close(77)), libc::EBADF);
    let fd = calls.socket(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap();
    assert_eq!(calls.shutdown(fd, libc::SHUT_WR), Err(Errno(libc::ENOTCONN)));
    assert_eq!(calls.shutdown(fd, 9), Err(Errno(libc::EINVAL)));
    assert_eq!(calls.bind(fd, &v4("10.9.9.9:1")), Err(Errno(libc::EADDRNOTAVAIL)));
    assert_eq!(errno(calls.accept(fd, 0)), libc::EINVAL);
    assert_eq!(errno(calls.recv(fd, &mut [0; 4], 0)), libc::ENOTCONN);
    let set = calls.epoll_create(0).unwrap();
    assert_eq!(calls.listen(set, 1), Err(Errno(libc::ENOTSOCK)));
    calls.close(fd).unwrap();
    assert_eq!(calls.socket(libc::AF_INET, libc::SOCK_STREAM, 0), Ok(fd));
}

fn linger(calls: &mut Calls, fd: Fd, seconds: i32) {
    let value = [int(1), int(seconds)].concat();
    calls.setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, &value).unwrap();
}

/// RFC 9293, Section 3.9.1.4.
#[test]
fn a_close_with_a_linger_time_waits_for_the_acknowledgment_of_data_and_fin() {
    let mut pair = Pair::new();
    let (_, client, accepted) = pair.connected();
    pair.client.fcntl(client, libc::F_SETFL, 0).unwrap();
    linger(&mut pair.client, client, 5);
    pair.client.send(client, b"abc", 0).unwrap();
    let Err(Stop::WouldBlock(wait)) = pair.client.close(client) else { panic!("nothing is acknowledged") };
    assert_eq!((wait.fd, wait.on, wait.until), (client, Awaited::Acknowledged, None));
    // To every other call it is closed, and its number is not given again.
    assert!(pair.client.knows(client));
    assert_eq!(errno(pair.client.send(client, b"d", 0)), libc::EBADF);
    assert_eq!(pair.client.fcntl(client, libc::F_GETFL, 0), Err(Errno(libc::EBADF)));
    assert_ne!(pair.client.socket(libc::AF_INET, libc::SOCK_STREAM, 0), Ok(client));
    assert!(matches!(pair.client.close(client), Err(Stop::WouldBlock(_))));
    pair.settle();
    assert_eq!(pair.client.close(client), Ok(()));
    assert!(!pair.client.knows(client));
    assert_eq!(pair.client.socket(libc::AF_INET, libc::SOCK_STREAM, 0), Ok(client));
    let mut out = [0; 8];
    assert_eq!(pair.server.recv(accepted, &mut out, 0), Ok(3));
    assert_eq!(pair.server.recv(accepted, &mut out, 0), Ok(0));
}

#[test]
fn a_close_that_lingers_ends_with_its_time_and_one_that_never_waits_ends_at_once() {
    let mut pair = Pair::new();
    let (listener, client, _accepted) = pair.connected();
    pair.client.fcntl(client, libc::F_SETFL, 0).unwrap();
    linger(&mut pair.client, client, 2);
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
    let other = pair.client.socket(libc::AF_INET, kind, 0).unwrap();
    assert_eq!(errno(pair.client.connect(other, &v4("10.0.0.1:80"))), libc::EINPROGRESS);
    pair.settle();
    pair.server.accept(listener, 0).unwrap();
    linger(&mut pair.client, other, 2);
    pair.cut = true;
    for fd in [client, other] {
        pair.client.send(fd, b"abc", 0).unwrap();
    }
    assert_eq!(pair.client.close(other), Ok(()));
    assert!(matches!(pair.client.close(client), Err(Stop::WouldBlock(_))));
    pair.run(Duration::from_millis(1900));
    assert!(matches!(pair.client.close(client), Err(Stop::WouldBlock(_))));
    pair.run(Duration::from_millis(200));
    assert_eq!(pair.client.close(client), Ok(()));
    assert_eq!(errno(pair.client.close(client)), libc::EBADF);
}
