//! `TCP_INFO` in Linux' layout of 280 bytes, with its units: times in microseconds (those of the last segments in
//! milliseconds), windows of congestion in segments, states and recovery by its numbers.

use crate::descriptors::Fd;
use crate::errno::Errno;
use crate::socket::Phase;
use crate::sockets::Sockets;
use core::time::Duration;
use synward::buffer::Device;
use synward::tcp::{Info, Repair, TcpState};

/// Bytes of the structure.
pub const LEN: usize = 280;
/// What stands for a slow-start threshold that was never set.
const NO_THRESHOLD: u32 = 0x7fff_ffff;

/// The number of a state.
pub(crate) const fn state_number(state: TcpState) -> u8 {
    match state {
        TcpState::Established => 1,
        TcpState::SynSent => 2,
        TcpState::SynReceived => 3,
        TcpState::FinWait1 => 4,
        TcpState::FinWait2 => 5,
        TcpState::TimeWait => 6,
        TcpState::Closed => 7,
        TcpState::CloseWait => 8,
        TcpState::LastAck => 9,
        TcpState::Listen => 10,
        TcpState::Closing => 11,
    }
}

/// The structure while it is filled in.
struct Layout([u8; LEN]);

impl Layout {
    fn u8(&mut self, at: usize, value: u8) {
        if let Some(place) = self.0.get_mut(at) {
            *place = value;
        }
    }

    fn u32(&mut self, at: usize, value: u32) {
        self.bytes(at, &value.to_ne_bytes());
    }

    fn u64(&mut self, at: usize, value: u64) {
        self.bytes(at, &value.to_ne_bytes());
    }

    fn bytes(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.0.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    fn micros(&mut self, at: usize, value: Option<Duration>) {
        self.u32(at, value.map_or(0, |value| u32::try_from(value.as_micros()).unwrap_or(u32::MAX)));
    }
}

/// The structure for the socket `fd`.
pub(crate) fn of<D: Device>(sockets: &Sockets<D>, fd: Fd) -> Result<[u8; LEN], Errno> {
    let socket = sockets.table.socket(fd)?;
    let mut layout = Layout([0; LEN]);
    let tcp = &sockets.host.settings().tcp;
    layout.u32(76, NO_THRESHOLD);
    layout.u64(104, u64::MAX);
    layout.u64(112, u64::MAX);
    let state = match socket.phase {
        Phase::Fresh => TcpState::Closed,
        Phase::Listening(_) => TcpState::Listen,
        Phase::Connecting(id) => sockets.host.state(id),
        Phase::Connected { id, ended: false } => sockets.host.state(id),
        Phase::Connected { ended: true, .. } => TcpState::Closed,
    };
    let info = socket.connection().and_then(|id| sockets.host.info(id));
    match info {
        Some(info) => fill(&mut layout, &info),
        None => {
            layout.micros(8, Some(tcp.initial_rto));
            layout.u32(80, tcp.initial_window);
        }
    }
    layout.u8(0, state_number(state));
    Ok(layout.0)
}

fn segments(bytes: u32, mss: u32) -> u32 {
    bytes.div_ceil(mss.max(1))
}

/// The number of the congestion state.
const fn repair_number(repair: Repair) -> u8 {
    match repair {
        Repair::None => 0,
        Repair::Doubt => 1,
        Repair::Fast => 3,
        Repair::TimedOut => 4,
    }
}

fn fill(layout: &mut Layout, info: &Info) {
    let mss = info.send_mss.max(1);
    let byte = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
    layout.u8(1, repair_number(info.repair));
    let (retransmits, probes) = if info.probing { (0, info.retries) } else { (info.retries, 0) };
    layout.u8(2, byte(retransmits));
    layout.u8(3, byte(probes));
    layout.u8(4, byte(info.backoffs));
    let options = u8::from(info.timestamps) | u8::from(info.sack) << 1;
    let (theirs, ours) = info.window_scale;
    let scaled = if theirs > 0 || ours > 0 { 4 } else { 0 };
    layout.u8(5, options | scaled);
    layout.u8(6, (theirs & 15) | ours << 4);
    layout.micros(8, Some(info.rto));
    layout.u32(16, mss);
    layout.u32(20, info.receive_mss);
    layout.u32(24, segments(info.in_flight, mss));
    layout.u32(28, segments(info.sacked, mss));
    layout.u32(32, segments(info.lost, mss));
    layout.u32(36, segments(info.sent_again, mss));
    layout.u32(64, info.receive_buffer);
    layout.micros(68, info.rtt);
    layout.micros(72, info.rtt_var);
    let threshold = if info.ssthresh == u32::MAX { NO_THRESHOLD } else { info.ssthresh / mss };
    layout.u32(76, threshold);
    layout.u32(80, info.cwnd / mss);
    layout.u32(84, info.announced_mss);
    layout.u32(88, info.reordering);
    layout.u32(100, u32::try_from(info.retransmitted).unwrap_or(u32::MAX));
    if let Some(tally) = &info.tally {
        let word = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        layout.u64(120, tally.bytes_acked);
        layout.u64(128, tally.bytes_received);
        layout.u32(136, word(tally.segments_out));
        layout.u32(140, word(tally.segments_in));
        layout.u32(152, word(tally.data_segments_in));
        layout.u32(156, word(tally.data_segments_out));
        // Linux counts the SYN or SYN-ACK as a delivery.
        layout.u32(192, word(tally.delivered + 1));
        layout.u64(200, tally.bytes_sent);
        layout.u64(208, tally.bytes_resent);
    }
    layout.u32(144, info.unsent);
    layout.micros(148, info.min_rtt);
    layout.u32(228, info.send_window);
    layout.u32(232, info.receive_window);
}
