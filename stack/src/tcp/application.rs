//! What the application does: write, read, and the chunk-wise forms of both for the sockets' cells.

use super::connection::{Connection, Context};
use super::error::IoError;
use super::stamp::Stamp;
use super::state::{Common, Fin, Phase, Synchronized, TcpState};
use crate::buffer::{Buf, Pool, SendQueue};
use crate::settings;

/// What may always be queued, however small the congestion window.
const SEND_LEAST: u32 = 64 * 1024;

impl Connection {
    /// The queue that takes the application's bytes, where the state allows it.
    fn send_queue_mut(&mut self) -> Result<&mut SendQueue, IoError> {
        match &mut self.phase {
            Phase::SynSent(syn) => (!syn.shutdown).then_some(&mut syn.queue).ok_or(IoError::Shutdown),
            Phase::SynReceived(syn) => (!syn.shutdown).then_some(&mut syn.queue).ok_or(IoError::Shutdown),
            Phase::Synchronized(s) => match s.snd.state {
                TcpState::Closed => Err(IoError::Ended),
                state if state.may_send() => Ok(&mut s.snd.queue),
                _ => Err(IoError::Shutdown),
            },
            Phase::Closed => Err(IoError::Ended),
        }
    }

    /// Bytes queued and not acknowledged.
    pub fn send_queued(&self) -> usize {
        match &self.phase {
            Phase::SynSent(syn) => syn.queue.len(),
            Phase::SynReceived(syn) => syn.queue.len(),
            Phase::Synchronized(s) => s.snd.queue.len(),
            Phase::Closed => 0,
        }
    }

    /// Bytes that may be queued now. The room grows with the congestion window: what is twice as much as the network holds
    /// keeps the sender busy, and more would only be memory. An application that named its own size gets all of it.
    pub fn send_space(&self, settings: &settings::Tcp) -> usize {
        if let Some(own) = self.common.rare.as_ref().and_then(|rare| rare.send_buffer_max) {
            return (own as usize).saturating_sub(self.send_queued());
        }
        let most = settings.send_buffer_max;
        let useful = match &self.phase {
            Phase::Synchronized(s) => s.snd.control.cwnd().saturating_mul(2).max(SEND_LEAST),
            Phase::SynSent(_) | Phase::SynReceived(_) | Phase::Closed => SEND_LEAST,
        };
        (useful.min(most) as usize).saturating_sub(self.send_queued())
    }

    /// Queues as many of `bytes` as there is room for and tells how many; never 0 for a non-empty slice.
    ///
    /// # Errors
    /// [`IoError::WouldBlock`] without room, [`IoError::Shutdown`] after `shutdown` or `close`, [`IoError::Ended`].
    pub fn write(&mut self, ctx: &mut Context<'_>, bytes: &[u8]) -> Result<usize, IoError> {
        self.queue_bytes(ctx, bytes, false)
    }

