//! What a remote party can repeat without end makes nothing grow without end.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::frames::{US, at};
use common::peer::{ACK, PSH, Peer, RST, connected};
use common::wire::Wire;
use common::{ms, secs};
use std::time::Duration;
use synward::settings::Settings;
use synward::shard::Event;
use synward::tcp::Options;
use synward::wire::TcpOptions;

#[test]
fn a_connection_has_one_place_in_the_event_queue_however_its_application_takes_its_events() {
    let mut wire = Wire::new(Settings::default());
    let (_, mut peer, id) = connected(&mut wire, 40_000);
    wire.events();
    let mut text = [0; 64];
    for _ in 0..1000 {
        peer.send(&mut wire, ACK.with(PSH), b"x");
        // One event for each arrival, and never one more call to see that there is none.
        assert_eq!(wire.host.poll_event(), Some(Event::Readable(id)));
        assert_eq!(wire.host.read(id, &mut text), Ok(1));
        assert!(wire.host.events_waiting() <= 1, "{}", wire.host.events_waiting());
    }
}

#[test]
fn protection_that_an_attacker_switches_on_and_off_is_told_a_bounded_number_of_times() {
    let mut settings = Settings::default();
    settings.admission.max_half_open = 1;
    settings.admission.hold_off = Duration::ZERO;
    settings.admission.hold_off_max = Duration::ZERO;
    let mut wire = Wire::new(settings);
    wire.host.listen(at(US, 80).into(), 16, &Options::default()).unwrap();
    for round in 0..500 {
        for n in 0..2 {
            let mut peer = Peer::new(1000 + 2 * round + n, 80);
            let answer = peer.syn(&mut wire, TcpOptions::default());
            peer.learn(&answer[0]);
            // The second one and the first one are gone again at once.
            if n == 1 {
                for port in [1000 + 2 * round, 1001 + 2 * round] {
                    let gone = Peer { me: at(*peer.me.ip(), port), ..peer };
                    wire.inject(&gone.frame(&gone.header(RST), &[]));
                }
            }
        }
        wire.run(ms(10));
    }
    assert!(wire.host.snapshot().admission.times_exceeded >= 400, "it did flap");
    assert!(wire.host.events_waiting() < 10);
    let told = wire.events().into_iter().filter(|event| matches!(event, Event::Protection(_))).count();
    assert!((2..=64).contains(&told), "{told} changes were kept");
    assert!(wire.host.snapshot().admission.events_lost > 0);
}

#[test]
fn connections_that_are_reset_while_they_wait_to_be_accepted_give_their_memory_back_when_accepted_or_closed()
{
    let mut wire = Wire::new(Settings::default());
    let listener = wire.host.listen(at(US, 80).into(), 8, &Options::default()).unwrap();
    for port in 0..8 {
        let mut peer = Peer::new(2000 + port, 80);
        let answer = peer.syn(&mut wire, TcpOptions::default());
        peer.learn(&answer[0]);
        peer.send(&mut wire, ACK.with(PSH), &[1; 1000]);
        peer.send(&mut wire, RST, &[]);
    }
    for _ in 0..4 {
        let (id, _) = wire.host.accept(listener).unwrap();
        let mut text = [0; 2000];
        assert_eq!(wire.host.read(id, &mut text), Ok(1000), "what came before the reset can be read");
        assert!(wire.host.read(id, &mut text).is_err());
        wire.host.close(id);
    }
    wire.host.close_listener(listener);
    wire.run(secs(1));
    let snapshot = wire.host.snapshot();
    assert_eq!((snapshot.connections, snapshot.orphans, snapshot.memory.buffers), (0, 0, 0));
    assert_eq!(wire.host.idle_state(), (0, 0));
}

#[test]
fn a_first_window_of_data_waits_for_the_neighbour_and_is_lost_to_nobody() {
    let mut wire = Wire::new(Settings::default());
    wire.stations.clear();
    let (_, peer, id) = connected(&mut wire, 40_000);
    wire.host.write(id, &[1; 14_000]).unwrap();
    wire.run(ms(700));
    assert_eq!(wire.segments(), []);
    wire.stations.insert(*peer.me.ip(), peer.mac);
    wire.run(secs(1));
    let sent = wire.timed_segments();
    // Nagle's algorithm keeps the last piece.
    let at_once =
        sent.iter().filter(|(at, segment)| *at == sent[0].0 && segment.payload.len() == 1460).count();
    assert_eq!(at_once, 9);
    // One whose neighbour stays silent goes on trying, as an established connection does.
    wire.stations.clear();
    let mut other = Peer::new(40_001, 80);
    other.me.set_ip([192, 0, 2, 9].into());
    let answer = other.syn(&mut wire, TcpOptions::default());
    other.learn(&answer[0]);
    other.send(&mut wire, ACK, &[]);
    wire.host.write(id, b"x").unwrap();
    wire.run(secs(10));
    assert_eq!(wire.host.state(id), synward::tcp::TcpState::Established);
}
