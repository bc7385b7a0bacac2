//! The grammar of scripts.

mod call;
mod packet;

pub(crate) use packet::ICMP;

use crate::check;
use crate::error::{Error, Pos};
use crate::lexer::{Token, tokens};
use crate::script::{Event, Micros, Script, Setting, Time, What};

pub(crate) fn parse(file: &str, text: &str) -> Result<Script, Error> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, copies: 1 };
    let (mut settings, mut events) = (Vec::new(), Vec::new());
    loop {
        let (token, pos) = parser.peek().clone();
        match token {
            Token::End => break,
            Token::Setting(name, value) if events.is_empty() => {
                parser.at += 1;
                settings.push(Setting { pos, name, value });
            }
            Token::Setting(..) => {
                return Err(Error::new(pos, "options stand before the first event"));
            }
            Token::Command(_) => {
                let message = "no commands are run here: write what it sets as an option, `--name=value`";
                return Err(Error::new(pos, message));
            }
            _ => {
                parser.copies = 1;
                let event = parser.event()?;
                copies(event, parser.copies, &mut events);
            }
        }
    }
    let lines = text.lines().map(str::to_owned).collect();
    Ok(Script { file: file.to_owned(), settings, events, lines })
}

/// The packet of `{name*N}` is that of N connections, one after the other and all but the first without delay.
fn copies(event: Event, copies: u32, events: &mut Vec<Event>) {
    if copies == 1 {
        return events.push(event);
    }
    let later = match event.time {
        Time::Relative(_) => Time::Relative(0),
        Time::RelativeRange(from, to) => Time::RelativeRange(0, to - from),
        other @ (Time::Absolute(_) | Time::AbsoluteRange(..) | Time::Any) => other,
    };
    for copy in 1..=copies {
        let mut event = Event { time: if copy == 1 { event.time } else { later }, ..event.clone() };
        if let What::Inject(packet) | What::Expect(packet) = &mut event.what {
            packet.flow = format!("{}{copy}", packet.flow);
        }
        events.push(event);
    }
}

/// The tokens and how many of them are taken.
struct Parser {
    tokens: Vec<(Token, Pos)>,
    at: usize,
    /// Of how many connections the event is that is being read.
    copies: u32,
}

impl Parser {
    fn peek(&self) -> &(Token, Pos) {
        // The last token is the end; nothing is taken behind it.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn ahead(&self, by: usize) -> &Token {
        &self.tokens[(self.at + by).min(self.tokens.len() - 1)].0
    }

    fn pos(&self) -> Pos {
        self.peek().1
    }

    fn next(&mut self) -> Token {
        let token = self.peek().0.clone();
        self.at += 1;
        token
    }

    fn expected(&self, what: &str) -> Error {
        let (token, pos) = self.peek();
        Error::new(*pos, format!("expected {what}, found {token}"))
    }

    fn is_mark(&self, mark: char) -> bool {
        self.peek().0 == Token::Mark(mark)
    }

