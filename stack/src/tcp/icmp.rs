//! ICMP errors that quote a segment of ours (RFC 5461, RFC 5927).

use super::connection::{Connection, Context};
use super::error::{CloseReason, ConnectError};
use super::options::MIN_MSS;
use super::outcome::Outcome;
use super::state::{Common, Mode, Phase, Synchronized};
use crate::settings::SynSentIcmp;
use crate::telemetry::Discard;
use crate::wire::{Addr, SeqNum};
use core::fmt;
use std::io;

/// What an ICMP error says, for both IP versions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IcmpKind {
    /// No route to the network.
    NetworkUnreachable,
    /// The host does not answer its last router.
    HostUnreachable,
    /// The host does not speak TCP.
    ProtocolUnreachable,
    /// The host has nobody at the port.
    PortUnreachable,
    /// The packet is larger than the next link takes, and must not be fragmented.
    PacketTooBig {
        /// The largest IP packet in bytes that passes; 0 where the router does not say (before RFC 1191).
        mtu: u32,
    },
    /// A source route failed.
    SourceRouteFailed,
    /// An administrator forbids the traffic.
    Prohibited,
    /// The time to live passed on the way.
    TimeExceeded,
    /// A router or the host did not understand the header.
    ParameterProblem,
}

impl IcmpKind {
    /// Whether it says that the destination cannot be reached, which ends an attempt to connect (RFC 5461, Section 4.1;
    /// RFC 1122, Section 4.2.3.9 calls some of these hard). The others leave hope.
    pub fn is_unreachable(self) -> bool {
        match self {
            Self::NetworkUnreachable | Self::HostUnreachable | Self::Prohibited => true,
            Self::ProtocolUnreachable | Self::PortUnreachable | Self::SourceRouteFailed => true,
            Self::PacketTooBig { .. } | Self::TimeExceeded | Self::ParameterProblem => false,
        }
    }

    /// The kind of `io::Error` that the system's own sockets give for it.
    pub fn io_kind(self) -> io::ErrorKind {
        match self {
            Self::NetworkUnreachable => io::ErrorKind::NetworkUnreachable,
            Self::PortUnreachable | Self::ProtocolUnreachable => io::ErrorKind::ConnectionRefused,
            Self::HostUnreachable | Self::Prohibited | Self::SourceRouteFailed => {
                io::ErrorKind::HostUnreachable
            }
            Self::TimeExceeded | Self::ParameterProblem | Self::PacketTooBig { .. } => {
                io::ErrorKind::HostUnreachable
            }
        }
    }
}

impl fmt::Display for IcmpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NetworkUnreachable => f.write_str("network unreachable"),
            Self::HostUnreachable => f.write_str("host unreachable"),
            Self::ProtocolUnreachable => f.write_str("protocol unreachable"),
            Self::PortUnreachable => f.write_str("port unreachable"),
            Self::PacketTooBig { mtu: 0 } => f.write_str("packet too big"),
            Self::PacketTooBig { mtu } => write!(f, "packet too big, {mtu} bytes pass"),
            Self::SourceRouteFailed => f.write_str("source route failed"),
            Self::Prohibited => f.write_str("administratively prohibited"),
            Self::TimeExceeded => f.write_str("time to live exceeded"),
            Self::ParameterProblem => f.write_str("parameter problem"),
        }
    }
}

/// An ICMP error and who sent it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct IcmpError {
    /// What it says.
    pub kind: IcmpKind,
    /// The router or host that says it.
    pub from: Addr,
}

impl fmt::Display for IcmpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} says: {}", self.from, self.kind)
    }
}

/// Bytes of IP and TCP header without options.
fn headers(addr: Addr) -> u32 {
    if addr.is_v4() { 40 } else { 60 }
}

impl Connection {
    /// An ICMP error that quotes a segment of ours with the sequence number `quoted_seq`.
    ///
    /// It counts only where that segment is in flight (RFC 5927, Section 4.1). In SYN-SENT an unreachable ends the attempt,
    /// or is kept for the final error, as the setting says; in synchronized states it never ends anything.
    pub fn on_icmp(&mut self, ctx: &mut Context<'_>, error: &IcmpError, quoted_seq: SeqNum) -> Outcome {
        let in_flight = match &self.phase {
            Phase::SynSent(syn) => syn.tries > 0 && quoted_seq == syn.iss,
            Phase::SynReceived(syn) => quoted_seq == syn.iss,
            Phase::Synchronized(s) => quoted_seq.ge(s.snd.una) && quoted_seq.lt(s.snd.nxt),
            Phase::Closed => false,
        };
        if !in_flight {
            return Outcome::discard(Discard::IcmpSequence);
        }
        match error.kind {
            IcmpKind::PacketTooBig { mtu } if believable_mtu(mtu) => {
                let mss = mtu.saturating_sub(headers(self.common.flow.remote.addr)).min(0xffff) as u16;
                self.on_path_mtu(ctx, mss);
                return Outcome::NONE;
            }
            IcmpKind::PacketTooBig { .. } => {}
            IcmpKind::NetworkUnreachable | IcmpKind::HostUnreachable | IcmpKind::ProtocolUnreachable => {}
            IcmpKind::PortUnreachable | IcmpKind::SourceRouteFailed | IcmpKind::Prohibited => {}
            IcmpKind::TimeExceeded | IcmpKind::ParameterProblem => {}
        }
        let ends = matches!(self.phase, Phase::SynSent(_))
            && error.kind.is_unreachable()
            && ctx.settings.syn_sent_icmp == SynSentIcmp::Abort;
        if ends {
            let to = self.common.flow.remote;
            let reason = CloseReason::Connect(ConnectError::Unreachable { to, error: *error });
            return self.finish(ctx, Outcome::closed(reason));
        }
        self.common.rare_mut().soft_error = Some(*error);
        Outcome::NONE
    }

    /// The path takes segments of at most `mss` bytes (TCP options included). It only ever lowers ours.
    pub fn on_path_mtu(&mut self, ctx: &mut Context<'_>, mss: u16) {
        let mss = mss.max(MIN_MSS);
        if mss >= self.common.our_mss {
            return;
        }
        self.common.our_mss = mss;
        if let Phase::Synchronized(s) = &mut self.phase {
            s.lower_mss(&mut self.common, ctx, mss);
        }
    }
}

/// RFC 1191, Section 3: an MTU below 68 cannot be; 0 comes from routers before RFC 1191 and is not guessed at.
fn believable_mtu(mtu: u32) -> bool {
    mtu >= 68
}

impl Synchronized {
    /// What is in flight was too large: it is sent again at once in smaller segments. This is no sign of congestion (RFC 1191,
    /// Section 6.4): the threshold stays, and the window goes down by no more than the ratio of the sizes.
    fn lower_mss(&mut self, common: &mut Common, ctx: &Context<'_>, path_mss: u16) {
        let old = self.snd.mss;
        let new = path_mss.saturating_sub(self.snd.flags.option_bytes()).max(MIN_MSS / 2);
        if new >= old {
            return;
        }
        self.snd.mss = new;
        if self.snd.mode == Mode::Fast {
            self.snd.control.on_recovery_abandoned();
        }
        self.snd.control.on_mss_change(u32::from(old), u32::from(new));
        if self.snd.flight() > 0 {
            self.enter_loss(common);
            self.arm_retransmit(common, ctx);
        }
    }
}
