//! IPv4, TCP and ICMP on the wire. Written beside the stack's own code on purpose: a second opinion of each packet.

use std::net::Ipv4Addr;

/// The numbers of option kinds.
pub mod kind {
    /// End of the list.
    pub const EOL: u8 = 0;
    /// No operation.
    pub const NOP: u8 = 1;
    /// Maximum segment size.
    pub const MSS: u8 = 2;
    /// Window scale.
    pub const WSCALE: u8 = 3;
    /// SACK permitted.
    pub const SACK_OK: u8 = 4;
    /// SACK.
    pub const SACK: u8 = 5;
    /// Timestamps.
    pub const TS: u8 = 8;
}

/// A TCP option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Opt {
    /// End of the list.
    Eol,
    /// No operation.
    Nop,
    /// Maximum segment size.
    Mss(u16),
    /// Window scale.
    WindowScale(u8),
    /// SACK permitted.
    SackPermitted,
    /// Blocks `[start, end)`.
    Sack(Vec<(u32, u32)>),
    /// TSval and TSecr.
    Timestamps(u32, u32),
    /// Any other.
    Other(u8, Vec<u8>),
}

impl Opt {
    /// Its kind's number.
    pub fn kind(&self) -> u8 {
        match self {
            Self::Eol => kind::EOL,
            Self::Nop => kind::NOP,
            Self::Mss(_) => kind::MSS,
            Self::WindowScale(_) => kind::WSCALE,
            Self::SackPermitted => kind::SACK_OK,
            Self::Sack(_) => kind::SACK,
            Self::Timestamps(..) => kind::TS,
            Self::Other(kind, _) => *kind,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let data: Vec<u8> = match self {
            Self::Eol | Self::Nop => return out.push(self.kind()),
            Self::Mss(mss) => mss.to_be_bytes().to_vec(),
            Self::WindowScale(shift) => vec![*shift],
            Self::SackPermitted => Vec::new(),
            Self::Sack(blocks) => blocks
                .iter()
                .flat_map(|(start, end)| [start.to_be_bytes(), end.to_be_bytes()].concat())
                .collect(),
            Self::Timestamps(value, echo) => [value.to_be_bytes(), echo.to_be_bytes()].concat(),
            Self::Other(_, data) => data.clone(),
        };
        out.extend([self.kind(), data.len() as u8 + 2]);
        out.extend(data);
    }

    fn read(kind: u8, data: &[u8]) -> Self {
        match (kind, data) {
            (kind::MSS, [a, b]) => Self::Mss(u16::from_be_bytes([*a, *b])),
            (kind::WSCALE, [shift]) => Self::WindowScale(*shift),
            (kind::SACK_OK, []) => Self::SackPermitted,
            (kind::SACK, data) if !data.is_empty() && data.len() % 8 == 0 => {
                Self::Sack(data.chunks(8).map(|block| (be32(block), be32(&block[4..]))).collect())
            }
            (kind::TS, data) if data.len() == 8 => Self::Timestamps(be32(data), be32(&data[4..])),
            _ => Self::Other(kind, data.to_vec()),
        }
    }
}

/// An address with a port.
pub type Endpoint = std::net::SocketAddrV4;

/// The fields of IP that a script sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IpFields {
    /// DSCP and ECN.
    pub tos: u8,
    /// Time to live.
    pub ttl: u8,
    /// Don't fragment.
    pub df: bool,
}

impl Default for IpFields {
    fn default() -> Self {
        Self { tos: 0, ttl: 255, df: false }
    }
}

/// A TCP segment as on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tcp {
    /// Fields of IP.
    pub ip: IpFields,
    /// Who sent it.
    pub src: Endpoint,
    /// To whom.
    pub dst: Endpoint,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// Nine control bits.
    pub flags: u16,
    /// Window.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// Options in their order.
    pub options: Vec<Opt>,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// An ICMP message as on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Icmp {
    /// Fields of IP.
    pub ip: IpFields,
    /// Who sent it.
    pub src: Ipv4Addr,
    /// To whom.
    pub dst: Ipv4Addr,
    /// Its type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// The four bytes after the checksum.
    pub rest: u32,
    /// What follows.
    pub body: Vec<u8>,
}

