use super::super::prefix::tests::a;
use super::*;
use proptest::prelude::*;
use std::net::Ipv4Addr;

const PEER: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 20);
const US: Ipv4Addr = Ipv4Addr::new(129, 68, 72, 10);
const FROM: Origin = Origin { station: Mac([2, 0, 0, 0, 0, 20]), arrival: Arrival::Unicast };

/// A fragment whose bytes start at `start`, a multiple of eight.
fn fragment(identification: u16, start: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    let header = Ipv4Header {
        identification,
        dont_fragment: false,
        more_fragments: more,
        fragment_offset: (start / 8) as u16,
        ..Ipv4Header::atomic(PEER, US, IpProtocol::ICMP, 61, payload.len() as u16)
    };
    [&header.to_bytes()[..], payload].concat()
}

fn reassembly(change: impl FnOnce(&mut settings::Limits)) -> Reassembly {
    let mut limits = settings::Limits::default();
    change(&mut limits);
    Reassembly::new(&settings::Ip::default(), &limits)
}

/// Bytes by their place.
fn bytes(range: core::ops::Range<usize>) -> Vec<u8> {
    range.map(|at| (at ^ (at >> 8)) as u8).collect()
}

fn add(store: &mut Reassembly, at: u64, packet: &[u8]) -> Result<Option<Vec<u8>>, Discard> {
    let whole = store.on_fragment(Instant::from_secs(at), packet, FROM)?;
    Ok(whole.map(|whole| {
        let mut buf = Buf::new(whole.len(), 0);
        assert!(whole.write(&mut buf) && !whole.write(&mut buf));
        let view = Ipv4View::parse(buf.data()).unwrap();
        assert!(view.checksum_ok() && !view.is_fragment());
        assert_eq!((view.src(), view.dst(), view.protocol(), view.ttl()), (PEER, US, IpProtocol::ICMP, 61));
        view.payload().to_vec()
    }))
}

/// RFC 791, Section 3.2: the offsets say the order, not the time of arrival.
#[test]
fn fragments_in_any_order_give_the_datagram() {
    let parts = [(0, 1480), (1480, 2960), (2960, 4008)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut store = reassembly(|_| {});
        let mut give = |i: usize| {
            let (start, end) = parts[i];
            add(&mut store, 0, &fragment(7, start, end < 4008, &bytes(start..end)))
        };
        assert_eq!((give(order[0]), give(order[1])), (Ok(None), Ok(None)));
        assert_eq!(give(order[2]), Ok(Some(bytes(0..4008))), "{order:?}");
        assert_eq!((store.len(), store.memory(), store.next_deadline()), (0, 0, None));
    }
}

/// RFC 791, Section 3.2: source, destination, protocol and identification tell datagrams apart.
#[test]
fn fragments_of_two_datagrams_do_not_mix() {
    let mut store = reassembly(|_| {});
    assert_eq!(add(&mut store, 0, &fragment(1, 0, true, &[1; 8])), Ok(None));
    assert_eq!(add(&mut store, 0, &fragment(2, 8, false, &[2; 8])), Ok(None));
    let mut other = fragment(1, 8, false, &[3; 8]);
    other[9] = 17;
    assert_eq!(add(&mut store, 0, &other), Ok(None), "another protocol");
    let mut other = fragment(1, 8, false, &[3; 8]);
    other[15] = 99;
    assert_eq!(add(&mut store, 0, &other), Ok(None), "another source");
    assert_eq!(store.len(), 4);
    assert_eq!(add(&mut store, 0, &fragment(1, 8, false, &[1; 8])), Ok(Some(vec![1; 16])));
}

/// RFC 5722, Section 3, here for IPv4: nothing of a datagram with an overlap is kept or taken, until its time is over.
#[test]
fn an_overlap_gives_the_datagram_up_until_its_time_is_over() {
    let overlaps: &[(&str, usize, bool, &[u8])] = &[
        ("into the first from behind", 8, true, &[9; 16]),
        ("teardrop: inside another", 8, false, &[9; 4]),
        ("over the whole first", 0, true, &[9; 32]),
        ("the same place with other bytes", 0, true, &[8; 16]),
        ("the same bytes as the last", 0, false, &[1; 16]),
        ("beyond the end", 56, true, &[9; 8]),
        ("a second end", 32, false, &[9; 8]),
        ("a part of the last", 48, false, &[2; 4]),
    ];
    for (what, start, more, payload) in overlaps {
        let mut store = reassembly(|_| {});
        assert_eq!(add(&mut store, 0, &fragment(1, 0, true, &[1; 16])), Ok(None));
        assert_eq!(add(&mut store, 0, &fragment(1, 40, false, &[2; 12])), Ok(None));
        let held = store.memory();
        let refused = add(&mut store, 1, &fragment(1, *start, *more, payload));
        assert_eq!(refused, Err(Discard::IpFragmentOverlap), "{what}");
        assert!(store.memory() < held, "{what}: its bytes are gone");
        let later = add(&mut store, 59, &fragment(1, 16, true, &[3; 24]));
        assert_eq!(later, Err(Discard::IpFragmentGivenUp), "{what}");
        assert!(store.poll_expired(Instant::from_secs(59)).is_none());
        let Some(Expired { first: None, given_up: true }) = store.poll_expired(Instant::from_secs(60)) else {
            panic!("{what}: no complaint is owed");
        };
        assert_eq!((store.len(), store.memory()), (0, 0));
        assert_eq!(
            add(&mut store, 60, &fragment(1, 0, true, &[1; 16])),
            Ok(None),
            "{what}: the name is free"
        );
    }
}

