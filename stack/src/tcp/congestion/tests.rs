use super::*;
use crate::settings::Congestion;
use proptest::prelude::*;

const MSS: u32 = 1460;

fn settings(congestion: Congestion) -> settings::Tcp {
    settings::Tcp { congestion, ..settings::Tcp::default() }
}

fn control(congestion: Congestion) -> Control {
    Control::new(&settings(congestion), MSS, false)
}

/// Acknowledges one whole window, segment by segment, over one round trip.
fn round(control: &mut Control, now: &mut Instant, rtt: Duration) {
    let acks = control.cwnd() / MSS;
    for _ in 0..acks {
        *now += rtt / acks;
        control.on_ack(*now, MSS, Some(rtt), MSS, true);
    }
}

/// RFC 6928, Section 2; RFC 5681, Section 3.1: one segment after a lost SYN.
#[test]
fn the_initial_window_is_that_of_rfc_6928() {
    for (mss, window) in [(1460, 14_600), (536, 5360), (9000, 18_000), (2000, 14_600), (100, 1000)] {
        for congestion in [Congestion::Reno, Congestion::Cubic] {
            assert_eq!(Control::new(&settings(congestion), mss, false).cwnd(), window);
            assert_eq!(Control::new(&settings(congestion), mss, true).cwnd(), mss, "after a lost SYN");
        }
    }
    assert_eq!((control(Congestion::Reno).name(), control(Congestion::Cubic).name()), ("reno", "cubic"));
}

/// RFC 5681, Section 3.1; RFC 9406, Section 4.3: at most L = 8 segments an ACK.
#[test]
fn slow_start_doubles_in_a_round_trip_and_counts_bytes() {
    for congestion in [Congestion::Reno, Congestion::Cubic] {
        let mut control = control(congestion);
        let mut now = Instant::ZERO;
        round(&mut control, &mut now, Duration::from_millis(10));
        assert_eq!(control.cwnd(), 20 * MSS);
        control.on_ack(now, 100, None, MSS, true);
        assert_eq!(control.cwnd(), 20 * MSS + 100, "a small acknowledgment opens little");
        control.on_ack(now, 50 * MSS, None, MSS, true);
        assert_eq!(control.cwnd(), 28 * MSS + 100, "a large one at most eight segments");
    }
}

/// RFC 9406, Section 4.3: with L = 8 a receiver that acknowledges eight segments at a time slows nothing down.
#[test]
fn slow_start_doubles_too_where_eight_segments_are_acknowledged_at_a_time() {
    for congestion in [Congestion::Reno, Congestion::Cubic] {
        let mut control =
            Control::new(&settings::Tcp { initial_window: 16, ..settings(congestion) }, MSS, false);
        for (n, cwnd) in [(2, 32), (4, 64), (8, 128)] {
            (0..n).for_each(|_| control.on_ack(Instant::ZERO, 8 * MSS, None, MSS, true));
            assert_eq!(control.cwnd(), cwnd * MSS);
        }
    }
}

/// RFC 7661, Section 4.4; RFC 9438, Section 5.8.
#[test]
fn a_window_that_is_not_used_does_not_grow() {
    for congestion in [Congestion::Reno, Congestion::Cubic] {
        let mut control = control(congestion);
        for i in 0..100 {
            control.on_ack(Instant::from_millis(i), MSS, None, MSS, false);
        }
        assert_eq!(control.cwnd(), 10 * MSS);
    }
}

/// RFC 5681, Section 3.1.
#[test]
fn reno_halves_on_a_loss_and_then_gains_one_segment_a_round_trip() {
    let mut control = control(Congestion::Reno);
    let mut now = Instant::ZERO;
    control.on_loss(now, 100 * MSS, MSS);
    assert_eq!((control.cwnd(), control.ssthresh()), (50 * MSS, 50 * MSS));
    control.on_recovery_exit(80 * MSS, MSS);
    for n in 1..=20 {
        round(&mut control, &mut now, Duration::from_millis(10));
        assert_eq!(control.cwnd(), (50 + n) * MSS);
    }
    control.on_loss(now, MSS, MSS);
    assert_eq!(control.ssthresh(), 2 * MSS, "never below two segments");
}

