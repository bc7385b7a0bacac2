//! Packets: `< {flow} [ecn] (field, …) FLAGS seq:seq(len) ack N win N urg N <options>` and ICMP.

use super::Parser;
use crate::error::Error;
use crate::lexer::Token;
use crate::packet::{Opt, kind};
use crate::script::{Body, Icmp, Ip, OptionWord, Packet, Segment};

/// Where a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// To the stack.
    In,
    /// From it.
    Out,
}

/// Connections of one line at most: the peer has so many ports.
const COPIES: u32 = 20_000;

/// Letters of control bits.
const FLAGS: &[(char, u16)] = &[
    ('F', 0x01),
    ('S', 0x02),
    ('R', 0x04),
    ('P', 0x08),
    ('.', 0x10),
    ('U', 0x20),
    ('E', 0x40),
    ('W', 0x80),
    ('A', 0x100),
];

/// A name with its number.
type Named = (&'static str, u8);

/// Names of ICMP types, with the names of their codes.
pub(crate) const ICMP: &[(&str, u8, &[Named])] = &[
    ("echo_reply", 0, &[]),
    (
        "unreachable",
        3,
        &[
            ("net_unreachable", 0),
            ("host_unreachable", 1),
            ("protocol_unreachable", 2),
            ("port_unreachable", 3),
            ("frag_needed", 4),
            ("source_route_failed", 5),
            ("net_unknown", 6),
            ("host_unknown", 7),
            ("source_host_isolated", 8),
            ("net_prohibited", 9),
            ("host_prohibited", 10),
            ("net_unreachable_for_tos", 11),
            ("host_unreachable_for_tos", 12),
            ("admin_prohibited", 13),
            ("host_precedence_violation", 14),
            ("precedence_cutoff", 15),
        ],
    ),
    ("source_quench", 4, &[]),
    ("redirect", 5, &[("net", 0), ("host", 1), ("tos_net", 2), ("tos_host", 3)]),
    ("echo_request", 8, &[]),
    ("time_exceeded", 11, &[("ttl", 0), ("reassembly", 1)]),
    ("parameter_problem", 12, &[("pointer", 0), ("missing_option", 1), ("bad_length", 2)]),
];

impl Parser {
    pub(super) fn packet(&mut self, way: Way) -> Result<Packet, Error> {
        let mut flow = String::new();
        if self.eat('{') {
            flow = self.word("a connection's name")?;
            if self.eat('*') {
                let pos = self.pos();
                self.copies = self.int("a number of connections")?;
                if !(1..=COPIES).contains(&self.copies) {
                    return Err(Error::new(pos, format!("from 1 to {COPIES} connections")));
                }
            }
            self.need('}')?;
        }
        let (ip, mut quoted) = self.ip_fields()?;
        if self.eat_word("icmp") {
            let mut icmp = self.icmp()?;
            if self.eat('[') {
                quoted = Some(self.range()?);
                self.need(']')?;
            }
            icmp.quoted = quoted;
            return Ok(Packet { flow, ip, body: Body::Icmp(icmp) });
        }
        if quoted.is_some() {
            return Err(self.expected("`icmp` after a quoted segment"));
        }
        let segment = self.segment(way)?;
        Ok(Packet { flow, ip, body: Body::Tcp(segment) })
    }

    /// `[ect0]`, `(ttl 3, df)`, and a quoted segment `[1:2(1)]`, which belongs to ICMP.
    fn ip_fields(&mut self) -> Result<(Ip, Option<(u32, u32)>), Error> {
        let (mut ip, mut quoted) = (Ip::default(), None);
        if self.is_mark('[') && matches!(self.ahead(1), Token::Word(_)) {
            self.at += 1;
            let pos = self.pos();
            ip.ecn = match self.word("a codepoint of ECN")?.as_str() {
                "noecn" => Some(0),
                "ect1" => Some(1),
                "ect0" => Some(2),
                "ce" => Some(3),
                other => return Err(Error::new(pos, format!("`{other}` is none of noecn, ect0, ect1, ce"))),
            };
            self.need(']')?;
        }
        if self.eat('(') {
            loop {
                let pos = self.pos();
                match self.word("a field of IP")?.as_str() {
                    "tos" => ip.tos = Some(self.int("a value of TOS")?),
                    "ttl" => ip.ttl = Some(self.int("a time to live")?),
                    "df" => ip.df = Some(true),
                    "nodf" => ip.df = Some(false),
                    "bad_ip_sum" => ip.bad_ip_sum = true,
                    "bad_sum" => ip.bad_sum = true,
                    other => {
                        let message = format!("`{other}` is none of tos, ttl, df, nodf, bad_ip_sum, bad_sum");
                        return Err(Error::new(pos, message));
                    }
                }
                if !self.eat(',') {
                    break;
                }
            }
            self.need(')')?;
        }
        if self.is_mark('[') {
            self.at += 1;
            quoted = Some(self.range()?);
            self.need(']')?;
        }
        Ok((ip, quoted))
    }

    /// `first:last(len)`; gives first and len.
    fn range(&mut self) -> Result<(u32, u32), Error> {
        let pos = self.pos();
        let first: u32 = self.int("a sequence number")?;
        self.need(':')?;
        let last: u32 = self.int("a sequence number")?;
        self.need('(')?;
        let len: u32 = self.int("a length")?;
        self.need(')')?;
        if first.wrapping_add(len) != last {
            let message = format!(
                "the length is the difference of both numbers: {first}:{}({len})",
                first.wrapping_add(len)
            );
            return Err(Error::new(pos, message));
        }
        Ok((first, len))
    }

    fn segment(&mut self, way: Way) -> Result<Segment, Error> {
        let (flags, any_push) = self.flags(way)?;
        let (seq, len) = self.range()?;
        let mut segment =
            Segment { flags, any_push, seq, len, ack: None, window: None, urgent: None, options: Vec::new() };
        if self.eat_word("ack") {
            segment.ack = Some(self.int("an acknowledgment number")?);
        }
        if self.eat_word("win") {
            segment.window = Some(self.int("a window")?);
        }
        if self.eat_word("urg") {
            segment.urgent = Some(self.int("an urgent pointer")?);
        }
        if self.eat('<') {
            self.options(way, &mut segment.options)?;
        }
        Ok(segment)
    }

    /// The bits, and whether PSH may be set or not.
    fn flags(&mut self, way: Way) -> Result<(u16, bool), Error> {
        let (mut flags, mut any_push) = (0, false);
        let (mut some, start) = (false, self.pos());
        loop {
            let pos = self.pos();
            let text = match self.peek().0.clone() {
                Token::Word(word) => word,
                Token::Mark('.') => ".".to_owned(),
                // No bit at all.
                Token::Mark('-') if !some => {
                    self.at += 1;
                    return Ok((0, false));
                }
                _ if some => return Ok((flags, any_push)),
                _ => return Err(self.expected("control bits, some of SFRPUEWA and `.`")),
            };
            for letter in text.chars() {
                if letter == 'p' && way == Way::Out {
                    any_push = true;
                    continue;
                }
                let Some((_, bit)) = FLAGS.iter().find(|(known, _)| *known == letter) else {
                    let message = format!("`{letter}` is no control bit: they are SFRPUEWA and `.` for ACK");
                    return Err(Error::new(if some { pos } else { start }, message));
                };
                flags |= bit;
            }
            some = true;
            self.at += 1;
        }
    }

    fn options(&mut self, way: Way, into: &mut Vec<OptionWord>) -> Result<(), Error> {
        while !self.eat('>') {
            if self.peek().0 == Token::Ellipsis {
                // Others are tolerated in any case.
                self.at += 1;
            } else {
                let pos = self.pos();
                let word = self.option()?;
                if way == Way::In && !matches!(word, OptionWord::Is(_)) {
                    return Err(Error::new(pos, "an option that comes in has a value: mss N, wscale N, …"));
                }
                into.push(word);
            }
            if !self.eat(',') && !self.is_mark('>') {
                return Err(self.expected("`,` or `>` after an option"));
            }
        }
        Ok(())
    }

    fn option(&mut self) -> Result<OptionWord, Error> {
        let absent = self.eat('!');
        let pos = self.pos();
        let name = self.word("an option")?;
        let number = match name.as_str() {
            "eol" => kind::EOL,
            "nop" => kind::NOP,
            "mss" => kind::MSS,
            "wscale" => kind::WSCALE,
            "sackOK" => kind::SACK_OK,
            "sack" => kind::SACK,
            "TS" => kind::TS,
            "kind" => self.int("an option's number")?,
            other => {
                let message = format!("`{other}` is none of mss, wscale, sackOK, sack, TS, nop, eol, kind");
                return Err(Error::new(pos, message));
            }
        };
        if absent {
            return Ok(OptionWord::None(number));
        }
        let bare = self.is_mark(',') || self.is_mark('>');
        let value = match number {
            kind::EOL => Opt::Eol,
            kind::NOP => Opt::Nop,
            kind::SACK_OK => Opt::SackPermitted,
            number if bare => return Ok(OptionWord::Some(number)),
            kind::MSS => Opt::Mss(self.int("a segment size")?),
            kind::WSCALE => Opt::WindowScale(self.int("a shift")?),
            kind::TS => {
                let mut field = |name: &str| {
                    if self.eat_word(name) {
                        self.int("a timestamp")
                    } else {
                        Err(self.expected(&format!("`{name}`")))
                    }
                };
                Opt::Timestamps(field("val")?, field("ecr")?)
            }
            kind::SACK => {
                let mut blocks = Vec::new();
                while matches!(self.peek().0, Token::Int(_)) {
                    let start = self.int("a sequence number")?;
                    self.need(':')?;
                    blocks.push((start, self.int("a sequence number")?));
                }
                Opt::Sack(blocks)
            }
            number => Opt::Other(number, self.bytes()?),
        };
        Ok(OptionWord::Is(value))
    }

    /// Bytes as a text of hexadecimal digits.
    fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        let Token::Text(text) = self.peek().0.clone() else {
            return Err(self.expected("the option's bytes, \"0102\""));
        };
        let pairs = text.as_bytes().chunks(2);
        let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or("?"), 16));
        let bytes = bytes
            .collect::<Result<Vec<u8>, _>>()
            .map_err(|_| Error::new(self.pos(), "hexadecimal digits are wanted"))?;
        self.at += 1;
        Ok(bytes)
    }

    fn icmp(&mut self) -> Result<Icmp, Error> {
        let pos = self.pos();
        let name = self.word("a type of ICMP")?;
        let Some((_, number, codes)) = ICMP.iter().find(|(known, ..)| *known == name) else {
            let known: Vec<_> = ICMP.iter().map(|(name, ..)| *name).collect();
            return Err(Error::new(pos, format!("`{name}` is none of {}", known.join(", "))));
        };
        let mut icmp = Icmp { kind: *number, code: 0, mtu: None, quoted: None };
        let code = match self.peek().0.clone() {
            Token::Word(word) => codes.iter().find(|(known, _)| *known == word).map(|(_, code)| *code),
            Token::Int(code) => u8::try_from(code).ok(),
            _ => None,
        };
        if let Some(code) = code {
            icmp.code = code;
            self.at += 1;
        }
        if self.eat_word("mtu") {
            icmp.mtu = Some(self.int("an MTU")?);
        }
        Ok(icmp)
    }
}