/// The network may duplicate (RFC 791, Section 3.2 lets the later of two equal ones have its way: nothing changes).
#[test]
fn an_exact_duplicate_changes_nothing() {
    let mut store = reassembly(|_| {});
    let (first, last) = (fragment(1, 0, true, &[1; 16]), fragment(1, 24, false, &[3; 5]));
    for packet in [&first, &last] {
        assert_eq!(add(&mut store, 0, packet), Ok(None));
        assert_eq!(add(&mut store, 0, packet), Err(Discard::IpFragmentDuplicate));
    }
    let whole = [&[1; 16][..], &[2; 8], &[3; 5]].concat();
    assert_eq!(add(&mut store, 0, &fragment(1, 16, true, &[2; 8])), Ok(Some(whole)));
}

/// RFC 791, Section 3.2: units of eight bytes; Section 3.1: a packet has at most 65 535 bytes.
#[test]
fn lengths_that_no_fragment_has_are_refused() {
    let mut store = reassembly(|_| {});
    let mut refused = |start, more, len: usize| {
        add(&mut store, 0, &fragment(1, start, more, &vec![0; len])) == Err(Discard::IpFragmentLength)
    };
    assert!(refused(0, true, 12) && refused(8, true, 0) && refused(8, false, 0));
    assert!(refused(65_528, false, 8), "the ping of death");
    assert!(refused(65_512, true, 8), "nor may more follow there");
    assert!(!refused(65_512, false, 3));
    assert_eq!(store.len(), 1);
}

/// RFC 791, Section 3.1: options that are not copied stand in the first fragment only, and count for the whole.
#[test]
fn the_options_of_fragment_zero_are_those_of_the_datagram() {
    let with_options = |len: usize| {
        let mut packet = fragment(1, 0, true, &vec![1; len]);
        packet.splice(20..20, [7, 7, 4, 0, 0, 0, 0, 0]);
        packet[0] += 2;
        packet[2..4].copy_from_slice(&(28 + len as u16).to_be_bytes());
        packet
    };
    let mut store = reassembly(|_| {});
    assert_eq!(add(&mut store, 0, &with_options(16)), Ok(None));
    assert_eq!(
        add(&mut store, 0, &fragment(1, 16, false, &[2; 4])),
        Ok(Some([&[1; 16][..], &[2; 4]].concat()))
    );
    // Each fits, all together do not.
    assert_eq!(add(&mut store, 0, &with_options(65_504)), Ok(None));
    assert_eq!(add(&mut store, 0, &fragment(1, 65_504, false, &[2; 11])), Err(Discard::IpFragmentLength));
    assert_eq!(store.memory(), 0);
}

/// RFC 1122, Section 3.3.2: fragment zero is what the complaint quotes.
#[test]
fn what_is_incomplete_after_its_time_is_gone_and_fragment_zero_is_told() {
    let mut store = reassembly(|_| {});
    let zero = fragment(1, 0, true, &[1; 16]);
    assert_eq!(add(&mut store, 0, &zero), Ok(None));
    assert_eq!(add(&mut store, 10, &fragment(2, 8, true, &[1; 16])), Ok(None));
    assert_eq!(
        add(&mut store, 50, &fragment(1, 16, true, &[1; 16])),
        Ok(None),
        "its time does not begin again"
    );
    assert_eq!(store.next_deadline(), Some(Instant::from_secs(60)));
    let expired = store.poll_expired(Instant::from_secs(60)).unwrap();
    assert_eq!((expired.first, expired.given_up), (Some((zero, FROM)), false));
    assert!(store.poll_expired(Instant::from_secs(69)).is_none());
    let expired = store.poll_expired(Instant::from_secs(70)).unwrap();
    assert_eq!((expired.first, expired.given_up), (None, false));
    assert_eq!((store.len(), store.memory(), store.next_deadline()), (0, 0, None));
}

