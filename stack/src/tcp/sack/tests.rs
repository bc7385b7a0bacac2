use super::*;
use proptest::prelude::*;

const MSS: u32 = 10;
const DUP: u32 = 3;

fn blocks(list: &[(u32, u32)]) -> SackBlocks {
    let mut blocks = SackBlocks::default();
    assert!(list.iter().all(|(start, end)| blocks.push(SeqNum(*start), SeqNum(*end))));
    blocks
}

fn board(snd_nxt: u32, list: &[(u32, u32)]) -> Scoreboard {
    let mut board = Scoreboard::new();
    for block in list {
        board.update(SeqNum(0), SeqNum(snd_nxt), &blocks(&[*block]));
    }
    board
}

/// One flag a byte from `una` on, and RFC 6675, Section 4, word for word.
struct Model {
    una: usize,
    nxt: usize,
    sacked: Vec<bool>,
}

impl Model {
    fn is_lost(&self, at: usize) -> bool {
        let above = &self.sacked[at + 1..];
        let bytes = above.iter().filter(|s| **s).count() as u32;
        let runs = (0..above.len()).filter(|i| above[*i] && (*i == 0 || !above[i - 1])).count() as u32;
        !self.sacked[at] && (runs >= DUP || bytes > (DUP - 1) * MSS)
    }

    fn pipe(&self, high_rxt: usize) -> u32 {
        let outstanding = (self.una..self.nxt).filter(|at| !self.sacked[*at]);
        outstanding.map(|at| u32::from(!self.is_lost(at)) + u32::from(at < high_rxt)).sum()
    }

