//! Connections whose other end is a socket: between the pure connection and the cell that it shares with the application's
//! handles. What a turn brought is moved once, in the turn's third step, and wakers are collected for after the turn.

use super::api::Ending;
use super::slot::{Owner, Pending, Slot};
use super::{Failure, Shard, StackError, cell_options};
use crate::base::Id;
use crate::buffer::{Buf, SizeClass};
use crate::sync::{self, Accepted, ShardHalf};
use crate::tcp::{CloseReason, Context, Events};

/// Memory of chunks that an application may have queued in the cell before the connection takes them: enough that bulk
/// goes on for a turn, and a bound where the peer takes nothing.
const SEND_WINDOW: u32 = 8 * (SizeClass::Chunk.capacity() as u32 + 64);
/// A mark that reading alone does not reach: before that, more data comes, and with it a new mark.
const UNREACHED: u32 = 1 << 30;

/// What the shard keeps of a socket's connection beside the connection itself.
pub(crate) struct Attached {
    half: ShardHalf<Failure>,
    /// [`ShardHalf::consumed`] at the last look.
    consumed: u32,
    /// Bytes given to the cell, ever (wrapping).
    given: u32,
    /// Memory of the buffers given to the cell and not consumed, as far as bytes tell.
    charged: u32,
    /// Memory of chunks that the application may have queued.
    window: u32,
    /// The FIN behind the queued chunks was asked for.
    finished: bool,
}

// What `docs` promises: at most 1 KiB for an idle connection. The cell has at most 192 bytes (asserted where it is
// defined), the entries in the table (load 7/16 at worst) and in the wheel at most 64.
const _: () = assert!(size_of::<Slot>() + 16 + 192 + 64 <= 1024);

impl Attached {
    pub(crate) fn new(half: ShardHalf<Failure>) -> Self {
        Self { half, consumed: 0, given: 0, charged: 0, window: 0, finished: false }
    }

    /// Bytes consumed since the last look, and the memory that goes with them.
    fn take_consumed(&mut self) -> (u32, u32) {
        let now = self.half.consumed();
        let consumed = now.wrapping_sub(self.consumed);
        let unread = self.given.wrapping_sub(self.consumed);
        self.consumed = now;
        // In proportion, so that exactly nothing stays charged where nothing is unread.
        let freed = match unread {
            0 => 0,
            _ => (u64::from(self.charged) * u64::from(consumed.min(unread)) / u64::from(unread)) as u32,
        };
        self.charged -= freed;
        (consumed, freed)
    }
}

impl Shard {
    /// What happened to a socket's connection: noted now, told in the third step of this turn.
    pub(crate) fn publish_to_cell(&mut self, index: u32, events: Events) {
        let Some(id) = self.connections.id_at(index) else { return };
        let Some(slot) = self.connections.at_mut(index) else { return };
        let Owner::Cell(cell) = &mut slot.owner else { return };
        if events.contains(Events::ESTABLISHED) {
            grant_all(cell, &slot.connection.options());
            cell.half.establish(*slot.connection.flow(), &mut self.wakes);
        }
        let mut bits = 0;
        if events.contains(Events::READABLE) {
            bits |= Pending::READABLE;
        }
        if events.contains(Events::END_OF_STREAM) {
            bits |= Pending::READABLE | Pending::END;
        }
        if events.contains(Events::WRITABLE) {
            bits |= Pending::WRITABLE;
        }
        if slot.pending.add(bits) {
            self.due.push_back(id);
        }
    }

    /// Tells the sockets what this turn brought.
    pub(crate) fn deliver_due(&mut self) {
        // At most what one turn's segments and timers noted: both have their budgets.
        while let Some(id) = self.due.pop_front() {
            let Some(slot) = self.connections.get_mut(id) else { continue };
            let pending = core::mem::take(&mut slot.pending).0;
            if !matches!(slot.owner, Owner::Cell(_)) {
                continue;
            }
            if pending & (Pending::READABLE | Pending::END) != 0 {
                self.deliver(id.index, pending & Pending::END != 0);
            }
            if pending & Pending::WRITABLE != 0 {
                self.take_chunks(id.index);
            }
            self.touch(id.index);
        }
    }