/// A packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Packet {
    /// A segment.
    Tcp(Tcp),
    /// An ICMP message.
    Icmp(Icmp),
}

fn be16(bytes: &[u8]) -> u16 {
    bytes.first_chunk().map_or(0, |two| u16::from_be_bytes(*two))
}

fn be32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |four| u32::from_be_bytes(*four))
}

/// The ones' complement sum, to be stored; 0 where the sum of the whole, its checksum included, is right.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn pseudo_header(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, len: usize) -> [u8; 12] {
    let ([a, b, c, d], [e, f, g, h]) = (src.octets(), dst.octets());
    let [high, low] = (len as u16).to_be_bytes();
    [a, b, c, d, e, f, g, h, 0, protocol, high, low]
}

fn ip_packet(ip: IpFields, protocol: u8, src: Ipv4Addr, dst: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + payload.len() as u16).to_be_bytes();
    let fragment = if ip.df { 0x40 } else { 0 };
    let mut out = vec![0x45, ip.tos, high, low, 0, 0, fragment, 0, ip.ttl, protocol, 0, 0];
    out.extend(src.octets());
    out.extend(dst.octets());
    let sum = checksum(&[&out]).to_be_bytes();
    out[10..12].copy_from_slice(&sum);
    out.extend(payload);
    out
}

impl Tcp {
    /// The whole datagram.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut options = Vec::new();
        self.options.iter().for_each(|option| option.write(&mut options));
        options.resize(options.len().next_multiple_of(4), kind::EOL);
        let words = 5 + options.len() as u16 / 4;
        let mut out = Vec::new();
        out.extend(self.src.port().to_be_bytes());
        out.extend(self.dst.port().to_be_bytes());
        out.extend(self.seq.to_be_bytes());
        out.extend(self.ack.to_be_bytes());
        out.extend((words << 12 | self.flags & 0x1ff).to_be_bytes());
        out.extend(self.window.to_be_bytes());
        out.extend([0, 0]);
        out.extend(self.urgent.to_be_bytes());
        out.extend(&options);
        out.extend(&self.payload);
        let pseudo = pseudo_header(*self.src.ip(), *self.dst.ip(), 6, out.len());
        let sum = checksum(&[&pseudo, &out]).to_be_bytes();
        out[16..18].copy_from_slice(&sum);
        ip_packet(self.ip, 6, *self.src.ip(), *self.dst.ip(), &out)
    }

    fn read(ip: IpFields, src: Ipv4Addr, dst: Ipv4Addr, segment: &[u8]) -> Result<Self, String> {
        let header = usize::from(segment.get(12).copied().unwrap_or(0) >> 4) * 4;
        if segment.len() < 20 || header < 20 || header > segment.len() {
            return Err(format!("a TCP header of {header} bytes in {} bytes", segment.len()));
        }
        if checksum(&[&pseudo_header(src, dst, 6, segment.len()), segment]) != 0 {
            return Err("its TCP checksum is wrong".to_owned());
        }
        Ok(Self {
            ip,
            src: Endpoint::new(src, be16(segment)),
            dst: Endpoint::new(dst, be16(&segment[2..])),
            seq: be32(&segment[4..]),
            ack: be32(&segment[8..]),
            flags: be16(&segment[12..]) & 0x1ff,
            window: be16(&segment[14..]),
            urgent: be16(&segment[18..]),
            options: read_options(&segment[20..header])?,
            payload: segment[header..].to_vec(),
        })
    }
}