/// RFC 5681, Section 3.2, steps 3 and 4; RFC 6582, Section 3.2, step 3.
#[test]
fn recovery_without_sack_inflates_deflates_and_leaves_without_a_burst() {
    let mut control = control(Congestion::Reno);
    control.on_loss(Instant::ZERO, 20 * MSS, MSS);
    control.on_fast_retransmit(3, MSS);
    assert_eq!(control.cwnd(), 13 * MSS);
    control.on_recovery_dup_ack(MSS);
    assert_eq!(control.cwnd(), 14 * MSS);
    control.on_partial_ack(4 * MSS, MSS);
    assert_eq!(control.cwnd(), 11 * MSS, "less what was acknowledged, and one segment back");
    control.on_partial_ack(100, MSS);
    assert_eq!(control.cwnd(), 11 * MSS - 100);
    control.on_recovery_exit(2 * MSS, MSS);
    assert_eq!(control.cwnd(), 3 * MSS, "what is in flight and one segment");
    control.on_recovery_exit(50 * MSS, MSS);
    assert_eq!(control.cwnd(), 10 * MSS, "at most the threshold");
}

/// RFC 5681, Section 3.1; RFC 3465, Section 2.3: after it one segment an ACK.
#[test]
fn a_timeout_goes_to_one_segment_and_only_the_first_lowers_the_threshold() {
    for (congestion, threshold) in [(Congestion::Reno, 20), (Congestion::Cubic, 28)] {
        let mut control = control(congestion);
        let mut now = Instant::ZERO;
        control.on_timeout(now, 40 * MSS, MSS, true);
        assert_eq!((control.cwnd(), control.ssthresh()), (MSS, threshold * MSS));
        control.on_timeout(now, MSS, MSS, false);
        assert_eq!((control.cwnd(), control.ssthresh()), (MSS, threshold * MSS));
        control.on_ack(now, 10 * MSS, None, MSS, true);
        assert_eq!(control.cwnd(), 2 * MSS, "one segment an ACK after a time-out");
        while control.in_slow_start() {
            round(&mut control, &mut now, Duration::from_millis(10));
        }
        assert_eq!(control.cwnd() / MSS, threshold, "slow start ends at the threshold");
    }
}

#[test]
fn after_idleness_the_window_is_the_restart_window_and_the_threshold_stays() {
    for congestion in [Congestion::Reno, Congestion::Cubic] {
        let mut control = control(congestion);
        control.on_loss(Instant::ZERO, 200 * MSS, MSS);
        let threshold = control.ssthresh();
        control.on_idle(MSS, &settings(congestion));
        assert_eq!((control.cwnd(), control.ssthresh()), (10 * MSS, threshold));
        control.on_timeout(Instant::ZERO, 10 * MSS, MSS, true);
        control.on_idle(MSS, &settings(congestion));
        assert_eq!(control.cwnd(), MSS, "idleness never opens it");
    }
}

/// RFC 5681, Section 3.1: the window goes down by the ratio of the sizes.
#[test]
fn a_smaller_segment_size_keeps_the_number_of_segments() {
    for congestion in [Congestion::Reno, Congestion::Cubic] {
        let mut control = control(congestion);
        control.on_mss_change(1460, 730);
        assert_eq!(control.cwnd(), 7300);
        control.on_mss_change(730, 20_000);
        assert_eq!(control.cwnd(), 20_000, "at least one segment");
    }
}

/// W_cubic of RFC 9438, Figure 1, in segments.
fn w_cubic(t: f64, w_max: f64, cwnd_epoch: f64) -> f64 {
    let k = ((w_max - cwnd_epoch) / 0.4).cbrt();
    0.4 * (t - k).powi(3) + w_max
}

