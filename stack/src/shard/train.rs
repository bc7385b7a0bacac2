//! A train of segments: what one decision of a connection sends as several frames. Where the device cuts no super-segments, it
//! is cut here, and the frames share all of their headers but sequence number, PSH, FIN and checksum.

use super::Shard;
use crate::ip::Ipv4Template;
use crate::tcp::Outgoing;
use crate::wire::{
    EtherType, EthernetHeader, FlowKey, IpProtocol, Ipv4Header, Mac, SeqNum, TcpFlags, checksum, tcp_view,
};

/// Most segments of one train: its connection then gives way to the next one.
pub(super) const SEGMENTS: usize = 32;

const TCP: usize = EthernetHeader::LEN + Ipv4Header::LEN;
const SEQ: usize = TCP + 4;
const FLAGS: usize = TCP + 13;
const CHECKSUM: usize = TCP + tcp_view::CHECKSUM_OFFSET;

impl Shard {
    /// Cuts `outgoing`, which is longer than its segment size, into frames for the station `mac`; tells how many.
    pub(super) fn send_train(
        &mut self,
        index: u32,
        flow: &FlowKey,
        outgoing: &Outgoing,
        mac: Mac,
        ttl: u8,
    ) -> usize {
        let size = usize::from(outgoing.segment_size).max(1);
        let mut header = outgoing.header;
        // PSH, and of course FIN, belong to the last segment.
        let last_flags = header.flags;
        header.flags = last_flags.without(TcpFlags::PSH).without(TcpFlags::FIN);
        header.seq = SeqNum(0);
        let tcp_len = header.header_len();
        let (src, dst) = (flow.local.addr, flow.remote.addr);
        let template = Ipv4Template::between(src, dst, IpProtocol::TCP, ttl, true);
        let Some(template) = template else { return 0 };
        let mut bytes = [0; TCP + tcp_view::MAX_HEADER_LEN];
        let (head, rest) = bytes.split_at_mut(TCP);
        let own = self.capabilities.mac;
        EthernetHeader { dst: mac, src: own, ether_type: EtherType::IPV4 }.write(head);
        header.write(rest);
        let header_sum = header.partial_sum(rest.get(..tcp_len).unwrap_or_default());
        let mut piece = *outgoing;
        let (mut sent, mut done, mut written_for) = (0, 0, 0);
        let mut base = 0;
        while done < outgoing.len {
            let n = size.min(outgoing.len - done);
            if n != written_for {
                // Once, and again where the last segment is shorter.
                let len = (tcp_len + n) as u16;
                bytes[EthernetHeader::LEN..TCP].copy_from_slice(&template.header(len));
                let pseudo = checksum::pseudo_header(src, dst, IpProtocol::TCP.0, u32::from(len));
                base = checksum::combine(pseudo, header_sum);
                written_for = n;
            }
            let Some(slot) = self.connections.at_mut(index) else { break };
            (piece.offset, piece.len) = (outgoing.offset + done, n);
            let (mut frame, payload_sum) = slot.connection.payload(&mut self.pool, &piece, true);
            let seq = outgoing.header.seq + done as u32;
            done += n;
            let flags = if done == outgoing.len { last_flags } else { header.flags };
            // A sequence number is a word of the sum as it stands; the flags are the low byte of another.
            let changed = u64::from(seq.0) + u64::from(flags.0) - u64::from(header.flags.0);
            let sum = checksum::combine(checksum::combine(base, payload_sum), checksum::fold(changed));
            if let Some(place) = frame.prepend(TCP + tcp_len) {
                place.copy_from_slice(&bytes[..TCP + tcp_len]);
                place[SEQ..SEQ + 4].copy_from_slice(&seq.0.to_be_bytes());
                place[FLAGS] = flags.0;
                place[CHECKSUM..CHECKSUM + 2].copy_from_slice(&checksum::finish(sum).to_be_bytes());
            }
            self.counters.segments_sent += 1;
            self.queue_frame(frame);
            sent += 1;
        }
        sent
    }
}
