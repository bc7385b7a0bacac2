//! What an application chose for one socket, and what the stack is told of it.

use core::time::Duration;
use synward::tcp::{KeepaliveTimes, Options};

/// What `SO_SNDBUF` and `SO_RCVBUF` ask for, and what reading them gives: Linux doubles the number for its own bookkeeping,
/// and programs count on reading back what they know from there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BufferSize {
    pub(crate) asked: u32,
}

impl BufferSize {
    pub(crate) fn shown(self) -> u64 {
        u64::from(self.asked) * 2
    }
}

/// The choices of one socket; an accepted one has those of its listener.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    pub(crate) reuse_address: bool,
    pub(crate) reuse_port: bool,
    pub(crate) broadcast: bool,
    pub(crate) dont_route: bool,
    pub(crate) oob_inline: bool,
    pub(crate) priority: i32,
    pub(crate) mark: i32,
    pub(crate) send_buffer: Option<BufferSize>,
    pub(crate) receive_buffer: Option<BufferSize>,
    pub(crate) receive_low_water: usize,
    pub(crate) receive_timeout: Option<Duration>,
    pub(crate) send_timeout: Option<Duration>,
    pub(crate) linger: Option<Duration>,
    pub(crate) keepalive: bool,
    pub(crate) keepalive_time: Option<Duration>,
    pub(crate) keepalive_interval: Option<Duration>,
    pub(crate) keepalive_probes: Option<u32>,
    pub(crate) nodelay: bool,
    pub(crate) user_timeout: Option<Duration>,
    pub(crate) cork: bool,
    /// `TCP_MAXSEG`.
    pub(crate) max_segment: Option<u16>,
    /// `TCP_QUICKACK`.
    pub(crate) quickack: bool,
    pub(crate) traffic_class: u8,
    /// `IP_TTL`; `None`: the setting's.
    pub(crate) ttl: Option<u8>,
    /// `IP_MTU_DISCOVER`: whether packets may be cut.
    pub(crate) may_fragment: bool,
    /// `TCP_INQ`.
    pub(crate) tell_left: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            reuse_address: false,
            reuse_port: false,
            broadcast: false,
            dont_route: false,
            oob_inline: false,
            priority: 0,
            mark: 0,
            send_buffer: None,
            receive_buffer: None,
            receive_low_water: 1,
            receive_timeout: None,
            send_timeout: None,
            linger: None,
            keepalive: false,
            keepalive_time: None,
            keepalive_interval: None,
            keepalive_probes: None,
            nodelay: false,
            user_timeout: None,
            cork: false,
            max_segment: None,
            quickack: false,
            traffic_class: 0,
            ttl: None,
            may_fragment: false,
            tell_left: false,
        }
    }
}

/// The least that a buffer can be asked to be, in bytes.
const LEAST_BUFFER: u32 = 2304;

impl Choices {
    /// What the stack is told.
    pub(crate) fn for_stack(&self) -> Options {
        let own_times = self.keepalive_time.is_some()
            || self.keepalive_interval.is_some()
            || self.keepalive_probes.is_some();
        let times = own_times.then(|| KeepaliveTimes {
            time: self.keepalive_time.unwrap_or(Duration::from_secs(7200)),
            interval: self.keepalive_interval.unwrap_or(Duration::from_secs(75)),
            probes: self.keepalive_probes.unwrap_or(9),
        });
        Options {
            nodelay: self.nodelay,
            keepalive: self.keepalive,
            keepalive_times: times,
            user_timeout: self.user_timeout,
            linger: self.linger,
            receive_window_max: self.receive_buffer.map(|size| size.asked.max(LEAST_BUFFER)),
            send_buffer_max: self.send_buffer.map(|size| size.asked.max(LEAST_BUFFER)),
            cork: self.cork,
            max_segment: self.max_segment,
            quickack: self.quickack,
            traffic_class: self.traffic_class,
            ttl: self.ttl,
            may_fragment: self.may_fragment,
            tally: true,
        }
    }
}