    /// Moves received chunks to the cell.
    fn deliver(&mut self, index: u32, end: bool) {
        self.sync_consumed(index);
        let Some(slot) = self.connections.at_mut(index) else { return };
        let Owner::Cell(cell) = &mut slot.owner else { return };
        let mut any = false;
        while let Some(chunk) = slot.connection.pop(&mut self.pool) {
            self.lent[class_of(&chunk)] += 1;
            self.pool.forget(&chunk);
            cell.given = cell.given.wrapping_add(chunk.len() as u32);
            cell.charged = cell.charged.saturating_add(chunk.memory() as u32);
            self.unread_memory += chunk.memory() as u64;
            cell.half.push_rx(chunk);
            any = true;
        }
        if any {
            cell.half.notify_readable(&mut self.wakes);
        }
        if end {
            cell.half.eof(&mut self.wakes);
        }
        self.mark(index);
    }

    /// Tells the connection what the application has read, and the memory account.
    fn sync_consumed(&mut self, index: u32) {
        let Some(slot) = self.connections.at_mut(index) else { return };
        let Owner::Cell(cell) = &mut slot.owner else { return };
        let (consumed, freed) = cell.take_consumed();
        self.unread_memory = self.unread_memory.saturating_sub(u64::from(freed));
        if consumed == 0 {
            return;
        }
        let mut context = Context {
            now: self.now,
            settings: &self.settings.tcp,
            pool: &mut self.pool,
            memory_low: self.memory_low,
        };
        slot.connection.consumed(&mut context, consumed as usize);
    }

    /// Asks to hear when the application has read so much that the peer is to be told of the room.
    fn mark(&mut self, index: u32) {
        // Each round has seen more bytes consumed than the one before, of at most one receive buffer; the second look is
        // only for what was read in between.
        for _ in 0..2 {
            let Some(slot) = self.connections.at_mut(index) else { return };
            let Owner::Cell(cell) = &mut slot.owner else { return };
            let step = slot.connection.window_due_after();
            let at = cell.consumed.wrapping_add(step.unwrap_or(UNREACHED));
            let now = cell.half.notify_consumed_at(at);
            if (now.wrapping_sub(at) as i32) < 0 {
                return;
            }
            self.sync_consumed(index);
        }
    }

    /// Moves the application's chunks into the connection, as far as there is room, and allows it as many again.
    fn take_chunks(&mut self, index: u32) {
        let Some(mailbox) = self.mailbox.clone() else { return };
        let Some(slot) = self.connections.at_mut(index) else { return };
        let Owner::Cell(cell) = &mut slot.owner else { return };
        // Before the last look into the queue: what was queued before a shutdown is there once the shutdown shows.
        let shutdown = cell.half.events().write_shutdown();
        let mut context = Context {
            now: self.now,
            settings: &self.settings.tcp,
            pool: &mut self.pool,
            memory_low: self.memory_low,
        };
        let (mut freed, mut empty) = (0_u32, false);
        while slot.connection.send_space(context.settings) > 0 {
            let Some(mut chunk) = cell.half.pop_tx() else {
                empty = true;
                break;
            };
            freed = freed.saturating_add(chunk.memory() as u32);
            // A small write joins the ones before it: a buffer each would cost many times its bytes.
            if chunk.len() < chunk.memory() / 4 {
                match slot.connection.write(&mut context, chunk.data()) {
                    Ok(written) => chunk.trim_front(written),
                    // An end is told by its own path; what nobody will send any more is dropped here.
                    Err(_) => chunk.reset(0),
                }
                if chunk.is_empty() {
                    mailbox.exchange().give(chunk);
                    continue;
                }
            }
            self.lent[class_of(&chunk)] -= 1;
            context.pool.adopt(&chunk);
            // One chunk may go beyond the room.
            if let Err((chunk, _)) = slot.connection.push_last(&mut context, chunk) {
                context.pool.put(chunk);
            }
        }
        if freed > 0 {
            cell.half.grant(freed);
            // Less is not worth a wake-up: then there are chunks that wait here, and their turn brings the rest.
            if cell.half.credit() >= cell.window / 2 || empty {
                cell.half.notify_writable(&mut self.wakes);
            }
        }
        if empty && shutdown && !cell.finished {
            cell.finished = true;
            slot.connection.shutdown(&mut context);
        }
    }