    fn next(&self, high_rxt: usize, lost: bool) -> Option<usize> {
        let highest = (0..self.nxt).rev().find(|at| self.sacked[*at])?;
        (self.una.max(high_rxt)..highest).find(|at| !self.sacked[*at] && (!lost || self.is_lost(*at)))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_answer_is_that_of_the_rfcs_text_over_single_bytes(
        base in any::<u32>(),
        steps in prop::collection::vec(
            (prop::collection::vec((-60i32..700, -10i32..60), 0..4), 0usize..30, 0usize..40, 0usize..600),
            1..20,
        ),
    ) {
        let seq = |at: usize| SeqNum(base) + at as u32;
        let mut model = Model { una: 0, nxt: 100, sacked: vec![false; 2000] };
        let mut board = Scoreboard::new();
        for (list, advance, sent, high_rxt) in steps {
            model.una = (model.una + advance).min(model.nxt);
            model.nxt += sent;
            let mut wire = SackBlocks::default();
            for (start, len) in list {
                let (start, end) = (model.una as i32 + start, model.una as i32 + start + len);
                wire.push(SeqNum(base.wrapping_add_signed(start)), SeqNum(base.wrapping_add_signed(end)));
                if start >= model.una as i32 && len > 0 && end <= model.nxt as i32 {
                    model.sacked[start as usize..end as usize].fill(true);
                }
            }
            let before = board.sacked_bytes();
            let gone = board.ranges().iter().map(|r| r.1.min(seq(model.una)).0.wrapping_sub(r.0.0) as i32);
            let gone: i32 = gone.map(|n| n.max(0)).sum();
            let newly = board.update(seq(model.una), seq(model.nxt), &wire);
            let total = (model.una..model.nxt).filter(|at| model.sacked[*at]).count() as u32;
            model.sacked[..model.una].fill(false);
            prop_assert_eq!(board.sacked_bytes(), total);
            prop_assert_eq!(newly, total - (before - gone as u32));
            let (una, nxt) = (seq(model.una), seq(model.nxt));
            for at in model.una..model.nxt {
                prop_assert_eq!(board.is_sacked(seq(at)), model.sacked[at]);
                prop_assert_eq!(board.is_lost(seq(at), MSS, DUP), model.is_lost(at));
            }
            let high = seq(high_rxt.min(model.nxt));
            let high_at = high_rxt.min(model.nxt);
            prop_assert_eq!(board.pipe(una, nxt, high, MSS, DUP), model.pipe(high_at));
            let lost = board.next_lost(una, nxt, high, MSS, DUP);
            prop_assert_eq!(lost.map(|p| p.0), model.next(high_at, true).map(seq));
            let next = board.next_seg(una, nxt, high, MSS, DUP);
            prop_assert_eq!(next.map(|p| p.0), model.next(high_at, true).or(model.next(high_at, false)).map(seq));
            let rescue = board.rescue(una, nxt, None, MSS);
            let top = (model.una..model.nxt).rev().find(|at| !model.sacked[*at]);
            prop_assert_eq!(rescue.map(|p| p.0 + (p.1 - 1)), top.map(seq));
            for (start, len) in [lost, next, rescue].into_iter().flatten() {
                prop_assert!((1..=MSS).contains(&len));
                prop_assert!((0..len).all(|i| !board.is_sacked(start + i)), "no SACKed byte goes again");
                prop_assert!(start.ge(una) && (start + len).le(nxt));
            }
        }
    }
}

#[test]
fn hostile_blocks_change_nothing() {
    let mut board = Scoreboard::new();
    let (una, nxt) = (SeqNum(1000), SeqNum(2000));
    let hostile =
        [(900, 1000), (900, 1100), (1900, 2001), (1500, 1500), (1500, 1400), (3000, 4000), (1500, 500)];
    for block in hostile {
        assert_eq!(board.update(una, nxt, &blocks(&[block])), 0, "{block:?}");
    }
    assert!(board.is_empty());
    assert_eq!(board.update(una, nxt, &blocks(&[(1000, 2000), (1200, 1300)])), 1000, "overlaps count once");
    assert_eq!(board.sacked_bytes(), 1000);
}

#[test]
fn beyond_the_limit_the_highest_is_forgotten_and_counts_as_not_sacked() {
    let list: Vec<(u32, u32)> = (0..200).map(|i| (i * 20 + 10, i * 20 + 20)).collect();
    let board = board(10_000, &list);
    assert_eq!(board.ranges().len(), MAX_RANGES);
    assert_eq!(board.sacked_bytes(), MAX_RANGES as u32 * 10);
    assert!(board.is_sacked(SeqNum(127 * 20 + 10)) && !board.is_sacked(SeqNum(128 * 20 + 10)));
    // A lower one that is new drives the highest out.
    let mut board = board;
    let newly = board.update(SeqNum(0), SeqNum(10_000), &blocks(&[(2, 5)]));
    assert_eq!((newly, board.ranges().len()), (0, MAX_RANGES));
    assert!(board.is_sacked(SeqNum(2)) && !board.is_sacked(SeqNum(127 * 20 + 10)));
}

#[test]
fn a_hole_is_lost_by_three_ranges_above_or_by_more_than_two_segments() {
    let by_ranges = board(200, &[(20, 21), (30, 31), (40, 41)]);
    assert!(by_ranges.is_lost(SeqNum(0), MSS, DUP) && by_ranges.is_lost(SeqNum(19), MSS, DUP));
    assert!(!by_ranges.is_lost(SeqNum(25), MSS, DUP), "only two are above");
    assert!(!by_ranges.is_lost(SeqNum(20), MSS, DUP), "SACKed");
    assert!(!board(200, &[(20, 40)]).is_lost(SeqNum(0), MSS, DUP), "exactly two segments");
    assert!(board(200, &[(20, 41)]).is_lost(SeqNum(0), MSS, DUP));
}

#[test]
fn lost_pieces_go_first_then_holes_then_once_the_rescue() {
    let board = board(100, &[(10, 20), (30, 41), (50, 60)]);
    let (una, nxt) = (SeqNum(0), SeqNum(100));
    assert_eq!(board.next_lost(una, nxt, una, 7, DUP), Some((SeqNum(0), 7)));
    assert_eq!(
        board.next_lost(una, nxt, SeqNum(7), 7, DUP),
        Some((SeqNum(7), 3)),
        "no further than the hole"
    );
    assert_eq!(
        board.next_lost(una, nxt, SeqNum(10), 7, DUP),
        Some((SeqNum(20), 7)),
        "21 bytes above, more than 14"
    );
    assert_eq!(board.next_lost(una, nxt, SeqNum(30), 7, DUP), None);
    assert_eq!(board.next_seg(una, nxt, SeqNum(30), 7, DUP), Some((SeqNum(41), 7)), "rule 3");
    assert_eq!(board.next_seg(una, nxt, SeqNum(50), 7, DUP), None);
    assert_eq!(board.rescue(una, nxt, None, 7), Some((SeqNum(93), 7)));
    assert_eq!(board.rescue(una, nxt, Some(SeqNum(100)), 7), None, "once a recovery");
    assert_eq!(board.rescue(SeqNum(101), SeqNum(110), Some(SeqNum(100)), 7), Some((SeqNum(103), 7)));
}

/// RFC 2018, Section 8: how it is noticed; RFC 2018, Section 5: what a time-out does.
#[test]
fn a_peer_that_drops_what_it_reported_is_noticed_and_a_timeout_forgets_all() {
    let mut board = board(100, &[(10, 20)]);
    assert!(!board.reneged(SeqNum(0)));
    board.advance(SeqNum(10));
    assert!(board.reneged(SeqNum(10)), "acknowledged up to a byte that it has");
    board.clear();
    assert!(board.is_empty() && board.sacked_bytes() == 0);
    assert_eq!(board.pipe(SeqNum(10), SeqNum(100), SeqNum(10), MSS, DUP), 90);
}

#[test]
fn a_duplicate_report_is_told_from_a_sack() {
    let ack = SeqNum(4000);
    assert_eq!(duplicate_reported(ack, &blocks(&[(3000, 3500)])), Some((SeqNum(3000), SeqNum(3500))));
    let within = blocks(&[(5000, 5500), (4500, 5500)]);
    assert_eq!(duplicate_reported(ack, &within), Some((SeqNum(5000), SeqNum(5500))));
    assert_eq!(duplicate_reported(ack, &blocks(&[(4500, 5000), (6000, 7000)])), None);
    assert_eq!(duplicate_reported(ack, &SackBlocks::default()), None);
}
