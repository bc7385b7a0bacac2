//! A host with an open connection, and what must hold after whatever was injected into it.

use crate::common::bystander::Bystander;
use crate::common::frames::{US, at};
use crate::common::peer::{ACK, FIN, PSH, Peer, RST};
use crate::common::wire::Wire;
use crate::common::{ms, secs};
use synward::settings::{Cookies, Settings};
use synward::shard::{ConnId, ListenerId, MemoryReport};
use synward::tcp::Options;

/// Entries of each store at most: one page of it, so that memory kept is memory that shows. Pages are never given back.
pub(crate) const ENTRIES: usize = 64;

/// Settings under which no store has more than one page.
pub(crate) fn settings(cookies: Cookies) -> Settings {
    let mut settings = Settings::default();
    settings.admission.cookies = cookies;
    let limits = &mut settings.limits;
    limits.connections = ENTRIES as u32;
    limits.half_open = ENTRIES as u32;
    limits.time_wait = ENTRIES as u32;
    limits.orphans = ENTRIES as u32 / 4;
    limits.neighbors = ENTRIES as u32 / 2;
    limits.neighbors_unresolved = ENTRIES as u32 / 2;
    settings
}

/// The host, and its memory before.
pub(crate) struct Stand {
    pub(crate) wire: Wire,
    pub(crate) bystander: Bystander,
    before: MemoryReport,
    listeners: Vec<ListenerId>,
    accepted: Vec<ConnId>,
    injected: u64,
}

impl Stand {
    /// A host on whose port 80 a bystander is connected, and that has had every kind of state once.
    pub(crate) fn new(cookies: Cookies) -> Self {
        let mut wire = Wire::new(settings(cookies));
        let mut bystander = Bystander::new(&mut wire);
        // One that goes to TIME-WAIT, one that stays half-open, so that the first page of each store is there.
        let listener = wire.host.listen(at(US, 9).into(), 4, &Options::default()).unwrap();
        let mut peer = Peer::new(60_000, 9);
        let id = peer.open(&mut wire, listener);
        peer.send(&mut wire, ACK.with(PSH), b"x");
        wire.host.close(id);
        wire.run(ms(10));
        let mut peer = Peer::new(60_001, 9);
        let id = peer.open(&mut wire, listener);
        wire.host.close(id);
        wire.settle();
        let sent = wire.segments();
        peer.take(&sent);
        peer.send(&mut wire, ACK.with(FIN), &[]);
        assert_eq!(wire.host.snapshot().time_wait, 1);
        Peer::new(60_002, 9).syn(&mut wire, Default::default());
        let mut gone = Peer::new(60_000, 9);
        gone.send(&mut wire, RST, &[]);
        wire.host.close_listener(listener);
        wire.run(secs(2000));
        while wire.host.poll_event().is_some() {}
        bystander.check(&mut wire);
        // Quiet, so that even the bystander's neighbour is forgotten: as it will be at the end.
        wire.run(secs(3000));
        let before = wire.host.memory();
        assert_eq!(before.buffers, 0);
        Self { wire, bystander, before, listeners: Vec::new(), accepted: Vec::new(), injected: 0 }
    }

    /// Listens on another port.
    pub(crate) fn listen(&mut self, port: u16) {
        if let Ok(listener) = self.wire.host.listen(at(US, port).into(), 16, &Options::default()) {
            self.listeners.push(listener);
        }
    }

    /// One frame, and all that it gives cause to at this moment.
    pub(crate) fn inject(&mut self, frame: &[u8]) {
        let before = self.wire.host.account();
        assert!(before.balances(), "{before:?}");
        self.wire.host.device_mut().inbox.push_back(frame.to_vec());
        // Answers go nowhere yet: this frame is all that there is to receive.
        let _ = self.wire.host.poll(self.wire.now).unwrap();
        let after = self.wire.host.account();
        self.injected += 1;
        assert_eq!(after.received, before.received + 1, "one frame");
        assert!(after.balances(), "one frame, one counter: {after:?}");
        self.wire.settle();
    }

    /// The applications of all connections read what came, answer the first time and, where `close` says so, close.
    pub(crate) fn serve(&mut self, close: bool) {
        let host = &mut self.wire.host;
        for listener in self.listeners.iter().chain([&self.bystander.listener]) {
            while let Ok((id, _)) = host.accept(*listener) {
                let _ = host.write(id, b"answer");
                self.accepted.push(id);
            }
        }
        let mut text = [0; 4096];
        for id in &self.accepted {
            while host.read(*id, &mut text).is_ok_and(|n| n > 0) {}
        }
        if close {
            self.accepted.drain(..).for_each(|id| host.close(id));
        }
        while host.poll_event().is_some() {}
        self.wire.settle();
    }

    /// The open connection is byte-exact.
    pub(crate) fn check(&mut self) {
        self.bystander.check(&mut self.wire);
    }

    /// After all time-outs nothing is left of what was injected, and every frame is accounted for.
    pub(crate) fn finish(mut self) -> Wire {
        self.check();
        self.serve(true);
        for listener in core::mem::take(&mut self.listeners) {
            self.wire.host.close_listener(listener);
        }
        self.wire.run(secs(3000));
        while self.wire.host.poll_event().is_some() {}
        self.check();
        // The bystander's own neighbour is asked for anew when it moves data again, and forgotten again.
        self.wire.run(secs(3000));
        let snapshot = self.wire.host.snapshot();
        assert_eq!((snapshot.connections, snapshot.orphans, snapshot.time_wait), (1, 0, 0));
        assert_eq!(snapshot.admission.counts.half_open, 0);
        assert!(snapshot.account().balances(), "{:?}", snapshot.account());
        let after = snapshot.memory;
        assert!(after.pool <= Settings::default().limits.pool as usize);
        assert_eq!(MemoryReport { pool: 0, ..after }, MemoryReport { pool: 0, ..self.before });
        self.wire
    }

    /// Frames injected.
    pub(crate) fn injected(&self) -> u64 {
        self.injected
    }
}
