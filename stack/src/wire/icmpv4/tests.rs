use super::*;
use etherparse::{Icmpv4Slice, Icmpv4Type, icmpv4};
use proptest::prelude::*;

fn arb_message(body: &[u8]) -> impl Strategy<Value = Icmpv4<'_>> {
    any::<(u8, u8, [u8; 4])>().prop_flat_map(move |(kind, code, word)| {
        let kind = prop_oneof![Just(0), Just(3), Just(4), Just(5), Just(8), Just(11), Just(12), Just(kind)];
        let code = prop_oneof![0_u8..20, Just(code)];
        (kind, code).prop_map(move |(kind, code)| {
            // Every value that can be read: built from the wire by its parts.
            let [b4, b5, b6, b7] = word;
            let mut bytes = vec![kind, code, 0, 0, b4, b5, b6, b7];
            bytes.extend(body);
            match Icmpv4::parse(&bytes).unwrap() {
                Icmpv4::EchoRequest { code, identifier, sequence, .. } => {
                    Icmpv4::EchoRequest { code, identifier, sequence, data: body }
                }
                Icmpv4::EchoReply { code, identifier, sequence, .. } => {
                    Icmpv4::EchoReply { code, identifier, sequence, data: body }
                }
                Icmpv4::Unreachable { reason, .. } => Icmpv4::Unreachable { reason, quoted: body },
                Icmpv4::Redirect { code, gateway, .. } => Icmpv4::Redirect { code, gateway, quoted: body },
                Icmpv4::TimeExceeded { code, .. } => Icmpv4::TimeExceeded { code, quoted: body },
                Icmpv4::ParameterProblem { code, pointer, .. } => {
                    Icmpv4::ParameterProblem { code, pointer, quoted: body }
                }
                Icmpv4::Other { kind, code, word, .. } => Icmpv4::Other { kind, code, word, body },
            }
        })
    })
}

fn body() -> &'static [u8] {
    &[0x45, 0, 0, 28, 1, 2, 3, 4, 5, 6, 7, 8, 9]
}

/// Same message as the oracle's.
fn agree(bytes: &[u8]) {
    let ours = match Icmpv4::parse(bytes) {
        Ok(ours) => ours,
        Err(error) => {
            assert_eq!(error, Malformed::Truncated);
            assert!(Icmpv4Slice::from_slice(bytes).is_err());
            return;
        }
    };
    let oracle = match Icmpv4Slice::from_slice(bytes) {
        Ok(oracle) => oracle,
        // The oracle wants the 20 bytes of a timestamp message, a type that is only `Other` to us.
        Err(_) => {
            assert!(matches!(ours, Icmpv4::Other { kind: 13 | 14, .. }));
            return;
        }
    };
    let same = match (ours, oracle.icmp_type()) {
        (Icmpv4::EchoRequest { code: 0, identifier, sequence, data }, Icmpv4Type::EchoRequest(echo))
        | (Icmpv4::EchoReply { code: 0, identifier, sequence, data }, Icmpv4Type::EchoReply(echo)) => {
            identifier == echo.id && sequence == echo.seq && data == oracle.payload()
        }
        (Icmpv4::Unreachable { reason, quoted }, Icmpv4Type::DestinationUnreachable(theirs)) => {
            let mtu = match (reason, &theirs) {
                (
                    Unreachable::FragmentationNeeded { next_hop_mtu: ours },
                    icmpv4::DestUnreachableHeader::FragmentationNeeded { next_hop_mtu },
                ) => ours == *next_hop_mtu,
                (Unreachable::FragmentationNeeded { .. }, _) => false,
                _ => true,
            };
            reason.code() == theirs.code_u8() && mtu && quoted == oracle.payload()
        }
        (Icmpv4::Redirect { code, gateway, quoted }, Icmpv4Type::Redirect(theirs)) => {
            code.code() == theirs.code.code_u8()
                && gateway.octets() == theirs.gateway_internet_address
                && quoted == oracle.payload()
        }
        (Icmpv4::TimeExceeded { code, quoted }, Icmpv4Type::TimeExceeded(theirs)) => {
            code.code() == theirs.code_u8() && quoted == oracle.payload()
        }
        (Icmpv4::ParameterProblem { code, pointer, quoted }, Icmpv4Type::ParameterProblem(theirs)) => {
            let same = match theirs {
                icmpv4::ParameterProblemHeader::PointerIndicatesError(at) => {
                    code == ParameterProblem::Pointer && pointer == at
                }
                icmpv4::ParameterProblemHeader::MissingRequiredOption => {
                    code == ParameterProblem::OptionMissing
                }
                icmpv4::ParameterProblemHeader::BadLength => code == ParameterProblem::BadLength,
            };
            same && quoted == oracle.payload()
        }
        (Icmpv4::Other { kind, code, word, body }, Icmpv4Type::Unknown { type_u8, code_u8, bytes5to8 }) => {
            (kind, code, word) == (type_u8, code_u8, bytes5to8) && body == oracle.payload()
        }
        // A code that nothing defines: still an error of its type to us, unknown to the oracle.
        (ours, Icmpv4Type::Unknown { type_u8, code_u8, .. }) => match ours {
            Icmpv4::EchoRequest { code, .. } => code != 0 && (8, code) == (type_u8, code_u8),
            Icmpv4::EchoReply { code, .. } => code != 0 && (0, code) == (type_u8, code_u8),
            Icmpv4::Unreachable { reason: Unreachable::Other(code), .. } => (3, code) == (type_u8, code_u8),
            Icmpv4::Redirect { code: Redirect::Other(code), .. } => (5, code) == (type_u8, code_u8),
            Icmpv4::TimeExceeded { code: TimeExceeded::Other(code), .. } => (11, code) == (type_u8, code_u8),
            Icmpv4::ParameterProblem { code: ParameterProblem::Other(code), .. } => {
                (12, code) == (type_u8, code_u8)
            }
            _ => false,
        },
        // Timestamp messages: see above.
        (
            Icmpv4::Other { kind: 13 | 14, .. },
            Icmpv4Type::TimestampRequest(_) | Icmpv4Type::TimestampReply(_),
        ) => true,
        _ => false,
    };
    assert!(same, "{ours:?} against {oracle:?}");
}