/// RFC 9438, Section 4.2; RFC 9438, Section 4.4: the concave region; RFC 9438, Section 4.5: the convex one; RFC 9438,
/// Section 4.6: the decrease.
#[test]
fn cubic_follows_the_curve_of_the_rfc_through_concave_and_convex_region() {
    let mut control = control(Congestion::Cubic);
    let (mut now, rtt) = (Instant::ZERO, Duration::from_millis(100));
    while control.cwnd() < 1000 * MSS {
        round(&mut control, &mut now, rtt);
    }
    let w_max = f64::from(control.cwnd()) / f64::from(MSS);
    let flight = control.cwnd();
    control.on_loss(now, flight, MSS);
    assert!((f64::from(control.cwnd()) - 0.7 * f64::from(flight)).abs() < 2.0, "β = 0.7");
    let (epoch, cwnd_epoch) = (now, f64::from(control.cwnd()) / f64::from(MSS));
    let k = ((w_max - cwnd_epoch) / 0.4).cbrt();
    let mut before = control.cwnd();
    while now.since(epoch).as_secs_f64() < 2.0 * k {
        round(&mut control, &mut now, rtt);
        let t = now.since(epoch).as_secs_f64();
        let (ours, theirs) = (f64::from(control.cwnd()) / f64::from(MSS), w_cubic(t, w_max, cwnd_epoch));
        assert!((ours / theirs - 1.0).abs() < 0.02, "after {t} s: {ours} and not {theirs} segments");
        assert!(control.cwnd() >= before, "it never shrinks without a loss");
        before = control.cwnd();
    }
    assert!(f64::from(control.cwnd()) > f64::from(MSS) * w_max, "the convex region lies beyond W_max");
}

/// RFC 9438, Section 4.3.
#[test]
fn cubic_grows_like_reno_where_the_curve_is_slower() {
    // 10 segments over 10 ms: the curve needs 2 s for the first 3 segments, Reno 30 ms.
    let (mut cubic, mut now, rtt) = (control(Congestion::Cubic), Instant::ZERO, Duration::from_millis(10));
    cubic.on_loss(now, 20 * MSS, MSS);
    let cwnd_epoch = cubic.cwnd();
    let (mut w_est, prior) = (f64::from(cwnd_epoch), 10.0 * f64::from(MSS));
    for _ in 0..40 {
        let acks = cubic.cwnd() / MSS;
        for _ in 0..acks {
            let alpha = if w_est >= prior { 1.0 } else { 9.0 / 17.0 };
            w_est += alpha * f64::from(MSS) * f64::from(MSS) / f64::from(cubic.cwnd());
            now += rtt / acks;
            cubic.on_ack(now, MSS, Some(rtt), MSS, true);
        }
        let ours = f64::from(cubic.cwnd());
        assert!((ours / w_est - 1.0).abs() < 0.02, "{ours} and not {w_est}");
    }
}

/// RFC 9438, Section 4.7.
#[test]
fn cubic_gives_way_by_fast_convergence_when_the_saturation_point_falls() {
    let mut control = control(Congestion::Cubic);
    let mut now = Instant::ZERO;
    let rtt = Duration::from_millis(100);
    while control.cwnd() < 400 * MSS {
        round(&mut control, &mut now, rtt);
    }
    let flight = control.cwnd();
    control.on_loss(now, flight, MSS);
    round(&mut control, &mut now, rtt);
    let second = control.cwnd();
    assert!(second < flight);
    control.on_loss(now, second, MSS);
    let epoch = now;
    let cwnd_epoch = f64::from(control.cwnd());
    let w_max = f64::from(second) * 0.85;
    // Until the plateau at the lowered W_max.
    let k = ((w_max - cwnd_epoch) / f64::from(MSS) / 0.4).cbrt();
    while now.since(epoch).as_secs_f64() < k {
        round(&mut control, &mut now, rtt);
    }
    assert!((f64::from(control.cwnd()) / w_max - 1.0).abs() < 0.02, "{} and not {w_max}", control.cwnd());
}

/// RFC 9438, Section 5.8.
#[test]
fn cubic_does_not_count_the_time_that_the_application_limits() {
    let run = |pause: u64| {
        let mut control = control(Congestion::Cubic);
        let mut now = Instant::ZERO;
        let rtt = Duration::from_millis(100);
        while control.cwnd() < 400 * MSS {
            round(&mut control, &mut now, rtt);
        }
        let flight = control.cwnd();
        control.on_loss(now, flight, MSS);
        (0..5).for_each(|_| round(&mut control, &mut now, rtt));
        for _ in 0..pause {
            now += Duration::from_millis(100);
            control.on_ack(now, MSS, Some(rtt), MSS, false);
        }
        (0..20).for_each(|_| round(&mut control, &mut now, rtt));
        control.cwnd()
    };
    assert_eq!(run(0), run(100), "ten seconds of little data change nothing");
}

