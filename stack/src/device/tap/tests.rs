//! A device that takes a part of a frame, under a whole stack.

use super::*;
use crate::Stack;
use crate::shard::StackError;
use crate::wire::{ArpOperation, ArpPacket, EtherType, EthernetHeader};
use core::time::Duration;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

const OURS: Mac = Mac([2, 0, 0, 0, 0, 1]);
const THEIRS: Mac = Mac([2, 0, 0, 0, 0, 2]);

/// A TAP interface whose descriptor is a stream with so little room that it takes small frames whole and large ones in part,
/// and the other end of the stream.
fn narrow() -> (Tap, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    socket2::SockRef::from(&ours).set_send_buffer_size(1).unwrap();
    let tap = Tap {
        file: File::from(OwnedFd::from(ours)),
        name: "narrow".to_owned(),
        capabilities: Capabilities { mac: OURS, mtu: 60_000, checksum_offload: false, segmentation: 0 },
        vnet_header: false,
        reader: Reader::default(),
        counters: TapCounters::default(),
    };
    (tap, theirs)
}

/// Answers the first request for the address `last` of 192.0.2.0/24.
fn answer_arp(link: &mut UnixStream, last: u8) {
    let mut frame = [0; EthernetHeader::LEN + ArpPacket::LEN];
    let request = loop {
        link.read_exact(&mut frame).unwrap();
        let packet = ArpPacket::parse(&frame[EthernetHeader::LEN..]).unwrap();
        if packet.target_ip == std::net::Ipv4Addr::new(192, 0, 2, last) {
            break packet;
        }
    };
    let reply = ArpPacket {
        operation: ArpOperation::Reply,
        sender_mac: THEIRS,
        sender_ip: request.target_ip,
        target_mac: OURS,
        target_ip: request.sender_ip,
    };
    let header = EthernetHeader { dst: OURS, src: THEIRS, ether_type: EtherType::ARP };
    link.write_all(&[&header.to_bytes()[..], &reply.to_bytes()[..]].concat()).unwrap();
}

#[test]
fn a_short_write_ends_the_stack_and_every_handle_says_how_much_was_taken() {
    let (tap, mut link) = narrow();
    let stack = Stack::builder(tap).address("192.0.2.1/24").spawn_thread().unwrap();
    let other = stack.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let peer = std::thread::spawn(move || {
        answer_arp(&mut link, 2);
        link
    });
    let told = runtime.block_on(async move {
        let waits = other.ping_with([192, 0, 2, 2].into(), 50_000, Duration::from_secs(60));
        waits.await.unwrap_err()
    });
    drop(peer.join().unwrap());
    let cause = told.get_ref().and_then(|inner| inner.downcast_ref::<StackError>()).unwrap();
    assert!(matches!(cause, StackError::Device { kind: io::ErrorKind::WriteZero, .. }), "{told}");
    let text = told.to_string();
    assert!(text.contains("narrow") && text.contains("of 50042 bytes of a frame"), "{text}");
    assert_eq!(stack.ended().as_ref(), Some(cause));
}
