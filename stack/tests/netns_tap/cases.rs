//! The tests.

use crate::frames::{KERNELS, MAC, OURS, datagram, host, partial, seed, segment};
use crate::support::{netns, skip, wait_for};
use etherparse::{Icmpv4Slice, Icmpv4Type, SlicedPacket, TcpHeader, TransportSlice};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;
use synward::buffer::{Buf, Checksum, Device, Offload};
use synward::device::{HostSide, Tap, TapError, TapOptions};

fn kernel_udp() -> UdpSocket {
    let socket = UdpSocket::bind((KERNELS, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

pub fn the_kernel_resolves_us_by_arp_and_its_udp_arrives_with_a_partial_checksum() {
    let mut host = host(|_| {});
    assert_eq!(host.tap.capabilities().mtu, 1500);
    assert!(host.tap.capabilities().checksum_offload);
    kernel_udp().send_to(b"to the stack", (OURS, 5000)).unwrap();
    let (header, payload, offload) = host.expect("the kernel's datagram", |frame| {
        datagram(frame).map(|(header, payload)| (header, payload, frame.offload()))
    });
    assert_eq!((header.destination_port, payload.as_slice()), (5000, &b"to the stack"[..]));
    assert_eq!(offload, partial(6, 0), "the kernel left the checksum to us");
}

/// The ICMP message of a frame.
fn icmp(frame: &Buf) -> Option<(Icmpv4Type, Vec<u8>)> {
    let packet = SlicedPacket::from_ethernet(frame.data()).unwrap();
    let Some(TransportSlice::Icmpv4(icmp)) = packet.transport else { return None };
    Some((icmp.icmp_type(), icmp.payload().to_vec()))
}

pub fn a_ping_goes_both_ways() {
    let mut host = host(|_| {});
    let mut bytes = Vec::new();
    host.ip().icmpv4_echo_request(7, 1).write(&mut bytes, b"are you there").unwrap();
    host.send(&bytes, Offload::default());
    let reply = host.expect("the kernel's echo reply", |frame| {
        icmp(frame).filter(|(kind, _)| matches!(kind, Icmpv4Type::EchoReply(echo) if echo.id == 7))
    });
    assert_eq!(reply.1, b"are you there");

    // SAFETY: a fresh descriptor that nobody else has.
    let raw = unsafe { libc::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP) };
    if raw < 0 {
        skip("no raw socket in this namespace");
    }
    // SAFETY: as above; `raw` is open.
    let ping = UdpSocket::from(unsafe { OwnedFd::from_raw_fd(raw) });
    ping.set_nonblocking(true).unwrap();
    let mut request = Vec::new();
    let echo = Icmpv4Type::EchoRequest(etherparse::IcmpEchoHeader { id: 8, seq: 3 });
    etherparse::Icmpv4Header::with_checksum(echo, b"kernel").write(&mut request).unwrap();
    request.extend_from_slice(b"kernel");
    ping.send_to(&request, (OURS, 0)).unwrap();
    let (kind, payload) = host.expect("the kernel's echo request", |frame| {
        icmp(frame).filter(|(kind, _)| matches!(kind, Icmpv4Type::EchoRequest(_)))
    });
    let Icmpv4Type::EchoRequest(echo) = kind else { unreachable!("filtered") };
    assert_eq!((echo.id, echo.seq, payload.as_slice()), (8, 3, &b"kernel"[..]));
    let mut bytes = Vec::new();
    host.ip().icmpv4_echo_reply(echo.id, echo.seq).write(&mut bytes, &payload).unwrap();
    host.send(&bytes, Offload::default());
    let mut answer = [0; 200];
    let len = wait_for("our echo reply at the kernel's socket", || {
        ping.recv_from(&mut answer).ok().filter(|(_, from)| from.ip() == IpAddr::V4(OURS)).map(|(len, _)| len)
    });
    let reply = Icmpv4Slice::from_slice(&answer[20..len]).unwrap();
    assert!(matches!(reply.icmp_type(), Icmpv4Type::EchoReply(reply) if reply == echo));
}

pub fn a_udp_frame_with_a_partial_checksum_reaches_a_kernel_socket() {
    let mut host = host(|_| {});
    let socket = kernel_udp();
    let port = socket.local_addr().unwrap().port();
    let mut bytes = Vec::new();
    host.ip().udp(5000, port).write(&mut bytes, b"partial").unwrap();
    // A checksum that nobody finishes is wrong, and the kernel drops the frame: the second one must be the first to arrive.
    let mut wrong = bytes.clone();
    wrong[34 + 6] ^= 0xff;
    host.send(&wrong, Offload::default());
    seed(&mut bytes, 34 + 6);
    host.send(&bytes, partial(6, 0));
    let mut answer = [0; 100];
    let (len, from) = socket.recv_from(&mut answer).unwrap();
    assert_eq!((&answer[..len], from), (&b"partial"[..], SocketAddr::from((OURS, 5000))));
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv_from(&mut answer).is_err(), "the wrong one did not arrive");
}

/// A TCP connection that the kernel opened to us, played by hand: no loss, no timers.
struct Played {
    host: crate::frames::Host,
    peer_port: u16,
    ours: u32,
    theirs: u32,
}

const PORT: u16 = 80;

impl Played {
    /// Answers the kernel's SYN.
    fn accept(mut host: crate::frames::Host, check: impl FnOnce(&crate::frames::Segment)) -> Self {
        let syn = host.expect_segment("the kernel's SYN", PORT);
        check(&syn);
        assert!(syn.header.syn && !syn.header.ack);
        let theirs = syn.header.sequence_number.wrapping_add(1);
        let mut played = Self { host, peer_port: syn.header.source_port, ours: 1000, theirs };
        let mut header = played.header();
        header.syn = true;
        header.set_options(&[etherparse::TcpOptionElement::MaximumSegmentSize(1460)]).unwrap();
        played.send(header, &[], 0);
        played.ours += 1;
        played
    }

    fn header(&self) -> TcpHeader {
        let mut header = TcpHeader::new(PORT, self.peer_port, self.ours, 65_535);
        header.ack = true;
        header.acknowledgment_number = self.theirs;
        header
    }

    fn send(&mut self, header: TcpHeader, payload: &[u8], segment_size: u16) {
        let mut bytes = Vec::new();
        self.host.ip().tcp_header(header).write(&mut bytes, payload).unwrap();
        seed(&mut bytes, 34 + 16);
        let offload = partial(16, segment_size);
        if self.host.tap.capabilities().checksum_offload {
            self.host.send(&bytes, offload);
        } else {
            // The device finishes it.
            self.host.send(&bytes, Offload { segment_size: 0, ..offload });
        }
    }

    /// Takes segments until `len` bytes came, acknowledging each; gives them and what `look` says of each segment.
    fn receive<T>(
        &mut self,
        len: usize,
        mut look: impl FnMut(&crate::frames::Segment) -> T,
    ) -> (Vec<u8>, Vec<T>) {
        let (mut bytes, mut looks) = (Vec::new(), Vec::new());
        while bytes.len() < len {
            let segment = self.host.expect_segment("data from the kernel", PORT);
            if segment.payload.is_empty() || segment.header.sequence_number != self.theirs {
                continue;
            }
            looks.push(look(&segment));
            self.theirs = self.theirs.wrapping_add(segment.payload.len() as u32);
            bytes.extend_from_slice(&segment.payload);
            let header = self.header();
            self.send(header, &[], 0);
        }
        (bytes, looks)
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 251) as u8).collect()
}

