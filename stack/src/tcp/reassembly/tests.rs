use super::*;
use crate::buffer::SizeClass;
use proptest::prelude::*;

const NO_LIMIT: usize = usize::MAX;

fn payload(pool: &mut Pool, bytes: &[u8]) -> Buf {
    let mut buf = pool.take(1514);
    buf.append(&[0xaa; 54]);
    buf.append(bytes);
    buf.trim_front(54);
    buf
}

fn held(pool: &mut Pool, pieces: &[(u32, u32)]) -> Reassembly {
    let mut queue = Reassembly::new();
    for (start, end) in pieces {
        let buf = payload(pool, &vec![1; (end - start) as usize]);
        queue.insert(pool, SeqNum(*start), buf, NO_LIMIT).unwrap();
    }
    queue
}

fn blocks(list: &[(u32, u32)]) -> SackBlocks {
    let mut blocks = SackBlocks::default();
    assert!(list.iter().all(|(start, end)| blocks.push(SeqNum(*start), SeqNum(*end))));
    blocks
}

#[derive(Clone, Debug)]
enum Op {
    Insert { offset: usize, len: usize },
    Advance(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0usize..6000, 1usize..1460).prop_map(|(offset, len)| Op::Insert { offset, len }),
        3 => (0usize..6000, 1usize..40).prop_map(|(offset, len)| Op::Insert { offset, len }),
        1 => (0usize..800).prop_map(Op::Advance),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The model is one `Option<u8>` a byte: the first byte to arrive stays.
    /// RFC 2018, Section 3: as many distinct blocks as there is room for.
    #[test]
    fn any_overlap_reads_back_as_a_byte_array_in_which_the_first_byte_stays(
        base in any::<u32>(),
        ops in prop::collection::vec(op(), 1..80),
    ) {
        let mut pool = Pool::new(1 << 30);
        let mut queue = Reassembly::new();
        let mut model: Vec<Option<u8>> = vec![None; 200_000];
        let mut rcv_nxt = 0;
        let seq = |at: usize| SeqNum(base) + at as u32;
        for (tag, op) in ops.into_iter().enumerate() {
            match op {
                // What begins exactly at `rcv_nxt` is not out of order: the queue gets only what is beyond.
                Op::Insert { offset, len } => {
                    let start = rcv_nxt + 1 + offset;
                    let bytes: Vec<u8> = (0..len).map(|i| (tag * 31 + i) as u8).collect();
                    let mut duplicate = None;
                    for (at, byte) in model.iter().enumerate().skip(start).take(len) {
                        match (byte, &mut duplicate) {
                            (Some(_), None) => duplicate = Some((at, at + 1)),
                            (Some(_), Some((_, end))) if *end == at => *end = at + 1,
                            _ => {}
                        }
                    }
                    for (i, byte) in bytes.iter().enumerate() {
                        model[start + i].get_or_insert(*byte);
                    }
                    let buf = payload(&mut pool, &bytes);
                    prop_assert!(queue.insert(&mut pool, seq(start), buf, NO_LIMIT).is_ok());
                    prop_assert_eq!(queue.take_duplicate(), duplicate.map(|(s, e)| (seq(s), seq(e))));
                    prop_assert_eq!(queue.take_duplicate(), None, "reported once");
                    let first = queue.sack_blocks(4).blocks[0];
                    prop_assert!(first.0.le(seq(start)) && first.1.ge(seq(start + len)));
                }
                Op::Advance(n) => rcv_nxt += n,
            }
            while let Some(buf) = queue.pop_ready(&mut pool, seq(rcv_nxt)) {
                let expected: Vec<_> = model[rcv_nxt..rcv_nxt + buf.len()].to_vec();
                prop_assert_eq!(buf.data().iter().map(|b| Some(*b)).collect::<Vec<_>>(), expected);
                rcv_nxt += buf.len();
                pool.put(buf);
            }
            prop_assert!(model[rcv_nxt].is_none(), "what is ready was given");
            let runs: Vec<(SeqNum, SeqNum)> = runs(&model[..rcv_nxt + 8000], rcv_nxt).map(|(s, e)| (seq(s), seq(e))).collect();
            prop_assert_eq!(queue.blocks.iter().copied().collect::<Vec<_>>(), runs.clone());
            // Nothing is more than 7460 bytes ahead.
            prop_assert_eq!(queue.bytes(), model[rcv_nxt..rcv_nxt + 8000].iter().flatten().count());
            prop_assert_eq!(
                queue.memory as usize,
                queue.segments.iter().map(|segment| segment.buf.memory()).sum::<usize>()
            );
            let sack = queue.sack_blocks(3);
            prop_assert_eq!(sack.as_slice().len(), runs.len().min(3), "as many distinct blocks as there is room for");
            prop_assert!(sack.as_slice().iter().all(|block| runs.contains(block)));
        }
        queue.clear(&mut pool);
        prop_assert!(queue.is_empty() && queue.bytes() == 0);
    }
}

fn runs(model: &[Option<u8>], from: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut at = from;
    std::iter::from_fn(move || {
        let start = at + model[at..].iter().position(Option::is_some)?;
        let end = start + model[start..].iter().position(Option::is_none)?;
        at = end;
        Some((start, end))
    })
}

