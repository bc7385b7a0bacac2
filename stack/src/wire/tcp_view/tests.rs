use super::*;
use crate::wire::{SackBlocks, Timestamps};
use etherparse::{TcpOptionElement, TcpOptionReadError, TcpSlice};
use proptest::prelude::*;
use std::net::Ipv4Addr;

fn arb_options() -> impl Strategy<Value = TcpOptions> {
    let timestamps = any::<Option<(u32, u32)>>();
    let blocks = proptest::collection::vec(any::<(u32, u32)>(), 0..=4);
    (any::<Option<u16>>(), any::<Option<u8>>(), any::<bool>(), timestamps, blocks).prop_map(
        |(mss, window_scale, sack_permitted, timestamps, blocks)| {
            let mut sack = SackBlocks::default();
            for (start, end) in blocks {
                assert!(sack.push(SeqNum(start), SeqNum(end)));
            }
            let timestamps = timestamps.map(|(value, echo)| Timestamps { value, echo });
            TcpOptions { mss, window_scale, sack_permitted, timestamps, sack }
        },
    )
}

fn arb_header() -> impl Strategy<Value = TcpHeader> {
    (any::<(u16, u16, u32, u32, u8, u16, u16)>(), arb_options()).prop_map(
        |((src_port, dst_port, seq, ack, flags, window, urgent), options)| TcpHeader {
            src_port,
            dst_port,
            seq: SeqNum(seq),
            ack: SeqNum(ack),
            flags: TcpFlags(flags),
            window,
            urgent,
            options,
        },
    )
}

/// What of a header can stand on the wire.
fn on_the_wire(mut header: TcpHeader) -> TcpHeader {
    if !header.flags.syn() {
        header.options.mss = None;
        header.options.window_scale = None;
        header.options.sack_permitted = false;
    }
    let full = header.options.sack;
    header.options.sack = SackBlocks::default();
    let plain = header.header_len();
    for (start, end) in full.as_slice() {
        if plain + 4 + 8 * (usize::from(header.options.sack.len) + 1) <= 60 {
            header.options.sack.push(*start, *end);
        }
    }
    header
}

fn written(header: &TcpHeader) -> Vec<u8> {
    let mut bytes = vec![0xee; MAX_HEADER_LEN];
    let len = header.write(&mut bytes);
    bytes.truncate(len);
    bytes
}

/// The options as the oracle tells them, under our rules: the last of a kind counts, a SYN's options count in a SYN only.
/// `Err` where the oracle stops, at an option that it does not know or whose length it does not take.
fn oracle_options(oracle: &TcpSlice<'_>) -> Result<TcpOptions, TcpOptionReadError> {
    let mut options = TcpOptions::default();
    for element in oracle.options_iterator() {
        match element? {
            TcpOptionElement::Noop => {}
            TcpOptionElement::MaximumSegmentSize(mss) if oracle.syn() => options.mss = Some(mss),
            TcpOptionElement::WindowScale(shift) if oracle.syn() => options.window_scale = Some(shift),
            TcpOptionElement::SelectiveAcknowledgementPermitted => options.sack_permitted = oracle.syn(),
            TcpOptionElement::SelectiveAcknowledgement(first, more) => {
                options.sack = SackBlocks::default();
                for (start, end) in core::iter::once(first).chain(more.into_iter().flatten()) {
                    assert!(options.sack.push(SeqNum(start), SeqNum(end)));
                }
            }
            TcpOptionElement::Timestamp(value, echo) => {
                options.timestamps = Some(Timestamps { value, echo });
            }
            TcpOptionElement::MaximumSegmentSize(_) | TcpOptionElement::WindowScale(_) => {}
        }
    }
    Ok(options)
}

