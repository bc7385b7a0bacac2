//! A device that a benchmark itself feeds: frames go in by hand, and come out by hand.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use synward::buffer::{Buf, Capabilities, Device, Pool, Readiness, Received};
use synward::sync::Signal;
use synward::wire::Mac;

/// What waits at one port.
#[derive(Default)]
pub struct Queue {
    pub frames: VecDeque<Buf>,
}

/// One port of a hub: its inbox, and where each station's frames go.
pub struct Port {
    mac: Mac,
    inbox: Rc<RefCell<Queue>>,
    peers: Vec<(Mac, Rc<RefCell<Queue>>)>,
}

impl Port {
    pub fn new(mac: Mac, inbox: Rc<RefCell<Queue>>, peers: Vec<(Mac, Rc<RefCell<Queue>>)>) -> Self {
        Self { mac, inbox, peers }
    }
}

impl Device for Port {
    fn capabilities(&self) -> Capabilities {
        Capabilities { mac: self.mac, mtu: 1500, checksum_offload: false, segmentation: 0 }
    }

    fn receive(&mut self, pool: &mut Pool, into: &mut VecDeque<Buf>, budget: usize) -> io::Result<Received> {
        let waiting = &mut self.inbox.borrow_mut().frames;
        let frames = budget.min(waiting.len());
        for frame in waiting.drain(..frames) {
            pool.adopt(&frame);
            into.push_back(frame);
        }
        Ok(Received { frames, more: !waiting.is_empty() })
    }

    fn transmit(&mut self, from: &mut VecDeque<Buf>, pool: &mut Pool) -> io::Result<()> {
        for frame in from.drain(..) {
            let to = frame.data().get(..6).unwrap_or_default();
            // A broadcast goes to the first; nobody else would answer it here.
            let of = |(mac, _): &&(Mac, Rc<RefCell<Queue>>)| mac.0 == *to || to == [0xff; 6];
            match self.peers.iter().find(of) {
                Some((_, queue)) => {
                    pool.forget(&frame);
                    queue.borrow_mut().frames.push_back(frame);
                }
                None => pool.put(frame),
            }
        }
        Ok(())
    }

    fn readiness(&self) -> Readiness {
        Readiness::Signal(Arc::new(Signal::default()))
    }
}