/// RFC 2018, Section 4.
#[test]
fn the_block_that_changed_last_is_first_and_the_others_follow_by_recency() {
    let mut pool = Pool::new(1 << 20);
    // RFC 2018, Section 7, Case 3 (beginning), and one block that grows.
    let mut queue = held(&mut pool, &[(5500, 6000), (6500, 7000), (7500, 8000), (8500, 9000), (9500, 9600)]);
    assert_eq!(queue.sack_blocks(3), blocks(&[(9500, 9600), (8500, 9000), (7500, 8000)]));
    let buf = payload(&mut pool, &[1; 100]);
    queue.insert(&mut pool, SeqNum(7000), buf, NO_LIMIT).unwrap();
    assert_eq!(queue.sack_blocks(4), blocks(&[(6500, 7100), (9500, 9600), (8500, 9000), (7500, 8000)]));
    assert_eq!(queue.sack_blocks(0), SackBlocks::default());
}

#[test]
fn a_duplicate_of_held_data_is_reported_before_the_block_that_holds_it() {
    let mut pool = Pool::new(1 << 20);
    // RFC 2883, Section 4.1.3.
    let mut queue = held(&mut pool, &[(5000, 5500), (4500, 5000)]);
    let buf = payload(&mut pool, &[2; 500]);
    queue.insert(&mut pool, SeqNum(5000), buf, NO_LIMIT).unwrap();
    let duplicate = queue.take_duplicate();
    assert_eq!(sack_option(duplicate, Some(&queue), 3), blocks(&[(5000, 5500), (4500, 5500)]));
    assert_eq!(
        sack_option(None, Some(&queue), 3),
        blocks(&[(4500, 5500)]),
        "the next ACK does not repeat it"
    );
    // RFC 2883, Section 4.1.1: nothing is held.
    assert_eq!(sack_option(Some((SeqNum(3000), SeqNum(3500))), None, 3), blocks(&[(3000, 3500)]));
}

#[test]
fn a_duplicate_that_equals_the_block_is_followed_by_the_block() {
    let mut pool = Pool::new(1 << 20);
    let mut queue = held(&mut pool, &[(4500, 5000)]);
    let buf = payload(&mut pool, &[2; 500]);
    queue.insert(&mut pool, SeqNum(4500), buf, NO_LIMIT).unwrap();
    let duplicate = queue.take_duplicate();
    assert_eq!(sack_option(duplicate, Some(&queue), 3), blocks(&[(4500, 5000), (4500, 5000)]));
}

#[test]
fn the_memory_limit_counts_frames_and_gives_the_buffer_back() {
    let mut pool = Pool::new(1 << 20);
    let frame = SizeClass::Frame.capacity() + 64;
    let mut queue = Reassembly::new();
    for i in 0..4 {
        let buf = payload(&mut pool, &[1; 1000]);
        queue.insert(&mut pool, SeqNum(i * 2000), buf, 4 * frame).unwrap();
    }
    let buf = payload(&mut pool, &[1; 1000]);
    let back = queue.insert(&mut pool, SeqNum(20_000), buf, 4 * frame).unwrap_err();
    assert_eq!((back.len(), queue.bytes(), queue.memory as usize), (1000, 4000, 4 * frame));
    // Only the first gap can be filled when there is room for one more frame.
    let mut big = pool.take(4000);
    big.append(&[1; 4000]);
    queue.insert(&mut pool, SeqNum(1000), big, 5 * frame).unwrap();
    assert_eq!(queue.blocks.iter().copied().collect::<Vec<_>>()[0], (SeqNum(0), SeqNum(3000)));
    assert_eq!(queue.bytes(), 5000);
}

#[test]
fn single_bytes_with_gaps_end_at_the_limits_and_cost_small_buffers() {
    let mut pool = Pool::new(1 << 20);
    let mut queue = Reassembly::new();
    let refused = (0..5000)
        .filter(|i| {
            let buf = payload(&mut pool, b"x");
            queue.insert(&mut pool, SeqNum(i * 2), buf, NO_LIMIT).is_err()
        })
        .count();
    assert_eq!((queue.segments(), refused), (MAX_SEGMENTS, 5000 - MAX_SEGMENTS));
    assert_eq!(queue.memory as usize, MAX_SEGMENTS * (SizeClass::Small.capacity() + 64));
    let mut queue = Reassembly::new();
    for i in 0..400 {
        let buf = payload(&mut pool, b"x");
        queue.insert(&mut pool, SeqNum(i), buf, NO_LIMIT).unwrap();
    }
    assert_eq!((queue.segments(), queue.bytes()), (1, 400), "neighbours share a buffer");
}

#[test]
fn no_buffer_is_lost_to_the_pool() {
    let mut pool = Pool::new(1 << 30);
    let mut queue = held(&mut pool, &[(10, 20), (0, 5), (300, 1500), (3, 400), (2, 1600), (0, 5)]);
    let first = queue.pop_ready(&mut pool, SeqNum(1)).unwrap();
    assert_eq!(first.len(), 9, "the gap before 10 was filled into the same buffer");
    pool.put(first);
    queue.clear(&mut pool);
    assert_eq!(
        pool.allocated() as usize,
        SizeClass::ALL.into_iter().map(|class| pool.free(class)).sum::<usize>()
    );
}
