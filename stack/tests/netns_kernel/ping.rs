//! Echo requests, both ways.

use crate::support::stack::{KERNELS, OURS, Stack};
use crate::support::{kernel, netns};
use std::net::UdpSocket;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::Command;
use std::thread;
use std::time::Duration;
use synward::shard::{Event, PingError};

pub fn pings_go_both_ways() {
    let mut stack = Stack::new(|_| {});
    for bytes in [0, 56, 1472] {
        stack.host.set_now(stack.clock.now());
        stack.host.ping(KERNELS.into(), 7, 1, bytes, Duration::from_secs(10)).unwrap();
        let pong = stack.event("the kernel's reply", |event| match event {
            Event::Pong(pong) => Some(*pong),
            Event::PingFailed(_, _, error) => panic!("{error}"),
            _ => None,
        });
        assert_eq!((pong.from.to_ip(), pong.sequence, pong.bytes), (KERNELS.into(), 1, bytes));
        assert_eq!(pong.ttl, 64);
    }
    stack.host.ping([10, 77, 0, 40].into(), 7, 2, 56, Duration::from_secs(10)).unwrap();
    let error = stack.event("no reply from the dead address", |event| match event {
        Event::PingFailed(_, 2, error) => Some(*error),
        _ => None,
    });
    assert!(matches!(error, PingError::NeighborSilent { requests: 3, .. }), "{error}");

    let kernel = thread::spawn(|| {
        match Command::new("ping").args(["-c", "3", "-i", "0.2"]).arg(OURS.to_string()).output() {
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(output.status.success() && text.contains(" 0% packet loss"), "{text}");
            }
            Err(_) => by_raw_socket(),
        }
    });
    stack.until("the kernel's pings", |_, _| kernel.is_finished().then_some(()));
    kernel.join().unwrap();
    assert!(stack.host.snapshot().counters.echoes_answered >= 3);
}

/// For machines without the command `ping`: the kernel's own ICMP sockets, which need no privileges.
fn by_raw_socket() {
    netns::sysctl("ipv4/ping_group_range", "0 2147483647").unwrap();
    // SAFETY: a fresh descriptor, owned from here on.
    let socket =
        unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, libc::IPPROTO_ICMP) };
    assert!(socket >= 0, "no ICMP socket: {}", std::io::Error::last_os_error());
    // SAFETY: as above.
    let socket = UdpSocket::from(unsafe { OwnedFd::from_raw_fd(socket) });
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    kernel::set_option(&socket, libc::SOL_SOCKET, libc::SO_SNDBUF, 1 << 16);
    // With 1472 bytes it fills a packet; the kernel sends 3000 in fragments, which is for a later part of the stack.
    for (sequence, length) in [(1, 0), (2, 56), (3, 1472)] {
        let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
        let echo = etherparse::IcmpEchoHeader { id: 0, seq: sequence };
        let header =
            etherparse::Icmpv4Header::with_checksum(etherparse::Icmpv4Type::EchoRequest(echo), &payload);
        let mut request = Vec::new();
        header.write(&mut request).unwrap();
        request.extend_from_slice(&payload);
        socket.send_to(&request, (OURS, 0)).unwrap();
        let mut answer = [0; 2000];
        let (len, from) = socket.recv_from(&mut answer).unwrap();
        assert_eq!(from.ip(), OURS);
        let (kind, body) = (answer[0], &answer[8..len]);
        assert_eq!(
            (kind, u16::from_be_bytes([answer[6], answer[7]]), body),
            (0, sequence, payload.as_slice())
        );
    }
}