#[test]
fn at_its_limit_the_oldest_datagram_makes_way() {
    let mut store = reassembly(|limits| limits.reassembly_memory = 100_000);
    for id in 0..50_000_u16 {
        let len = 8 * (1 + usize::from(id) % 180);
        assert_eq!(add(&mut store, 0, &fragment(id, 0, true, &bytes(0..len))), Ok(None));
        assert!(store.memory() <= 100_000);
    }
    assert_eq!(store.evicted() + store.len() as u64, 50_000);
    assert_eq!(
        add(&mut store, 1, &fragment(49_999, 8 * (1 + 49_999 % 180), false, b"end")).unwrap().map(|_| ()),
        Some(())
    );
    while store.poll_expired(Instant::from_secs(61)).is_some() {}
    assert_eq!((store.len(), store.memory()), (0, 0));
    let mut none = reassembly(|limits| limits.reassembly_memory = 0);
    assert_eq!(add(&mut none, 0, &fragment(1, 0, true, &[1; 8])), Err(Discard::IpReassemblyFull));
    assert!(none.is_empty());
}

#[test]
fn more_fragments_than_allowed_give_the_datagram_up() {
    let mut store = reassembly(|limits| limits.fragments = 1000);
    for i in 0..1000 {
        assert_eq!(add(&mut store, 0, &fragment(1, 16 * i, true, &[1; 8])), Ok(None));
    }
    assert_eq!(add(&mut store, 0, &fragment(1, 8, true, &[1; 8])), Err(Discard::IpReassemblyFull));
    assert_eq!(store.memory(), DATAGRAM);
    assert_eq!(add(&mut store, 0, &fragment(1, 24, true, &[1; 8])), Err(Discard::IpFragmentGivenUp));
}

#[test]
fn the_largest_packet_over_the_smallest_links_is_put_together() {
    let mut store = reassembly(|_| {});
    let all = bytes(0..65_515);
    let mut done = None;
    for (i, part) in all.chunks(48).enumerate().rev() {
        done = add(&mut store, 0, &fragment(1, 48 * i, 48 * i + part.len() < all.len(), part)).unwrap();
    }
    assert!(done == Some(all));
    assert_eq!(a("129.68.72.20"), Addr::v4(PEER));
}

/// What a datagram is, said as simply as possible.
#[derive(Default)]
struct Model {
    fragments: Vec<(usize, bool, Vec<u8>)>,
    given_up: bool,
    begun: u64,
}

impl Model {
    fn add(&mut self, start: usize, more: bool, payload: &[u8]) -> Result<Option<Vec<u8>>, Discard> {
        if self.given_up {
            return Err(Discard::IpFragmentGivenUp);
        }
        if self.fragments.iter().any(|known| *known == (start, more, payload.to_vec())) {
            return Err(Discard::IpFragmentDuplicate);
        }
        self.fragments.push((start, more, payload.to_vec()));
        let mut places: Vec<Option<u8>> = vec![None; 1000];
        let mut overlap = false;
        for (start, _, payload) in &self.fragments {
            for (place, byte) in places[*start..].iter_mut().zip(payload) {
                overlap |= place.replace(*byte).is_some();
            }
        }
        let ends = |(start, _, payload): &(usize, bool, Vec<u8>)| start + payload.len();
        let last: Vec<_> = self.fragments.iter().filter(|(_, more, _)| !more).map(ends).collect();
        overlap |= last.len() > 1 || last.iter().any(|end| self.fragments.iter().any(|one| ends(one) > *end));
        if overlap {
            self.given_up = true;
            return Err(Discard::IpFragmentOverlap);
        }
        let [len] = last[..] else { return Ok(None) };
        Ok(places[..len].iter().copied().collect())
    }
}

proptest! {
    /// RFC 791, Section 3.2 and RFC 5722, Section 3, against a list of all that came.
    #[test]
    fn it_does_what_a_naive_model_does(steps in proptest::collection::vec(
        (0_u16..3, 0_usize..8, 1_usize..4, any::<bool>(), 0_u8..20, 0_u64..4), 1..120,
    )) {
        let mut store = reassembly(|_| {});
        let mut models: BTreeMap<u16, Model> = BTreeMap::new();
        let mut now = 0;
        for (id, unit, units, more, changed, pause) in steps {
            now += pause;
            models.retain(|_, model| now < model.begun + 60);
            while store.poll_expired(Instant::from_secs(now)).is_some() {}
            // The end is mostly at one place, the bytes are mostly those of their place.
            let more = more || unit + units < 8;
            let start = unit * 8;
            let mut payload = bytes(start..start + units * 8);
            if changed == 0 {
                payload[0] ^= 1;
            }
            let model = models.entry(id).or_insert_with(|| Model { begun: now, ..Model::default() });
            let expected = model.add(start, more, &payload);
            if matches!(expected, Ok(Some(_))) {
                models.remove(&id);
            }
            prop_assert_eq!(add(&mut store, now, &fragment(id, start, more, &payload)), expected);
            prop_assert_eq!(store.len(), models.len());
        }
        while store.poll_expired(Instant::from_secs(now + 60)).is_some() {}
        prop_assert_eq!((store.memory(), store.next_deadline()), (0, None));
    }
}