/// A kernel client that connects, writes `len` patterned bytes, then reads as many and checks them.
fn kernel_client(len: usize) -> std::thread::JoinHandle<io::Result<()>> {
    std::thread::spawn(move || {
        let mut stream = TcpStream::connect((OURS, PORT))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_write_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(&pattern(len))?;
        let mut back = vec![0; len];
        stream.read_exact(&mut back)?;
        assert!(back == pattern(len), "the bytes came back changed");
        Ok(())
    })
}

pub fn super_segments_carry_a_tcp_stream_both_ways_unharmed() {
    const LEN: usize = 400_000;
    let host = host(|_| {});
    let client = kernel_client(LEN);
    let mut played = Played::accept(host, |syn| assert_eq!(syn.offload, partial(16, 0)));
    let (bytes, looks) = played.receive(LEN, |segment| (segment.payload.len(), segment.offload));
    assert!(bytes == pattern(LEN));
    let supers: Vec<_> = looks.iter().filter(|(_, offload)| offload.segment_size > 0).collect();
    assert!(!supers.is_empty(), "the kernel sent super-segments");
    for (len, offload) in supers {
        assert_eq!(*offload, partial(16, 1460));
        assert!(*len > 1460);
    }
    assert!(looks.iter().all(|(len, offload)| *len <= 1460 || offload.segment_size > 0));
    // And back: 20 000 bytes at a time, acknowledged before the next.
    for chunk in pattern(LEN).chunks(20_000) {
        let mut header = played.header();
        header.psh = true;
        played.send(header, chunk, 1460);
        played.ours += chunk.len() as u32;
        let goal = played.ours;
        played.host.expect("the kernel's acknowledgement", |frame| {
            segment(frame)
                .filter(|segment| segment.header.ack && segment.header.acknowledgment_number == goal)
        });
    }
    client.join().unwrap().unwrap();
    assert_eq!(played.host.tap.counters(), Default::default());
}