/// Same verdict and same fields as the oracle. Tells whether the options were compared too.
fn agree(bytes: &[u8]) -> bool {
    let (ours, oracle) = match (TcpHeader::parse(bytes), TcpSlice::from_slice(bytes)) {
        (Ok(ours), Ok(oracle)) => (ours, oracle),
        (Err(Malformed::Truncated | Malformed::HeaderLength), Err(_)) => return false,
        (ours, oracle) => panic!("{ours:?} against {oracle:?}"),
    };
    let (header, header_len) = ours;
    assert_eq!(header_len, oracle.header_slice().len());
    assert_eq!((header.src_port, header.dst_port), (oracle.source_port(), oracle.destination_port()));
    assert_eq!((header.seq.0, header.ack.0), (oracle.sequence_number(), oracle.acknowledgment_number()));
    assert_eq!((header.window, header.urgent), (oracle.window_size(), oracle.urgent_pointer()));
    let bits = [
        oracle.fin(),
        oracle.syn(),
        oracle.rst(),
        oracle.psh(),
        oracle.ack(),
        oracle.urg(),
        oracle.ece(),
        oracle.cwr(),
    ];
    for (bit, theirs) in bits.into_iter().enumerate() {
        assert_eq!(header.flags.contains(TcpFlags(1 << bit)), theirs, "bit {bit}");
    }
    // The oracle gives up at an option that it does not know, or a known one of another length; we skip it.
    match oracle_options(&oracle) {
        Ok(options) => {
            assert_eq!(header.options, options);
            true
        }
        Err(_) => false,
    }
}

fn segment_with(options: &[u8], flags: TcpFlags) -> Vec<u8> {
    assert_eq!(options.len() % 4, 0);
    let mut bytes = written(&TcpHeader { flags, ..TcpHeader::default() });
    bytes[12] += (options.len() as u8 / 4) << 4;
    bytes.extend(options);
    bytes
}

fn read(options: &[u8], flags: TcpFlags) -> TcpOptions {
    TcpHeader::parse(&segment_with(options, flags)).unwrap().0.options
}

#[test]
fn impossible_lengths_are_refused() {
    let good = written(&TcpHeader {
        flags: TcpFlags::SYN,
        options: TcpOptions { mss: Some(1460), ..TcpOptions::default() },
        ..TcpHeader::default()
    });
    assert_eq!(good.len(), 24);
    for len in 0..24 {
        assert_eq!(TcpHeader::parse(&good[..len]).err(), Some(Malformed::Truncated));
    }
    for offset in 0..5_u8 {
        let mut bytes = good.clone();
        bytes[12] = offset << 4;
        assert_eq!(TcpHeader::parse(&bytes).err(), Some(Malformed::HeaderLength));
    }
    let mut bytes = good;
    bytes[12] = 7 << 4;
    assert_eq!(TcpHeader::parse(&bytes).err(), Some(Malformed::Truncated));
}

