//! A script as a value.

use crate::check::Check;
use crate::error::{Error, Pos};
use crate::packet::Opt;

/// Microseconds.
pub type Micros = u64;

/// When an event takes place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Time {
    /// So long after the script's start.
    Absolute(Micros),
    /// So long after the event before.
    Relative(Micros),
    /// Some time in between, counted from the start.
    AbsoluteRange(Micros, Micros),
    /// Some time in between, counted from the event before.
    RelativeRange(Micros, Micros),
    /// Whenever it comes.
    Any,
}

/// One event.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Where it stands.
    pub pos: Pos,
    /// When it happens.
    pub time: Time,
    /// When it ends, where it is a call that blocks; from the same point as `time`.
    pub end: Option<Micros>,
    /// What happens.
    pub what: What,
}

/// What happens.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// `<`: a packet comes to the stack.
    Inject(Packet),
    /// `>`: the stack sends a packet.
    Expect(Packet),
    /// The application makes a call.
    Call(Call),
    /// `%{ }%`: what TCP_INFO says.
    Check(Vec<Check>),
    /// `quiet`: until now the stack has sent nothing else.
    Quiet,
}

/// A packet of a connection.
#[derive(Clone, PartialEq, Debug)]
pub struct Packet {
    /// Which connection, where there are several: `{name}`.
    pub flow: String,
    /// Fields of IP.
    pub ip: Ip,
    /// What it carries.
    pub body: Body,
}

/// What a packet carries.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    /// A segment.
    Tcp(Segment),
    /// An ICMP message.
    Icmp(Icmp),
}

/// Fields of IP that a script sets or expects; those left out have the usual value, or are not compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ip {
    /// The byte of DSCP and ECN.
    pub tos: Option<u8>,
    /// The two bits of ECN alone.
    pub ecn: Option<u8>,
    /// Time to live.
    pub ttl: Option<u8>,
    /// Don't fragment.
    pub df: Option<bool>,
    /// The header's checksum is wrong.
    pub bad_ip_sum: bool,
    /// The checksum of what it carries is wrong.
    pub bad_sum: bool,
}

/// A TCP segment in the script's own sequence numbers.
#[derive(Clone, PartialEq, Debug)]
pub struct Segment {
    /// The control bits as on the wire; nine of them.
    pub flags: u16,
    /// `p`: PSH may be set or not (in expectations).
    pub any_push: bool,
    /// First sequence number.
    pub seq: u32,
    /// Bytes of payload.
    pub len: u32,
    /// `ack N`.
    pub ack: Option<u32>,
    /// `win N`, as on the wire.
    pub window: Option<u16>,
    /// `urg N`.
    pub urgent: Option<u16>,
    /// Between `<` and `>`.
    pub options: Vec<OptionWord>,
}

/// One word of an option list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OptionWord {
    /// This option with this value.
    Is(Opt),
    /// An option of this kind, whatever it says (in expectations).
    Some(u8),
    /// No option of this kind, `!name` (in expectations).
    None(u8),
}

/// An ICMP message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Icmp {
    /// Its type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// The next hop's MTU, of "fragmentation needed".
    pub mtu: Option<u16>,
    /// The first sequence number and the bytes of payload of the segment that it quotes.
    pub quoted: Option<(u32, u32)>,
}

/// An argument or a result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// `...`: what the runner chooses, or anything.
    Any,
    /// A number.
    Int(i64),
    /// The name of a constant.
    Name(String),
    /// A text.
    Text(String),
    /// Several bits.
    Or(Vec<Value>),
    /// `[a, b]`.
    List(Vec<Value>),
    /// `{name=value, …}`.
    Fields(Vec<(String, Value)>),
    /// `htons(80)`.
    Of(String, Vec<Value>),
}

/// A call with its expected result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// The function.
    pub name: String,
    /// Its arguments, each with its place.
    pub arguments: Vec<(Value, Pos)>,
    /// The result; [`Value::Any`]: whatever it is.
    pub result: Value,
    /// The name of the error, where the result is -1.
    pub errno: Option<String>,
}

/// A line `--name=value`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Where.
    pub pos: Pos,
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// A whole script.
#[derive(Clone, PartialEq, Debug)]
pub struct Script {
    /// Its name for messages.
    pub file: String,
    /// Its options.
    pub settings: Vec<Setting>,
    /// Its events in order.
    pub events: Vec<Event>,
    /// Its text's lines, for messages.
    pub lines: Vec<String>,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// Where it is not of the language: the place, and what was expected there.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        crate::parser::parse(file, text).map_err(|error| error.in_file(file))
    }

    /// How long it takes at least.
    pub fn duration(&self) -> Micros {
        let (mut now, mut last) = (0, 0);
        for Event { time, end, .. } in &self.events {
            let base = now;
            now = match time {
                Time::Absolute(at) | Time::AbsoluteRange(at, _) => *at,
                Time::Relative(after) | Time::RelativeRange(after, _) => base + after,
                Time::Any => base,
            };
            last = last.max(now).max(end.map_or(0, |end| base + end));
        }
        last
    }

    /// The line at `pos`, trimmed.
    pub fn line(&self, pos: Pos) -> &str {
        self.lines.get(pos.line as usize - 1).map_or("", |line| line.trim())
    }
}