fn read_options(mut rest: &[u8]) -> Result<Vec<Opt>, String> {
    let mut options = Vec::new();
    while let [kind, after @ ..] = rest {
        match *kind {
            kind::EOL => {
                if after.iter().any(|byte| *byte != 0) {
                    return Err("the options go on after their end".to_owned());
                }
                options.push(Opt::Eol);
                break;
            }
            kind::NOP => {
                options.push(Opt::Nop);
                rest = after;
            }
            kind => {
                let len = usize::from(after.first().copied().unwrap_or(0));
                let Some(data) = rest.get(2..len) else {
                    return Err(format!("an option {kind} of {len} bytes where {} are left", rest.len()));
                };
                options.push(Opt::read(kind, data));
                rest = &rest[len..];
            }
        }
    }
    Ok(options)
}

impl Icmp {
    /// The whole datagram.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![self.kind, self.code, 0, 0];
        out.extend(self.rest.to_be_bytes());
        out.extend(&self.body);
        let sum = checksum(&[&out]).to_be_bytes();
        out[2..4].copy_from_slice(&sum);
        ip_packet(self.ip, 1, self.src, self.dst, &out)
    }
}

/// Reads a datagram; `None`: it is neither TCP nor ICMP over IPv4.
///
/// # Errors
/// It is malformed or a checksum is wrong: what.
pub fn parse(bytes: &[u8]) -> Result<Option<Packet>, String> {
    if bytes.first().is_none_or(|first| first >> 4 != 4) {
        return Ok(None);
    }
    let header = usize::from(bytes[0] & 15) * 4;
    let total = usize::from(be16(bytes.get(2..).unwrap_or_default()));
    if header < 20 || total < header || bytes.len() != total {
        return Err(format!("an IP header of {header} bytes and a total of {total}, in {}", bytes.len()));
    }
    if checksum(&[&bytes[..header]]) != 0 {
        return Err("its IP checksum is wrong".to_owned());
    }
    let ip = IpFields { tos: bytes[1], ttl: bytes[8], df: bytes[6] & 0x40 != 0 };
    let (src, dst) = (Ipv4Addr::from(be32(&bytes[12..])), Ipv4Addr::from(be32(&bytes[16..])));
    if be16(&bytes[6..]) & 0x3fff != 0 {
        return Err("it is a fragment".to_owned());
    }
    let payload = &bytes[header..];
    match bytes[9] {
        6 => Tcp::read(ip, src, dst, payload).map(|tcp| Some(Packet::Tcp(tcp))),
        1 if payload.len() < 8 => Err(format!("an ICMP message of {} bytes", payload.len())),
        1 if checksum(&[payload]) != 0 => Err("its ICMP checksum is wrong".to_owned()),
        1 => Ok(Some(Packet::Icmp(Icmp {
            ip,
            src,
            dst,
            kind: payload[0],
            code: payload[1],
            rest: be32(&payload[4..]),
            body: payload[8..].to_vec(),
        }))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tcp {
        Tcp {
            ip: IpFields::default(),
            src: Endpoint::new(Ipv4Addr::new(192, 0, 2, 1), 40000),
            dst: Endpoint::new(Ipv4Addr::new(192, 168, 0, 1), 8080),
            seq: 5,
            ack: 9,
            flags: 0x118,
            window: 1000,
            urgent: 0,
            options: vec![
                Opt::Mss(1460),
                Opt::Nop,
                Opt::WindowScale(7),
                Opt::SackPermitted,
                Opt::Timestamps(1, 2),
                Opt::Sack(vec![(1, 2)]),
                Opt::Other(254, vec![1, 2, 3, 4]),
            ],
            payload: b"payload".to_vec(),
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_the_stack_agrees() {
        let bytes = sample().to_bytes();
        let view = synward::wire::Ipv4View::parse(&bytes).unwrap();
        assert!(view.checksum_ok());
        let (src, dst) = (view.src().into(), view.dst().into());
        assert!(synward::wire::tcp_view::checksum_ok(src, dst, view.payload()));
        assert_eq!(parse(&bytes), Ok(Some(Packet::Tcp(sample()))));
    }

    #[test]
    fn a_wrong_byte_anywhere_is_seen() {
        let bytes = sample().to_bytes();
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 0x10;
            assert_ne!(parse(&wrong), Ok(Some(Packet::Tcp(sample()))), "{at}");
        }
    }
}