    /// As [`write`](Self::write), and says that more will follow soon: a short last segment is held back for it, until other
    /// bytes or an acknowledgment come, or for one retransmission time-out.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_more(&mut self, ctx: &mut Context<'_>, bytes: &[u8]) -> Result<usize, IoError> {
        self.queue_bytes(ctx, bytes, true)
    }

    fn queue_bytes(&mut self, ctx: &mut Context<'_>, bytes: &[u8], more: bool) -> Result<usize, IoError> {
        let space = self.send_space(ctx.settings);
        let (segment, unsent) = match &self.phase {
            Phase::Synchronized(s) => (usize::from(s.snd.mss), s.snd.unsent() as usize),
            Phase::SynSent(_) | Phase::SynReceived(_) | Phase::Closed => (0, 0),
        };
        let queue = self.send_queue_mut()?;
        let n = bytes.len().min(space);
        if n == 0 {
            return if bytes.is_empty() { Ok(0) } else { Err(IoError::WouldBlock) };
        }
        let was_empty = queue.is_empty();
        let written = queue.write(ctx.pool, bytes.get(..n).unwrap_or_default(), segment, unsent);
        self.common.note_more(more);
        self.on_queued(ctx, was_empty);
        Ok(written)
    }

    /// Queues a chunk that the application filled, without a copy; the caller keeps within [`send_space`](Self::send_space)
    /// (one chunk may go beyond it).
    ///
    /// # Errors
    /// The chunk, with the same errors as [`write`](Self::write).
    pub fn push(&mut self, ctx: &mut Context<'_>, chunk: Buf) -> Result<(), (Buf, IoError)> {
        let space = self.send_space(ctx.settings);
        let queue = match self.send_queue_mut() {
            Ok(_) if space == 0 => return Err((chunk, IoError::WouldBlock)),
            Ok(queue) => queue,
            Err(error) => return Err((chunk, error)),
        };
        let was_empty = queue.is_empty();
        queue.push(ctx.pool, chunk);
        self.on_queued(ctx, was_empty);
        Ok(())
    }

    /// As [`push`](Self::push), also without room: for what an application wrote before it went away, which is bounded
    /// elsewhere.
    ///
    /// # Errors
    /// The chunk, with [`IoError::Shutdown`] or [`IoError::Ended`].
    pub fn push_last(&mut self, ctx: &mut Context<'_>, chunk: Buf) -> Result<(), (Buf, IoError)> {
        let queue = match self.send_queue_mut() {
            Ok(queue) => queue,
            Err(error) => return Err((chunk, error)),
        };
        let was_empty = queue.is_empty();
        queue.push(ctx.pool, chunk);
        self.on_queued(ctx, was_empty);
        Ok(())
    }

    fn on_queued(&mut self, ctx: &mut Context<'_>, was_empty: bool) {
        if let Phase::Synchronized(s) = &mut self.phase {
            s.on_queued(&self.common, ctx, was_empty);
        }
    }

    /// Moves received bytes to `out`; `Ok(0)` is the end of the stream (or an empty `out`).
    ///
    /// # Errors
    /// [`IoError::WouldBlock`] where nothing has come, [`IoError::Ended`] after a reset or a time-out.
    pub fn read(&mut self, ctx: &mut Context<'_>, out: &mut [u8]) -> Result<usize, IoError> {
        let Phase::Synchronized(s) = &mut self.phase else { return self.nothing_to_read(out) };
        if s.rcv.queue.is_empty() || out.is_empty() {
            return self.nothing_to_read(out);
        }
        let n = s.rcv.queue.read(ctx.pool, out);
        s.on_consumed(&self.common, ctx, n);
        s.forget_urgent(&mut self.common);
        Ok(n)
    }

    /// As [`read`](Self::read), but the bytes stay.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn peek(&self, out: &mut [u8]) -> Result<usize, IoError> {
        match &self.phase {
            Phase::Synchronized(s) if !s.rcv.queue.is_empty() => Ok(s.rcv.queue.peek(out)),
            Phase::SynSent(_) | Phase::SynReceived(_) | Phase::Synchronized(_) | Phase::Closed => {
                self.nothing_to_read(out)
            }
        }
    }

    fn nothing_to_read(&self, out: &[u8]) -> Result<usize, IoError> {
        match self.state() {
            _ if out.is_empty() => Ok(0),
            TcpState::CloseWait | TcpState::Closing | TcpState::LastAck | TcpState::TimeWait => Ok(0),
            TcpState::Closed | TcpState::Listen => Err(IoError::Ended),
            TcpState::SynSent | TcpState::SynReceived | TcpState::Established => Err(IoError::WouldBlock),
            TcpState::FinWait1 | TcpState::FinWait2 => Err(IoError::WouldBlock),
        }
    }

    /// Bytes that wait to be read or popped.
    pub fn readable(&self) -> usize {
        match &self.phase {
            Phase::Synchronized(s) => s.rcv.queue.len(),
            Phase::SynSent(_) | Phase::SynReceived(_) | Phase::Closed => 0,
        }
    }

    /// Takes the next chunk of received bytes out. They count against the window until [`consumed`](Self::consumed) says
    /// that the application has them.
    pub fn pop(&mut self, pool: &mut Pool) -> Option<Buf> {
        let Phase::Synchronized(s) = &mut self.phase else { return None };
        let chunk = s.rcv.queue.pop(pool)?;
        s.rcv.popped += chunk.len() as u32;
        Some(chunk)
    }

    /// The application has read `bytes` of what was popped.
    pub fn consumed(&mut self, ctx: &mut Context<'_>, bytes: usize) {
        if let Phase::Synchronized(s) = &mut self.phase {
            s.rcv.popped = s.rcv.popped.saturating_sub(bytes as u32);
            s.on_consumed(&self.common, ctx, bytes);
            s.forget_urgent(&mut self.common);
        }
    }

    /// Bytes of memory behind the connection, buffers included.
    pub fn memory(&self) -> usize {
        let queues = match &self.phase {
            Phase::SynSent(syn) => syn.queue.memory(),
            Phase::SynReceived(syn) => syn.queue.memory(),
            Phase::Synchronized(s) => s.snd.queue.memory() + s.rcv.queue.memory(),
            Phase::Closed => 0,
        };
        let rare = self.common.rare.as_ref().map_or(0, |rare| {
            size_of_val(&**rare)
                + rare.reassembly.as_ref().map_or(0, super::reassembly::Reassembly::memory)
                + rare.scoreboard.as_ref().map_or(0, super::sack::Scoreboard::memory)
        });
        size_of::<Self>() + queues + rare
    }
}

impl Synchronized {
    /// Something came to the send queue.
    #[inline]
    pub(super) fn on_queued(&mut self, common: &Common, ctx: &Context<'_>, was_empty: bool) {
        if was_empty && self.snd.flight() == 0 && self.snd.fin == Fin::No {
            // RFC 5681, Section 4.1: after an idle RTO the window that was measured says nothing any more.
            if ctx.settings.slow_start_after_idle && self.snd.progress_at.age(ctx.now) > self.snd.rtt.rto() {
                self.snd.control.on_idle(u32::from(self.snd.mss), ctx.settings);
            }
            self.snd.progress_at = Stamp::new(ctx.now);
        }
        self.update_timer(common, ctx);
    }
}