pub fn without_offload_frames_are_plain_and_whole() {
    const LEN: usize = 50_000;
    let host = host(|options| options.offload = false);
    let capabilities = host.tap.capabilities();
    assert_eq!((capabilities.checksum_offload, capabilities.segmentation), (false, 0));
    let client = kernel_client(LEN);
    let mut played = Played::accept(host, |syn| assert!(syn.checksum_is_right));
    let (bytes, looks) =
        played.receive(LEN, |segment| (segment.payload.len(), segment.checksum_is_right, segment.offload));
    assert!(bytes == pattern(LEN));
    for (len, right, offload) in looks {
        assert!(right && len <= 1460);
        assert_eq!(offload, Offload::default());
    }
    for chunk in pattern(LEN).chunks(1460) {
        let header = played.header();
        played.send(header, chunk, 0);
        played.ours += chunk.len() as u32;
        let goal = played.ours;
        played.host.expect("the kernel's acknowledgement", |frame| {
            segment(frame).filter(|segment| segment.header.acknowledgment_number == goal)
        });
    }
    client.join().unwrap().unwrap();
    // A super-segment is nothing that this interface carries.
    played.host.send(&vec![0; 9000], partial(16, 1460));
    assert_eq!(played.host.tap.counters().refused, 1);
}

pub fn jumbo_frames_pass_where_the_mtu_allows_and_others_are_refused() {
    let mut host = host(|options| options.mtu = Some(9000));
    assert_eq!(host.tap.host_side().mtu().unwrap(), 9000);
    let socket = kernel_udp();
    socket.send_to(&pattern(8972), (OURS, 5000)).unwrap();
    let payload = host.expect("a jumbo datagram", |frame| datagram(frame).map(|(_, payload)| payload));
    assert!(payload == pattern(8972));
    let port = socket.local_addr().unwrap().port();
    for (len, refused) in [(8973, 1), (8972, 1)] {
        let mut bytes = Vec::new();
        host.ip().udp(5000, port).write(&mut bytes, &pattern(len)).unwrap();
        host.send(&bytes, Offload::default());
        assert_eq!(host.tap.counters().refused, refused, "{len} bytes");
    }
    let mut answer = vec![0; 9000];
    assert_eq!(socket.recv(&mut answer).unwrap(), 8972);
    assert!(answer[..8972] == pattern(8972));
}

