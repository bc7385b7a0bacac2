//! Packets as a script writes them, for messages.

use crate::packet::{Opt, Packet, Tcp};
use crate::script::Micros;
use std::fmt::Write as _;

/// A time in seconds.
pub fn time(at: Micros) -> String {
    format!("{}.{:06}", at / 1_000_000, at % 1_000_000)
}

/// Control bits.
pub fn flags(bits: u16) -> String {
    const LETTERS: &[(u16, char)] = &[
        (2, 'S'),
        (1, 'F'),
        (4, 'R'),
        (8, 'P'),
        (0x20, 'U'),
        (0x40, 'E'),
        (0x80, 'W'),
        (0x100, 'A'),
        (0x10, '.'),
    ];
    let shown: String = LETTERS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, letter)| letter).collect();
    if shown.is_empty() { "-".to_owned() } else { shown }
}

/// An option.
pub fn option(option: &Opt) -> String {
    match option {
        Opt::Eol => "eol".to_owned(),
        Opt::Nop => "nop".to_owned(),
        Opt::Mss(mss) => format!("mss {mss}"),
        Opt::WindowScale(shift) => format!("wscale {shift}"),
        Opt::SackPermitted => "sackOK".to_owned(),
        Opt::Sack(blocks) => {
            let blocks: String = blocks.iter().map(|(start, end)| format!(" {start}:{end}")).collect();
            format!("sack{blocks}")
        }
        Opt::Timestamps(value, echo) => format!("TS val {value} ecr {echo}"),
        Opt::Other(kind, data) => {
            let data: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("kind {kind} \"{data}\"")
        }
    }
}

/// The name of an option's kind.
pub fn option_name(kind: u8) -> String {
    use crate::packet::kind;
    match kind {
        kind::EOL => "eol".to_owned(),
        kind::NOP => "nop".to_owned(),
        kind::MSS => "mss".to_owned(),
        kind::WSCALE => "wscale".to_owned(),
        kind::SACK_OK => "sackOK".to_owned(),
        kind::SACK => "sack".to_owned(),
        kind::TS => "TS".to_owned(),
        other => format!("kind {other}"),
    }
}

/// A segment whose numbers are the script's.
pub fn segment(tcp: &Tcp) -> String {
    let len = tcp.payload.len() as u32;
    let mut text = format!("{} {}:{}({len})", flags(tcp.flags), tcp.seq, tcp.seq.wrapping_add(len));
    if tcp.flags & 0x10 != 0 {
        let _ = write!(text, " ack {}", tcp.ack);
    }
    let _ = write!(text, " win {}", tcp.window);
    if tcp.flags & 0x20 != 0 {
        let _ = write!(text, " urg {}", tcp.urgent);
    }
    if !tcp.options.is_empty() {
        let options: Vec<_> = tcp.options.iter().map(option).collect();
        let _ = write!(text, " <{}>", options.join(","));
    }
    text
}

/// Any packet; the numbers of a segment are those of the wire.
pub fn packet(packet: &Packet) -> String {
    match packet {
        Packet::Tcp(tcp) => format!("{} > {}: {}", tcp.src, tcp.dst, segment(tcp)),
        Packet::Icmp(icmp) => format!("{} > {}: {}", icmp.src, icmp.dst, icmp_name(icmp.kind, icmp.code)),
    }
}

/// An ICMP message.
pub fn icmp_name(kind: u8, code: u8) -> String {
    let Some((name, _, codes)) = crate::parser::ICMP.iter().find(|(_, number, _)| *number == kind) else {
        return format!("icmp type {kind} code {code}");
    };
    let named = codes.iter().find(|(_, number)| *number == code);
    named.map_or_else(|| format!("icmp {name} {code}"), |(code, _)| format!("icmp {name} {code}"))
}