/// RFC 1812, Section 5.2.7.1: codes 0 to 15. RFC 1191, Section 4: code 4 has the MTU of the next hop.
#[test]
fn every_code_of_unreachable_reads_back_as_itself() {
    for code in 0..=255 {
        let reason = Unreachable::from_wire(code, 1400);
        assert_eq!(reason.code(), code);
        assert_eq!(matches!(reason, Unreachable::Other(_)), code > 15, "code {code}");
        assert_eq!(matches!(reason, Unreachable::FragmentationNeeded { next_hop_mtu: 1400 }), code == 4);
        assert_eq!(TimeExceeded::from_wire(code).code(), code);
        assert_eq!(ParameterProblem::from_wire(code).code(), code);
        assert_eq!(Redirect::from_wire(code).code(), code);
    }
}

/// RFC 1812, Section 4.3.2.3.
#[test]
fn an_error_quotes_at_most_what_keeps_it_within_576_bytes() {
    let datagram = [0; 1500];
    assert_eq!(quote(&datagram[..100]).len(), 100);
    let message = Icmpv4::Unreachable { reason: Unreachable::Port, quoted: quote(&datagram) };
    assert_eq!(20 + message.written_len(), 576);
}

#[test]
fn errors_are_told_from_questions_and_answers() {
    let is_error = |kind: u8| Icmpv4::parse(&[kind, 0, 0, 0, 0, 0, 0, 0]).unwrap().is_error();
    let errors: Vec<u8> = (0..=255).filter(|kind| is_error(*kind)).collect();
    assert_eq!(errors, [3, 4, 5, 11, 12]);
}

proptest! {
    #[test]
    fn messages_round_trip_with_a_right_checksum(message in arb_message(body()), spare in 0_usize..4) {
        let len = message.written_len();
        let mut bytes = vec![0xee; len + spare];
        prop_assert_eq!(message.write(&mut bytes), len);
        prop_assert!(checksum_ok(&bytes[..len]));
        prop_assert!(bytes[len..].iter().all(|byte| *byte == 0xee));
        prop_assert_eq!(Icmpv4::parse(&bytes[..len]), Ok(message));
        prop_assert_eq!(message.write(&mut bytes[..len - 1]), 0);
        agree(&bytes[..len]);
    }

    #[test]
    fn the_checksum_is_the_oracles(id: u16, seq: u16, data in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = vec![0; 8 + data.len()];
        Icmpv4::EchoRequest { code: 0, identifier: id, sequence: seq, data: &data }.write(&mut bytes);
        let header = etherparse::Icmpv4Header::with_checksum(
            Icmpv4Type::EchoRequest(etherparse::IcmpEchoHeader { id, seq }),
            &data,
        );
        prop_assert_eq!(&bytes[..8], &header.to_bytes()[..]);
    }

    #[test]
    fn any_bytes_are_read_as_the_oracle_reads_them(mut bytes in proptest::collection::vec(any::<u8>(), 0..48), known: bool) {
        if known && bytes.len() > 1 {
            bytes[0] %= 20;
            bytes[1] %= 20;
        }
        agree(&bytes);
    }
}
