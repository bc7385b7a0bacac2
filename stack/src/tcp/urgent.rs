//! The urgent mechanism as RFC 6093 leaves it: urgent bytes are ordinary bytes of the stream, and the pointer is only a mark.

use super::connection::{Connection, Context};
use super::error::IoError;
use super::outcome::Events;
use super::state::{Common, Phase, Synchronized};
use crate::settings;
use crate::wire::{SeqNum, TcpHeader};

impl Connection {
    /// Queues `bytes` (as [`write`](Self::write)) and marks the last of them as urgent.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_urgent(&mut self, ctx: &mut Context<'_>, bytes: &[u8]) -> Result<usize, IoError> {
        let n = self.write(ctx, bytes)?;
        let queued = self.send_queued() as u32;
        let first = match &self.phase {
            Phase::SynSent(syn) => syn.iss + 1,
            Phase::SynReceived(syn) => syn.iss + 1,
            Phase::Synchronized(s) => s.snd.una,
            Phase::Closed => return Err(IoError::Ended),
        };
        self.common.rare_mut().snd_up = Some(first + queued);
        Ok(n)
    }

    /// Bytes from the next one to be read up to the urgent mark (which stands behind the last urgent byte); `None` where there
    /// is no mark ahead.
    pub fn urgent_mark(&self) -> Option<usize> {
        let Phase::Synchronized(s) = &self.phase else { return None };
        let up = self.common.rare.as_ref()?.rcv_up?;
        let next = s.rcv.nxt - s.rcv.queue.len() as u32;
        up.gt(next).then(|| up.since(next) as usize)
    }
}

/// Where the mark stands that `header` carries: RFC 6093, Section 4, or the last urgent byte itself where the setting
/// follows RFC 1122.
fn mark(header: &TcpHeader, settings: &settings::Tcp) -> SeqNum {
    header.seq + u32::from(header.urgent) + u32::from(settings.urgent_rfc1122)
}

impl Synchronized {
    /// A segment with URG (RFC 9293, Section 3.10.7.4, sixth check).
    pub(super) fn on_urgent(&self, common: &mut Common, ctx: &Context<'_>, header: &TcpHeader) -> Events {
        let up = mark(header, ctx.settings);
        let known = common.rare.as_ref().and_then(|rare| rare.rcv_up);
        let news = up.gt(self.rcv.nxt) && known.is_none_or(|known| up.gt(known));
        if !news || !self.snd.state.may_receive() {
            return Events::NONE;
        }
        common.rare_mut().rcv_up = Some(up);
        Events::URGENT
    }

    /// Whether segments to come carry the urgent pointer. A mark that is acknowledged is forgotten, before sequence numbers
    /// wrap around to it.
    #[inline]
    pub(super) fn urgent_ahead(&self, common: &mut Common) -> bool {
        let Some(rare) = common.rare.as_mut() else { return false };
        rare.snd_up = rare.snd_up.filter(|up| up.gt(self.snd.una));
        rare.snd_up.is_some()
    }

    /// The application passed the received mark: it is forgotten likewise.
    #[inline]
    pub(super) fn forget_urgent(&self, common: &mut Common) {
        let Some(rare) = common.rare.as_mut() else { return };
        let next = self.rcv.nxt - self.rcv.queue.len() as u32;
        rare.rcv_up = rare.rcv_up.filter(|up| up.gt(next));
    }

    /// The urgent pointer of a segment that starts at `seq`, where the mark is ahead of it and within reach.
    pub(super) fn urgent_pointer(
        &self,
        common: &Common,
        settings: &settings::Tcp,
        seq: SeqNum,
    ) -> Option<u16> {
        let up = common.rare.as_ref()?.snd_up?;
        if !up.gt(seq) {
            return None;
        }
        let ahead = up.since(seq) - u32::from(settings.urgent_rfc1122);
        u16::try_from(ahead).ok()
    }
}