    fn eat(&mut self, mark: char) -> bool {
        let found = self.is_mark(mark);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, mark: char) -> Result<(), Error> {
        if self.eat(mark) { Ok(()) } else { Err(self.expected(&format!("`{mark}`"))) }
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(&self.peek().0, Token::Word(is) if is == word)
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, what: &str) -> Result<String, Error> {
        match self.peek().0.clone() {
            Token::Word(word) => {
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// A whole number that fits into `T`.
    fn int<T: TryFrom<u64>>(&mut self, what: &str) -> Result<T, Error> {
        match self.peek().0 {
            Token::Int(number) => {
                let value = T::try_from(number)
                    .map_err(|_| Error::new(self.pos(), format!("{number} is too large for {what}")))?;
                self.at += 1;
                Ok(value)
            }
            _ => Err(self.expected(what)),
        }
    }

    fn micros(&mut self) -> Result<Micros, Error> {
        let time = match self.peek().0 {
            Token::Micros(time) => time,
            Token::Int(seconds) => seconds
                .checked_mul(1_000_000)
                .ok_or_else(|| Error::new(self.pos(), format!("{seconds} seconds are too many")))?,
            _ => return Err(self.expected("a time in seconds")),
        };
        self.at += 1;
        Ok(time)
    }

    fn time(&mut self) -> Result<Time, Error> {
        if self.eat('*') {
            return Ok(Time::Any);
        }
        let relative = self.eat('+');
        let first = self.micros()?;
        if !self.eat('~') {
            return Ok(if relative { Time::Relative(first) } else { Time::Absolute(first) });
        }
        let pos = self.pos();
        if self.eat('+') != relative {
            return Err(Error::new(pos, "both ends of a range count from the same point: `+` before both"));
        }
        let last = self.micros()?;
        if last < first {
            return Err(Error::new(pos, "a range ends after it begins"));
        }
        Ok(if relative { Time::RelativeRange(first, last) } else { Time::AbsoluteRange(first, last) })
    }

    fn event(&mut self) -> Result<Event, Error> {
        let pos = self.pos();
        if !matches!(self.peek().0, Token::Int(_) | Token::Micros(_) | Token::Mark('+' | '*')) {
            return Err(self.expected("the time of an event"));
        }
        let time = self.time()?;
        let mut end = None;
        let end_pos = self.pos();
        if self.peek().0 == Token::Ellipsis {
            self.at += 1;
            end = Some(self.micros()?);
        }
        let what = match self.peek().0.clone() {
            Token::Mark('<') => {
                self.at += 1;
                What::Inject(self.packet(packet::Way::In)?)
            }
            Token::Mark('>') => {
                self.at += 1;
                What::Expect(self.packet(packet::Way::Out)?)
            }
            Token::Check(text) => {
                let pos = self.pos();
                self.at += 1;
                What::Check(check::parse(&text, pos)?)
            }
            Token::Word(word) if word == "quiet" && *self.ahead(1) != Token::Mark('(') => {
                self.at += 1;
                What::Quiet
            }
            Token::Word(_) => What::Call(self.call()?),
            Token::Command(_) => {
                let message = "no commands are run here: write what it sets as an option, `--name=value`";
                return Err(Error::new(self.pos(), message));
            }
            _ => return Err(self.expected("a packet (`<` or `>`), a call, a check or `quiet`")),
        };
        self.restrict(pos, end_pos, time, end, &what)?;
        Ok(Event { pos, time, end, what })
    }

    /// Refuses times that the event cannot have.
    fn restrict(
        &self,
        pos: Pos,
        end_pos: Pos,
        time: Time,
        end: Option<Micros>,
        what: &What,
    ) -> Result<(), Error> {
        let exact = matches!(time, Time::Absolute(_) | Time::Relative(_));
        if !exact && !matches!(what, What::Expect(_)) {
            return Err(Error::new(pos, "only a packet that is expected may come at any time of a range"));
        }
        if end.is_some() && !matches!(what, What::Call(_)) {
            return Err(Error::new(end_pos, "only a call has an end"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Body, OptionWord, Value};

    fn script(text: &str) -> Script {
        Script::parse("x.pkt", text).unwrap()
    }

    #[test]
    fn every_form_of_time_is_read() {
        let text = "0 quiet .5 quiet +.1 quiet 0~0.2 > . 1:1(0) ack 1 +0~+.3 > . 1:1(0) ack 1\n* > . 1:1(0) ack 1 \
                    +.1...0.2 read(3, ..., 5) = 5";
        let events = script(text).events;
        let times: Vec<_> = events.iter().map(|event| event.time).collect();
        assert_eq!(
            times,
            [
                Time::Absolute(0),
                Time::Absolute(500_000),
                Time::Relative(100_000),
                Time::AbsoluteRange(0, 200_000),
                Time::RelativeRange(0, 300_000),
                Time::Any,
                Time::Relative(100_000)
            ]
        );
        assert_eq!(events[6].end, Some(200_000));
    }

    #[test]
    fn packets_have_flags_numbers_and_options() {
        let text = "+0 < {b} [ect0] (ttl 3) SWE 7:7(0) win 0x10 <mss 1000,sackOK,TS val 1 ecr 2,nop,wscale 7>\n\
                    +0 > FP. 1:11(10) ack 2 urg 3 <TS, !wscale, sack 1:2 3:4, ...>";
        let events = script(text).events;
        let What::Inject(packet) = &events[0].what else { panic!() };
        assert_eq!((packet.flow.as_str(), packet.ip.ecn, packet.ip.ttl), ("b", Some(2), Some(3)));
        let Body::Tcp(segment) = &packet.body else { panic!() };
        assert_eq!((segment.flags, segment.seq, segment.len, segment.window), (0xc2, 7, 0, Some(16)));
        assert_eq!(segment.options.len(), 5);
        let What::Expect(packet) = &events[1].what else { panic!() };
        let Body::Tcp(segment) = &packet.body else { panic!() };
        assert_eq!((segment.flags, segment.len, segment.ack, segment.urgent), (0x19, 10, Some(2), Some(3)));
        assert_eq!(segment.options[..2], [OptionWord::Some(8), OptionWord::None(3)]);
    }

    #[test]
    fn a_packet_of_several_connections_is_one_of_each() {
        let events = script("+1 < {f*3} S 0:0(0) win 1\n+.1~+.5 > {f2} S. 0:0(0) ack 1").events;
        let flow = |event: &Event| match &event.what {
            What::Inject(packet) | What::Expect(packet) => packet.flow.clone(),
            _ => String::new(),
        };
        assert_eq!(events.iter().map(flow).collect::<Vec<_>>(), ["f1", "f2", "f3", "f2"]);
        let times: Vec<_> = events.iter().map(|event| event.time).collect();
        assert_eq!(times[..3], [Time::Relative(1_000_000), Time::Relative(0), Time::Relative(0)]);
        assert!(Script::parse("x.pkt", "0 < {f*0} S 0:0(0)").is_err());
    }

    #[test]
    fn icmp_quotes_before_or_behind() {
        for text in [
            "+0 < [1:1461(1460)] icmp unreachable frag_needed mtu 1200",
            "+0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]",
        ] {
            let events = script(text).events;
            let What::Inject(packet) = &events[0].what else { panic!() };
            let Body::Icmp(icmp) = &packet.body else { panic!() };
            assert_eq!((icmp.kind, icmp.code, icmp.mtu, icmp.quoted), (3, 4, Some(1200), Some((1, 1460))));
        }
    }

    #[test]
    fn calls_have_arguments_of_every_form_and_errors_with_a_text() {
        let text = "0 bind(3, {sa_family=AF_INET, sin_port=htons(80)}, ...) = -1 EADDRINUSE (It's taken)\n\
                    +0 getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0\n+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0";
        let events = script(text).events;
        let What::Call(call) = &events[0].what else { panic!() };
        assert_eq!((call.arguments.len(), call.errno.as_deref()), (3, Some("EADDRINUSE")));
        let What::Call(call) = &events[2].what else { panic!() };
        assert!(matches!(&call.arguments[2].0, Value::Or(bits) if bits.len() == 2));
    }

    #[test]
    fn errors_say_where_and_what_was_expected() {
        for (text, place, what) in [
            ("0 < S 0:0(1)", "1:7", "the length"),
            ("0 < S 0:0 win 1", "1:11", "expected `(`"),
            ("0 < Q 0:0(0)", "1:5", "`Q`"),
            ("0 < . 1:1(0) ack x", "1:18", "expected an acknowledgment number"),
            ("0 < S 0:0(0) <mss 1>\n+0~0.5 > S. 0:0(0)", "2:4", "both ends"),
            ("0 read(3, ..., 1) 5", "1:19", "expected `=`"),
            ("read(3)", "1:1", "expected the time of an event"),
            ("0 `ls`", "1:3", "no commands"),
            ("0 < S 0:0(0) <mss>", "1:15", "mss"),
            ("0 quiet\n--mtu=3", "2:1", "before the first event"),
            ("0 < . 1:1(0) ack 70000 win 70000", "1:28", "too large"),
        ] {
            let error = Script::parse("x.pkt", text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("x.pkt:{place}: ")), "{text}: {error}");
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