/// RFC 7323, Appendix A: timestamps behind two NOPs.
#[test]
fn options_stand_where_linux_puts_them() {
    let timestamps = Some(Timestamps { value: 0x0102_0304, echo: 0x0506_0708 });
    let options = |header: &TcpHeader| written(header)[20..].to_vec();
    let mut syn = TcpHeader {
        flags: TcpFlags::SYN,
        options: TcpOptions {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps,
            sack: SackBlocks::default(),
        },
        ..TcpHeader::default()
    };
    let full = [2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7];
    assert_eq!(options(&syn), full);
    syn.options.timestamps = None;
    assert_eq!(options(&syn), [2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7]);

    let mut ack = TcpHeader { flags: TcpFlags::ACK, ..TcpHeader::default() };
    ack.options.timestamps = timestamps;
    assert_eq!(options(&ack), [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8]);
    ack.options.sack.push(SeqNum(1), SeqNum(2));
    assert_eq!(options(&ack)[12..], [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
}

/// RFC 2018, Section 3: room for four blocks, and for three beside timestamps.
#[test]
fn a_header_never_exceeds_60_bytes_and_drops_the_last_sack_blocks_first() {
    let mut sack = SackBlocks::default();
    for n in 0..4 {
        sack.push(SeqNum(n), SeqNum(n + 1));
    }
    let kept = |flags: TcpFlags, mut options: TcpOptions| {
        options.sack = sack;
        let header = TcpHeader { flags, options, ..TcpHeader::default() };
        let (read, len) = TcpHeader::parse(&written(&header)).unwrap();
        assert_eq!(len, header.header_len());
        let kept = read.options.sack;
        assert_eq!(kept.as_slice(), &sack.as_slice()[..usize::from(kept.len)]);
        (len, kept.len)
    };
    let timestamps = Some(Timestamps::default());
    assert_eq!(kept(TcpFlags::ACK, TcpOptions::default()), (56, 4));
    assert_eq!(kept(TcpFlags::ACK, TcpOptions { timestamps, ..TcpOptions::default() }), (60, 3));
    let all = TcpOptions {
        mss: Some(1),
        window_scale: Some(1),
        sack_permitted: true,
        timestamps,
        sack: SackBlocks::default(),
    };
    assert_eq!(kept(TcpFlags::SYN, all), (60, 2));
}

#[test]
fn a_place_too_short_is_left_alone() {
    let header = TcpHeader {
        options: TcpOptions { timestamps: Some(Timestamps::default()), ..TcpOptions::default() },
        ..TcpHeader::default()
    };
    let mut short = [9; 31];
    assert_eq!((header.write(&mut short), short), (0, [9; 31]));
    assert_eq!(header.write(&mut [9; 32]), 32);
}

#[test]
fn unknown_options_and_known_ones_of_another_length_are_skipped() {
    let options = [30, 6, 9, 9, 9, 9, 2, 3, 7, 2, 4, 5, 180, 4, 3, 0, 3, 2, 254, 2];
    assert_eq!(read(&options, TcpFlags::SYN), TcpOptions { mss: Some(1460), ..TcpOptions::default() });
    // A SACK option must hold whole blocks.
    assert_eq!(read(&[5, 11, 0, 0, 0, 1, 0, 0, 0, 2, 9, 1], TcpFlags::ACK).sack.len, 0);
}

#[test]
fn after_an_illegal_length_or_the_end_the_rest_is_ignored() {
    let mss = TcpOptions { mss: Some(1460), ..TcpOptions::default() };
    let starts: [&[u8]; 6] =
        [&[30, 0, 3, 3], &[30, 1, 3, 3], &[30, 9, 3, 3], &[3, 0, 4, 2], &[0, 3, 3, 7], &[1, 1, 1, 3]];
    for start in starts {
        let options = [&[2, 4, 5, 180], start].concat();
        assert_eq!(read(&options, TcpFlags::SYN), mss, "{options:?}");
    }
}

/// RFC 9293, Section 3.7.1, RFC 7323, Section 2.2 and RFC 2018, Section 2: these options belong to a SYN.
#[test]
fn the_options_of_a_syn_mean_nothing_elsewhere_and_the_last_of_a_kind_counts() {
    let options = [2, 4, 5, 180, 4, 2, 1, 3, 3, 7, 2, 4, 2, 24, 0, 0];
    let syn = read(&options, TcpFlags::SYN.with(TcpFlags::ACK));
    assert_eq!((syn.mss, syn.window_scale, syn.sack_permitted), (Some(536), Some(7), true));
    assert_eq!(read(&options, TcpFlags::ACK), TcpOptions::default());
}

#[test]
fn impossible_flags_open_and_close_at_once() {
    let (fin, syn, rst, ack) = (TcpFlags::FIN, TcpFlags::SYN, TcpFlags::RST, TcpFlags::ACK);
    let without_ack = [TcpFlags(0), fin, syn, rst, rst.with(fin)];
    let with_ack = [syn, ack, ack.with(fin), rst, syn.with(fin)].map(|flags| flags.with(ack));
    for possible in without_ack.into_iter().chain(with_ack) {
        for extra in [0, 0x08, 0x20, 0x40, 0x80, 0xe8] {
            let flags = possible.with(TcpFlags(extra));
            assert!(!flags.is_impossible(), "{flags:?}");
        }
    }
    for impossible in [syn.with(fin), syn.with(rst), syn.with(rst).with(ack)] {
        for extra in [0, 0x08, 0x20, 0x28, 0xe8] {
            let flags = impossible.with(TcpFlags(extra));
            assert!(flags.is_impossible(), "{flags:?}");
        }
    }
    assert!(TcpFlags(0xff).is_impossible());
}

proptest! {
    #[test]
    fn headers_round_trip(header in arb_header(), data in proptest::collection::vec(any::<u8>(), 0..20)) {
        let mut bytes = written(&header);
        prop_assert_eq!(bytes.len(), header.header_len());
        prop_assert!(bytes.len() % 4 == 0 && bytes.len() <= MAX_HEADER_LEN);
        bytes.extend(data);
        prop_assert_eq!(TcpHeader::parse(&bytes), Ok((on_the_wire(header), header.header_len())));
        prop_assert!(agree(&bytes), "the oracle knows every option that we write");
    }

    #[test]
    fn mutated_segments_are_read_as_the_oracle_reads_them(
        header in arb_header(),
        mutations in proptest::collection::vec((12_usize..60, any::<u8>()), 1..4),
        cut in 0_usize..=60,
    ) {
        let mut bytes = written(&header);
        for (at, byte) in mutations {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        agree(&bytes);
        agree(&bytes[..cut.min(bytes.len())]);
    }

    #[test]
    fn any_bytes_are_read_as_the_oracle_reads_them(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), known: bool) {
        if known {
            for byte in bytes.iter_mut().skip(20) {
                *byte %= 12;
            }
        }
        agree(&bytes);
    }

    #[test]
    fn the_checksum_is_the_oracles_and_verifies(header in arb_header(), data in proptest::collection::vec(any::<u8>(), 0..300), src: [u8; 4], dst: [u8; 4]) {
        let mut bytes = written(&header);
        let (source, destination) = (Addr::v4(Ipv4Addr::from(src)), Addr::v4(Ipv4Addr::from(dst)));
        store_checksum(&mut bytes, source, destination, checksum::sum(&data), data.len());
        let oracle = TcpSlice::from_slice(&bytes).unwrap().to_header().calc_checksum_ipv4_raw(src, dst, &data).unwrap();
        prop_assert_eq!(&bytes[16..18], &oracle.to_be_bytes()[..]);
        bytes.extend(&data);
        prop_assert!(checksum_ok(source, destination, &bytes));
        let at = bytes.len() - 1;
        bytes[at] ^= 0x10;
        prop_assert!(!checksum_ok(source, destination, &bytes));
    }

    #[test]
    fn a_device_can_finish_a_partial_checksum(header in arb_header(), data in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = written(&header);
        let (src, dst) = (Addr::v4(Ipv4Addr::new(10, 0, 0, 1)), Addr::v4(Ipv4Addr::new(10, 0, 0, 2)));
        let len = (bytes.len() + data.len()) as u32;
        store_checksum_field(&mut bytes, !checksum::finish(checksum::pseudo_header(src, dst, IpProtocol::TCP.0, len)));
        bytes.extend(&data);
        let finished = checksum::finish(checksum::sum(&bytes));
        store_checksum_field(&mut bytes, finished);
        prop_assert!(checksum_ok(src, dst, &bytes));
    }
}

#[test]
fn the_sum_from_the_fields_is_that_of_the_bytes() {
    for (flags, timestamps, blocks) in
        [(0x18, false, 0), (0x10, true, 0), (0x12, true, 0), (0x02, false, 0), (0x10, true, 2)]
    {
        let mut header = TcpHeader {
            src_port: 0xfffe,
            dst_port: 80,
            seq: SeqNum(0xfedc_ba98),
            ack: SeqNum(0x8765_4321),
            flags: TcpFlags(flags),
            window: 0xffff,
            urgent: 7,
            ..TcpHeader::default()
        };
        header.options.timestamps =
            timestamps.then_some(Timestamps { value: 0xffff_fff0, echo: 0x1234_5678 });
        for i in 0..blocks {
            header.options.sack.push(SeqNum(i * 100), SeqNum(i * 100 + 50));
        }
        let mut bytes = [0; MAX_HEADER_LEN];
        let len = header.write(&mut bytes);
        let (sum, read) = (header.partial_sum(&bytes[..len]), checksum::sum(&bytes[..len]));
        assert_eq!(checksum::finish(sum), checksum::finish(read), "{header:?}");
    }
}