pub fn a_name_in_use_or_of_another_kind_of_interface_is_refused_with_the_reason() {
    let host = host(|_| {});
    let again = Tap::open(&TapOptions::new("syn0")).unwrap_err();
    assert!(matches!(&again, TapError::InUse { name } if name == "syn0"), "{again}");
    let other = Tap::open(&TapOptions::new("lo")).unwrap_err();
    assert!(matches!(&other, TapError::NotTap { name } if name == "lo"), "{other}");
    let invalid = Tap::open(&TapOptions::new("a/b")).unwrap_err();
    assert!(matches!(invalid, TapError::Name { .. }), "{invalid}");
    let mtu = Tap::open(&TapOptions { mtu: Some(10), ..TapOptions::new("syn1") }).unwrap_err();
    assert!(mtu.to_string().contains("set the MTU to 10 on interface syn1"), "{mtu}");
    drop(host);
    assert!(HostSide::new("syn0").mtu().is_err(), "it went with its device");
    let numbered = Tap::open(&TapOptions::new("syn%d")).unwrap();
    assert_eq!(numbered.name(), "syn0", "the kernel chose the first free number");
    assert!(numbered.capabilities().mac.is_station(), "a random address of a station");
}

pub fn without_the_capability_the_error_names_it() {
    let host = host(|_| {});
    if let Err(error) = netns::drop_rights() {
        skip(&format!("no user namespace: {error}"));
    }
    match Tap::open(&TapOptions::new("syn1")) {
        Err(TapError::NodeForbidden { .. }) => skip("/dev/net/tun is for root alone here"),
        Err(error @ TapError::Permission { .. }) => assert!(error.to_string().contains("CAP_NET_ADMIN")),
        other => panic!("{other:?}"),
    }
    let error = host.tap.host_side().set_up(false).unwrap_err().to_string();
    assert!(error.contains("take down the link") && error.contains("CAP_NET_ADMIN"), "{error}");
}

pub fn frames_to_an_interface_that_is_down_are_counted_and_the_device_stays_usable() {
    let mut host = host(|_| {});
    let side = host.tap.host_side();
    side.set_up(false).unwrap();
    assert!(!side.is_up().unwrap());
    host.send(&[0; 60], Offload::default());
    assert_eq!(host.tap.counters().down, 1);
    assert!(host.poll().is_none());
    side.set_up(true).unwrap();
    kernel_udp().send_to(b"again", (OURS, 5000)).unwrap();
    let payload = host.expect("a datagram after all", |frame| datagram(frame).map(|(_, payload)| payload));
    assert_eq!(payload, b"again");
    assert_eq!(host.tap.capabilities().mac, MAC);
}

pub fn a_deleted_interface_is_told_in_both_directions() {
    let mut host = host(|_| {});
    let deleted = std::process::Command::new("ip").args(["link", "delete", "syn0"]).status();
    if !deleted.is_ok_and(|status| status.success()) {
        skip("the command ip is missing");
    }
    let mut into = VecDeque::new();
    let error =
        wait_for("the end of the interface", || host.tap.receive(&mut host.pool, &mut into, 16).err());
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    assert!(error.to_string().contains("syn0 was deleted"), "{error}");
    let mut from = VecDeque::from([Buf::new(200, 100)]);
    from[0].append(&[0; 60]);
    let error = host.tap.transmit(&mut from, &mut host.pool).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    assert_eq!((from.len(), from[0].len()), (1, 60), "the frame is still the caller's, without the header");
}

pub fn a_persistent_interface_stays_and_forgets_the_offloads_of_its_last_user() {
    drop(host(|options| options.persistent = true));
    let side = HostSide::new("syn0");
    assert!(side.is_up().unwrap(), "it stays, as it was");
    let mut plain = host(|options| options.offload = false);
    kernel_udp().send_to(b"plain", (OURS, 5000)).unwrap();
    let offload = plain.expect("a datagram", |frame| datagram(frame).map(|_| frame.offload()));
    assert_eq!(offload.checksum, Checksum::Complete);
    plain.tap.set_persistent(false).unwrap();
    drop(plain);
    assert!(side.is_up().is_err(), "gone");
}