#[test]
fn cubic_starts_over_from_the_threshold_after_a_timeout() {
    let mut control = control(Congestion::Cubic);
    let (mut now, rtt) = (Instant::ZERO, Duration::from_millis(200));
    while control.cwnd() < 400 * MSS {
        round(&mut control, &mut now, rtt);
    }
    control.on_timeout(now, 400 * MSS, MSS, true);
    while control.in_slow_start() {
        round(&mut control, &mut now, rtt);
    }
    let (epoch, start) = (now, f64::from(control.cwnd()) / f64::from(MSS));
    while now.since(epoch).as_secs_f64() < 12.0 {
        round(&mut control, &mut now, rtt);
        // K = 0 and W_max = the window at the start of the stage (RFC 9438, Section 4.8).
        let t = now.since(epoch).as_secs_f64();
        let (ours, theirs) = (f64::from(control.cwnd()) / f64::from(MSS), 0.4 * t.powi(3) + start);
        assert!((ours / theirs - 1.0).abs() < 0.05, "after {t} s: {ours} and not {theirs}");
    }
}

#[derive(Clone, Debug)]
enum Op {
    Ack(u32, u64, bool),
    /// Flight at the loss, duplicate ACKs, bytes of a partial acknowledgment, flight at the end.
    Recovery(u32, u32, u32, u32),
    Timeout(u32, bool),
    Idle,
    Mss(u32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1u32..1 << 30, 0u64..10_000_000_000, any::<bool>()).prop_map(|(n, t, limited)| Op::Ack(n, t, limited)),
        4 => (1u32..3000, 0u64..100_000_000, Just(true)).prop_map(|(n, t, limited)| Op::Ack(n, t, limited)),
        2 => (0u32..1 << 30, 0u32..9000, 1u32..1 << 30, 0u32..1 << 30).prop_map(|(a, b, c, d)| Op::Recovery(a, b, c, d)),
        1 => (0u32..1 << 30, any::<bool>()).prop_map(|(n, first)| Op::Timeout(n, first)),
        1 => Just(Op::Idle),
        1 => (64u32..65_000).prop_map(Op::Mss),
    ]
}

proptest! {
    #[test]
    fn no_history_leaves_the_window_below_a_segment_or_above_a_gibibyte(
        cubic in any::<bool>(),
        ops in prop::collection::vec(op(), 1..200),
    ) {
        let settings = settings(if cubic { Congestion::Cubic } else { Congestion::Reno });
        let mut mss = 536;
        let mut control = Control::new(&settings, mss, false);
        let mut now = Instant::ZERO;
        for op in ops {
            let before = control.cwnd();
            match op {
                Op::Ack(n, t, limited) => {
                    now += Duration::from_nanos(t);
                    control.on_ack(now, n, Some(Duration::from_nanos(t)), mss, limited);
                    prop_assert!(control.cwnd() >= before);
                    prop_assert!(limited || control.cwnd() == before);
                    // No acknowledgment opens it faster than slow start's or by more than half.
                    prop_assert!(control.cwnd() <= before + (before / 2).max(8 * mss) + 3 * mss);
                }
                Op::Recovery(flight, dup_acks, acked, left) => {
                    control.on_loss(now, flight, mss);
                    let reduced = control.cwnd();
                    control.on_fast_retransmit(3, mss);
                    (0..dup_acks).for_each(|_| control.on_recovery_dup_ack(mss));
                    control.on_partial_ack(acked, mss);
                    control.on_recovery_exit(left, mss);
                    prop_assert!(control.cwnd() <= reduced, "recovery ends at or below the threshold");
                }
                Op::Timeout(n, first) => control.on_timeout(now, n, mss, first),
                Op::Idle => control.on_idle(mss, &settings),
                Op::Mss(new) => {
                    control.on_mss_change(mss, new);
                    mss = new;
                }
            }
            prop_assert!(control.cwnd() >= mss && control.cwnd() <= 1 << 30, "{} {mss}", control.cwnd());
            prop_assert!(control.ssthresh() >= 2 * mss);
        }
    }
}