    /// An application told something of a connection.
    pub(crate) fn cell_news(&mut self, id: Id, events: sync::Events) {
        let Some(slot) = self.connections.get_mut(id) else { return };
        let Owner::Cell(cell) = &mut slot.owner else { return };
        if events.aborted() {
            return self.end_by_application(id.index, Ending::Abort);
        }
        if events.options_changed() {
            let mut options = slot.connection.options();
            cell_options::apply(cell.half.options(), &mut options, self.settings.ip.ttl);
            let mut context = Context {
                now: self.now,
                settings: &self.settings.tcp,
                pool: &mut self.pool,
                memory_low: self.memory_low,
            };
            slot.connection.set_options(&mut context, &options);
        }
        if events.rx_consumed() || events.dropped() {
            self.sync_consumed(id.index);
        }
        if events.rx_consumed() {
            self.mark(id.index);
        }
        if events.dropped() {
            return self.application_gone(id.index);
        }
        if events.tx_data() || events.write_shutdown() {
            self.take_chunks(id.index);
        }
        self.touch(id.index);
    }

    /// Both handles are dropped: what was written is still sent, in the background.
    fn application_gone(&mut self, index: u32) {
        let Some(slot) = self.connections.at_mut(index) else { return };
        let Owner::Cell(cell) = &mut slot.owner else { return };
        let mut context = Context {
            now: self.now,
            settings: &self.settings.tcp,
            pool: &mut self.pool,
            memory_low: self.memory_low,
        };
        // The cell goes, so all of it must leave it: at most the send window of the cell.
        while let Some(chunk) = cell.half.pop_tx() {
            self.lent[class_of(&chunk)] -= 1;
            context.pool.adopt(&chunk);
            if let Err((chunk, _)) = slot.connection.push_last(&mut context, chunk) {
                context.pool.put(chunk);
            }
        }
        self.end_by_application(index, Ending::Close);
    }

    /// Takes the cell off a connection that goes on, or ends, without its application. `failure`: why handles that still
    /// exist fail; `None`: in order.
    pub(crate) fn detach(&mut self, index: u32, failure: Option<Failure>, next: Owner) {
        let Some(slot) = self.connections.at_mut(index) else { return };
        // Counted where a connection becomes an orphan, and taken off where it leaves the slab (`release`), whatever the way.
        self.orphans += usize::from(matches!(next, Owner::Orphan));
        let before = core::mem::replace(&mut slot.owner, next);
        self.orphans -= usize::from(matches!(before, Owner::Orphan)).min(self.orphans);
        if let Owner::Cell(cell) = before {
            slot.pending = Pending::default();
            self.unread_memory = self.unread_memory.saturating_sub(u64::from(cell.charged));
            match failure {
                Some(failure) => cell.half.fail(failure, &mut self.wakes),
                None => cell.half.close(&mut self.wakes),
            }
        }
    }

    /// The protocol is done with a socket's connection: its handles keep what was received and learn the reason, and its
    /// place is free.
    pub(crate) fn finish_cell(&mut self, index: u32, reason: CloseReason, end_of_stream: bool) {
        self.deliver(index, end_of_stream);
        let failure = match reason {
            CloseReason::Finished => None,
            CloseReason::ResetByPeer
            | CloseReason::Aborted
            | CloseReason::Connect(_)
            | CloseReason::TimedOut { .. }
            | CloseReason::WindowClosed { .. }
            | CloseReason::KeepAlive { .. }
            | CloseReason::OrphanTimedOut
            | CloseReason::DataAfterClose => Some(Failure::Connection(reason)),
        };
        self.detach(index, failure, Owner::Hand);
        self.release(index);
    }

