use super::*;
use crate::wire::{Addr, IpProtocol, Ipv4View, TcpHeader, icmpv4, tcp_view};

const TARGET: (Ipv4Addr, Mac) = (Ipv4Addr::new(192, 0, 2, 1), Mac([2, 0, 0, 0, 0, 1]));

fn isic(shares: Shares, seed: u64) -> Isic {
    Isic::new(TARGET, Mac([2, 0, 0, 0, 0, 9]), vec![80], shares, seed)
}

/// No defect at all.
const CLEAN: Shares = Shares {
    tcp: 0.5,
    udp: 0.2,
    icmp: 0.2,
    bad_version: 0.0,
    ip_options: 0.0,
    fragments: 0.0,
    bad_ip_sum: 0.0,
    bad_sum: 0.0,
    bad_length: 0.0,
    tcp_options: 0.5,
    cut: 0.0,
    aimed: 0.5,
    astray: 0.0,
};

#[test]
fn one_seed_gives_one_sequence() {
    let frames = |seed| {
        let (mut isic, mut frame) = (isic(Shares::default(), seed), Vec::new());
        let mut all = Vec::new();
        for _ in 0..2000 {
            isic.next_frame(&mut frame);
            all.push(frame.clone());
        }
        all
    };
    assert_eq!(frames(1), frames(1));
    assert_ne!(frames(1), frames(2));
}

#[test]
fn without_defects_every_packet_is_well_formed_and_the_kinds_have_their_shares() {
    let mut isic = isic(CLEAN, 3);
    let flow = Flow {
        target: "192.0.2.1:80".parse().unwrap(),
        source: "192.0.2.2:4000".parse().unwrap(),
        station: Mac([2, 0, 0, 0, 0, 2]),
        numbers: Some((SeqNum(7), SeqNum(9))),
    };
    isic.aim([flow]);
    let (mut frame, mut tcp, mut aimed, mut exact) = (Vec::new(), 0, 0, 0);
    for _ in 0..20_000 {
        let carries = isic.next_frame(&mut frame);
        let (ethernet, _) = EthernetHeader::parse(&frame).unwrap();
        assert_eq!((ethernet.dst, ethernet.ether_type), (TARGET.1, EtherType::IPV4));
        let packet = &frame[EthernetHeader::LEN..];
        assert!(packet.len() <= 1500, "{} bytes", packet.len());
        let view = Ipv4View::parse(packet).unwrap();
        assert!(view.checksum_ok());
        assert_eq!((view.dst(), view.total_len()), (TARGET.0, packet.len()));
        match carries {
            Carries::Tcp => {
                tcp += 1;
                assert_eq!(view.protocol(), IpProtocol::TCP);
                let segment = view.payload();
                assert!(tcp_view::checksum_ok(Addr::v4(view.src()), Addr::v4(view.dst()), segment));
                let (header, _) = TcpHeader::parse(segment).unwrap();
                if (view.src(), header.src_port) == (*flow.source.ip(), flow.source.port()) {
                    assert_eq!(ethernet.src, flow.station);
                    aimed += 1;
                    exact += u32::from(header.seq == SeqNum(7));
                }
            }
            Carries::Udp => assert_eq!(view.protocol(), IpProtocol::UDP),
            Carries::Icmp => assert!(icmpv4::checksum_ok(view.payload())),
            Carries::Other => {}
        }
    }
    assert!((9_500..10_500).contains(&tcp), "{tcp}");
    assert!((4_500..5_500).contains(&aimed), "{aimed}");
    assert!(exact > aimed / 4 && exact < aimed / 2, "{exact} of {aimed}");
}

#[test]
fn each_share_is_the_share_of_its_defect() {
    let count = |shares: Shares, is: &dyn Fn(&[u8]) -> bool| {
        let (mut isic, mut frame) = (isic(shares, 4), Vec::new());
        let mut count = 0;
        for _ in 0..4000 {
            isic.next_frame(&mut frame);
            count += u32::from(is(frame.get(EthernetHeader::LEN..).unwrap_or_default()));
        }
        count
    };
    let some = |range: core::ops::Range<u32>, n| assert!(range.contains(&n), "{n} not in {range:?}");
    let sum_ok = |packet: &[u8]| Ipv4View::parse(packet).is_ok_and(|view| view.checksum_ok());
    some(1000..1400, count(Shares { bad_ip_sum: 0.3, ..CLEAN }, &|packet| !sum_ok(packet)));
    // One in sixteen of the random ones is 4 after all.
    some(1000..1300, count(Shares { bad_version: 0.3, ..CLEAN }, &|packet| packet[0] >> 4 != 4));
    some(1000..1400, count(Shares { ip_options: 0.3, ..CLEAN }, &|packet| packet[0] & 15 > 5));
    let fragment = |packet: &[u8]| Ipv4View::parse(packet).is_ok_and(|view| view.is_fragment());
    // Some have an offset of zero and nothing behind them.
    some(900..1200, count(Shares { fragments: 0.3, ..CLEAN }, &fragment));
    let short = |packet: &[u8]| Ipv4View::parse(packet).is_err();
    some(1000..1400, count(Shares { cut: 0.3, ..CLEAN }, &short));
}
