//! Fragments, in and out.

use super::Shard;
use super::receive::Fate;
use super::transmit::Via;
use crate::buffer::Buf;
use crate::ip::Arrival;
use crate::ip::fragment::Cut;
use crate::ip::icmp::Complaint;
use crate::ip::reassembly::{Expired, Origin};
use crate::telemetry::{Discard, Taken};
use crate::wire::{Addr, Ipv4Header, Ipv4View, Mac};

impl Shard {
    /// Keeps a fragment until the others have come; with the last of them, the whole packet arrives.
    #[cold]
    pub(crate) fn receive_fragment(&mut self, frame: Buf, station: Mac, arrival: Arrival) -> Fate {
        let origin = Origin { station, arrival };
        let outcome = self.reassembly.on_fragment(self.now, frame.data(), origin);
        self.pool.put(frame);
        let Some(whole) = outcome? else { return Ok(Taken::Fragment) };
        self.counters.reassembled += 1;
        let mut packet = self.pool.take(whole.len());
        if !whole.write(&mut packet) {
            return self.give_up(packet, Discard::IpReassemblyFull);
        }
        // It is no fragment any more, so that this comes here once only. The last fragment has the packet's fate.
        self.receive_ipv4(packet, station, arrival)
    }

    /// RFC 1122, Section 3.3.2: what is incomplete after its time is discarded, and its sender told where fragment zero came.
    pub(crate) fn expire_fragments(&mut self, budget: &mut u32) {
        while *budget > 0 {
            let Some(Expired { first, given_up }) = self.reassembly.poll_expired(self.now) else { return };
            *budget -= 1;
            if given_up {
                continue;
            }
            self.counters.reassembly_timeouts += 1;
            if let Some((packet, Origin { station, arrival })) = first {
                self.complain(&packet, station, arrival, Complaint::ReassemblyTime);
            }
        }
    }

    /// As [`Shard::emit`]; what is larger than the link takes goes in fragments. To ourselves it goes whole.
    pub(crate) fn emit_in_fragments(&mut self, packet: Buf, via: Via) {
        let mtu = self.interface.mtu();
        if packet.len() <= usize::from(mtu) || matches!(via, Via::Loop) {
            return self.emit(packet, via);
        }
        if let Ok(view) = Ipv4View::parse(packet.data()) {
            let header = view.header();
            let identification = self.identifications.next(Addr::v4(header.src), Addr::v4(header.dst));
            let cut = Cut::new(header, mtu, identification);
            // Some of them without the others are of no use to anybody.
            let room = 2 * self.settings.limits.transmit_queue as usize;
            if self.queues.transmit.len() + cut.fragments().count() > room {
                self.discards.count(Discard::TransmitQueueFull);
                return self.pool.put(packet);
            }
            for (header, range) in cut.fragments() {
                let mut fragment = self.pool.take(range.len());
                fragment.append(view.payload().get(range).unwrap_or_default());
                if let Some(place) = fragment.prepend(Ipv4Header::LEN) {
                    header.write(place);
                }
                self.emit(fragment, via);
            }
        }
        self.pool.put(packet);
    }
}
