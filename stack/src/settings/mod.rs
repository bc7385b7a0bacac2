//! Every setting once: its type, default and limits. Each protocol folder takes its own group by value.

mod groups;

pub use groups::{
    AcceptQueueFull, Admission, Congestion, Cookies, Ip, Limits, Settings, SynAttackProtect, SynSentIcmp,
    Tcp, Trigger,
};
