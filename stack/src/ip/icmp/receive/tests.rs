use super::*;
use crate::ip::interface::tests::server;
use crate::ip::prefix::tests::a;
use crate::wire::{
    Endpoint, FlowKey, IpProtocol, ParameterProblem, Redirect, SeqNum, TcpHeader, TimeExceeded,
};
use std::net::Ipv4Addr;

const US: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 10);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 9);
const ROUTER: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 1);

fn delivery() -> Delivery {
    Delivery {
        src: ROUTER.into(),
        dst: US.into(),
        protocol: IpProtocol::ICMP,
        ttl: 64,
        fragment: false,
        traffic_class: 0b1010_1001,
        payload: 20..28,
    }
}

fn bytes(message: &Icmpv4<'_>) -> Vec<u8> {
    let mut bytes = vec![0; message.written_len()];
    message.write(&mut bytes);
    bytes
}

fn take(settings: &settings::Ip, message: &[u8], test: impl FnOnce(IcmpInput<'_>)) {
    test(receive(&server(), settings, &delivery(), message));
}

fn discard(message: &Icmpv4<'_>) -> Option<Discard> {
    match receive(&server(), &settings::Ip::default(), &delivery(), &bytes(message)) {
        IcmpInput::Discard(discard) => Some(discard),
        _ => None,
    }
}

/// The start of a SYN that `src` sent to FAR.
fn segment(src: Ipv4Addr) -> Vec<u8> {
    let tcp = TcpHeader { src_port: 40_000, dst_port: 23, seq: SeqNum(77), ..TcpHeader::default() };
    let mut bytes = vec![0; 40];
    Ipv4Header::atomic(src, FAR, IpProtocol::TCP, 64, 20).write(&mut bytes);
    tcp.write(&mut bytes[20..]);
    bytes.truncate(28);
    bytes
}

fn error(message: &Icmpv4<'_>) -> IcmpError {
    match receive(&server(), &settings::Ip::default(), &delivery(), &bytes(message)) {
        IcmpInput::Error(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_echo_request_is_answered_from_the_address_asked_with_all_its_data() {
    let data: Vec<u8> = (0..100).collect();
    let request = bytes(&Icmpv4::EchoRequest { code: 0, identifier: 3, sequence: 9, data: &data });
    take(&settings::Ip::default(), &request, |input| {
        let IcmpInput::Echo(reply) = input else { panic!("{input:?}") };
        let mut buf = Buf::new(256, 0);
        assert!(reply.write(&mut buf, 64));
        let view = crate::wire::Ipv4View::parse(buf.data()).unwrap();
        assert!(view.checksum_ok() && icmpv4::checksum_ok(view.payload()));
        assert_eq!((view.src(), view.dst(), view.ttl()), (US, ROUTER, 64));
        assert_eq!(view.header().traffic_class, 0b1010_1000, "DSCP of the request, ECN cleared");
        let expected = Icmpv4::EchoReply { code: 0, identifier: 3, sequence: 9, data: &data };
        assert_eq!(Icmpv4::parse(view.payload()), Ok(expected));
        assert!(!reply.write(&mut Buf::new(20, 0), 64), "no room");
    });
    let silent = settings::Ip { echo_reply: false, ..Default::default() };
    take(&silent, &request, |input| assert_eq!(input, IcmpInput::Discard(Discard::IcmpUnused)));
}

/// RFC 1122, Section 3.2.2.6: every request is answered. RFC 792: the answer is the request with another type and sum.
#[test]
fn an_echo_request_with_a_code_is_answered_with_its_code() {
    for code in [1, 9, 255] {
        let request = bytes(&Icmpv4::EchoRequest { code, identifier: 3, sequence: 9, data: b"probe" });
        take(&settings::Ip::default(), &request, |input| {
            let IcmpInput::Echo(reply) = input else { panic!("{input:?}") };
            let mut buf = Buf::new(256, 0);
            assert!(reply.write(&mut buf, 64));
            let message = &buf.data()[20..];
            assert!(icmpv4::checksum_ok(message));
            assert_eq!((message[0], message[1], &message[4..]), (0, code, &request[4..]));
        });
        // Nobody was asked so.
        let reply = Icmpv4::EchoReply { code, identifier: 3, sequence: 9, data: b"probe" };
        assert_eq!(discard(&reply), Some(Discard::IcmpUnused));
    }
}

#[test]
fn an_echo_reply_goes_to_whoever_pinged() {
    let reply = bytes(&Icmpv4::EchoReply { code: 0, identifier: 3, sequence: 9, data: b"x" });
    take(&settings::Ip::default(), &reply, |input| {
        let from = ROUTER.into();
        assert_eq!(input, IcmpInput::EchoReply { from, identifier: 3, sequence: 9, data: b"x" });
    });
}

/// RFC 1122, Section 3.2.2.1: codes 0 to 12; RFC 1812, Section 5.2.7.1: 13 to 15.
#[test]
fn every_error_about_a_segment_of_ours_names_its_kind_its_sender_and_the_connection() {
    let quoted = &segment(US)[..];
    let unreachable =
        |code| error(&Icmpv4::Unreachable { reason: Unreachable::from_wire(code, 0), quoted }).kind;
    use IcmpErrorKind as Kind;
    let kinds = [
        Kind::Network,
        Kind::Host,
        Kind::Protocol,
        Kind::Port,
        Kind::FragmentationNeeded,
        Kind::SourceRouteFailed,
        Kind::Network,
        Kind::Host,
        Kind::Host,
        Kind::Prohibited,
        Kind::Prohibited,
        Kind::Network,
        Kind::Host,
        Kind::Prohibited,
        Kind::Prohibited,
        Kind::Prohibited,
    ];
    for (code, kind) in (0_u8..).zip(kinds) {
        assert_eq!(unreachable(code), kind, "code {code}");
    }
    let exceeded = |code| error(&Icmpv4::TimeExceeded { code, quoted }).kind;
    assert_eq!(exceeded(TimeExceeded::InTransit), Kind::HopLimit);
    assert_eq!(exceeded(TimeExceeded::Reassembly), Kind::ReassemblyTime);
    let problem = error(&Icmpv4::ParameterProblem { code: ParameterProblem::Pointer, pointer: 1, quoted });
    assert_eq!(
        problem,
        IcmpError {
            kind: Kind::ParameterProblem,
            from: ROUTER.into(),
            flow: FlowKey {
                local: Endpoint { addr: US.into(), port: 40_000 },
                remote: Endpoint { addr: FAR.into(), port: 23 },
            },
            seq: SeqNum(77),
            too_big: None,
        }
    );
    assert_eq!(problem.to_string(), "129.68.72.1 says: parameter problem");
}

/// RFC 1122, Section 4.2.3.9: codes 2 and 3. Code 4, hard there, is path MTU discovery since.
#[test]
fn only_protocol_and_port_unreachable_are_hard() {
    let hard: Vec<u8> = (0..16)
        .filter(|code| IcmpErrorKind::of_unreachable(Unreachable::from_wire(*code, 0)).unwrap().is_hard())
        .collect();
    assert_eq!(hard, [2, 3]);
    assert!(!IcmpErrorKind::HopLimit.is_hard() && !IcmpErrorKind::ParameterProblem.is_hard());
}

/// RFC 1191, Section 4.
#[test]
fn fragmentation_needed_brings_what_path_mtu_discovery_needs() {
    let quoted = &segment(US)[..];
    let reason = Unreachable::FragmentationNeeded { next_hop_mtu: 1400 };
    let got = error(&Icmpv4::Unreachable { reason, quoted }).too_big;
    assert_eq!(got, Some(TooBig { mtu: 1400, quoted_total_len: 40, quoted_header_len: 20 }));
}

#[test]
fn an_error_that_quotes_nothing_of_ours_is_counted_so() {
    let host = Unreachable::Host;
    let foreign = segment(FAR);
    assert_eq!(discard(&Icmpv4::Unreachable { reason: host, quoted: &foreign }), Some(Discard::IcmpNotOurs));
    let mut udp = segment(US);
    udp[9] = IpProtocol::UDP.0;
    assert_eq!(discard(&Icmpv4::Unreachable { reason: host, quoted: &udp }), Some(Discard::IcmpNotOurs));
    let ours = segment(US);
    assert_eq!(
        discard(&Icmpv4::Unreachable { reason: host, quoted: &ours[..27] }),
        Some(Discard::IcmpNotOurs)
    );
    assert_eq!(
        discard(&Icmpv4::Unreachable { reason: host, quoted: &ours[..19] }),
        Some(Discard::IcmpMalformed)
    );
    let odd = Unreachable::Other(77);
    assert_eq!(discard(&Icmpv4::Unreachable { reason: odd, quoted: &ours }), Some(Discard::IcmpUnused));
}

#[test]
fn an_error_about_our_ping_names_the_ping() {
    let mut quoted = vec![0; 28];
    Ipv4Header::atomic(US, FAR, IpProtocol::ICMP, 64, 8).write(&mut quoted);
    Icmpv4::EchoRequest { code: 0, identifier: 5, sequence: 6, data: &[] }.write(&mut quoted[20..]);
    let message = bytes(&Icmpv4::TimeExceeded { code: TimeExceeded::InTransit, quoted: &quoted });
    take(&settings::Ip::default(), &message, |input| {
        let expected = IcmpInput::EchoError {
            kind: IcmpErrorKind::HopLimit,
            from: ROUTER.into(),
            target: FAR.into(),
            identifier: 5,
            sequence: 6,
        };
        assert_eq!(input, expected);
    });
}

/// RFC 1122, Section 3.2.2.2, where the setting follows it.
#[test]
fn a_redirect_is_refused_by_default_and_given_to_the_routes_by_setting() {
    let quoted = segment(US);
    let gateway = Ipv4Addr::new(129, 68, 72, 2);
    let redirect = bytes(&Icmpv4::Redirect { code: Redirect::Host, gateway, quoted: &quoted });
    let refused = IcmpInput::Discard(Discard::IcmpRedirect);
    take(&settings::Ip::default(), &redirect, |input| assert_eq!(input, refused));
    let on = settings::Ip { redirects: true, ..Default::default() };
    take(&on, &redirect, |input| {
        let expected =
            IcmpInput::Redirect { from: ROUTER.into(), destination: FAR.into(), gateway: a("129.68.72.2") };
        assert_eq!(input, expected);
    });
    let foreign = segment(FAR);
    let redirect = bytes(&Icmpv4::Redirect { code: Redirect::Host, gateway, quoted: &foreign });
    take(&on, &redirect, |input| assert_eq!(input, refused));
}

#[test]
fn a_short_or_wrongly_summed_message_and_an_unknown_type_are_one_discard_each() {
    let settings = settings::Ip::default();
    let mut echo = bytes(&Icmpv4::EchoRequest { code: 0, identifier: 1, sequence: 1, data: b"data" });
    take(&settings, &echo[..7], |input| assert_eq!(input, IcmpInput::Discard(Discard::IcmpMalformed)));
    echo[9] ^= 1;
    take(&settings, &echo, |input| assert_eq!(input, IcmpInput::Discard(Discard::IcmpChecksum)));
    for kind in [4, 13, 17, 99] {
        let message = Icmpv4::Other { kind, code: 0, word: [0; 4], body: &[] };
        assert_eq!(discard(&message), Some(Discard::IcmpUnused), "{kind}");
    }
}