    /// Gives a connection that a listener of sockets accepted its cell, and the application its handles.
    pub(crate) fn hand_over(&mut self, listener: Id, id: Id) {
        let Some(mailbox) = &self.mailbox else { return };
        let Some(slot) = self.connections.get_mut(id) else { return };
        let Some(queue) = self.listeners.get_mut(listener).and_then(|owner| owner.socket.as_mut()) else {
            return;
        };
        let options = slot.connection.options();
        let (read, write, half) =
            sync::connection(mailbox, cell_options::pack(&options, self.settings.ip.ttl));
        let mut cell = Attached::new(half);
        // Nobody else has the handles yet: nothing can have happened.
        let _ = cell.half.attach(id);
        grant_all(&mut cell, &options);
        cell.half.establish(*slot.connection.flow(), &mut self.wakes);
        slot.owner = Owner::Cell(cell);
        queue.handed += 1;
        queue.half.push(Accepted { read, write }, &mut self.wakes);
    }

    /// Gives a connect its cell. The application may be gone already.
    pub(crate) fn attach_cell(&mut self, id: Id, half: ShardHalf<Failure>) {
        let Some(slot) = self.connections.get_mut(id) else {
            return half.fail(Failure::Stack(StackError::DriverGone), &mut self.wakes);
        };
        let mut cell = Attached::new(half);
        let events = cell.half.attach(id);
        slot.owner = Owner::Cell(cell);
        self.cell_news(id, events);
    }

    /// Fails every handle of an application for `cause`; what the protocol does with the connections is for the caller.
    pub(crate) fn fail_cells(&mut self, cause: &StackError) {
        for index in 0..self.connections.places() {
            self.detach(index, Some(Failure::Stack(cause.clone())), Owner::Hand);
        }
        self.listeners.fail_sockets(cause, &mut self.wakes);
    }

    /// Buffers went from the pool to applications and from applications to the pool: evens it out with the free ones that
    /// lie in the exchange, so that neither side has to allocate.
    pub(crate) fn balance_buffers(&mut self) {
        let Some(mailbox) = &self.mailbox else { return };
        let exchange = mailbox.exchange();
        for class in SizeClass::ALL {
            let lent = &mut self.lent[class as usize];
            while *lent > 0 {
                let Some(buf) = exchange.take_class(class) else { break };
                *lent -= 1;
                self.pool.adopt(&buf);
                self.pool.put(buf);
            }
            while *lent < 0 && self.pool.free(class) > 0 {
                self.spare.clear();
                self.pool.spare(class, 1, &mut self.spare);
                let Some(buf) = self.spare.pop() else { break };
                *lent += 1;
                if let Some(back) = exchange.try_give(buf) {
                    // The exchange is full: applications have enough.
                    self.pool.adopt(&back);
                    self.pool.put(back);
                    *lent = 0;
                }
            }
            // What an application still reads comes back later; what the allocator took does not. A bound for both.
            *lent = (*lent).clamp(-MOST_LENT, MOST_LENT);
        }
    }
}

/// Most buffers of a class that either side still expects from the other.
const MOST_LENT: i64 = 1 << 16;

fn grant_all(cell: &mut Attached, options: &crate::tcp::Options) {
    let least = SizeClass::Small.capacity() as u32;
    cell.window = options.send_buffer_max.unwrap_or(SEND_WINDOW).clamp(least, SEND_WINDOW);
    cell.half.grant(cell.window);
}

/// The class of a buffer; one that no class made counts with the largest.
fn class_of(buf: &Buf) -> usize {
    let found = SizeClass::ALL.iter().position(|class| class.capacity() == buf.capacity());
    found.unwrap_or(SizeClass::ALL.len() - 1)
}
