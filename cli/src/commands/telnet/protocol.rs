//! The least of the Telnet protocol that is right (RFC 854): commands are taken out of the stream, every option is refused,
//! and what we send is a network virtual terminal's.

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SUBNEGOTIATION: u8 = 250;
const ARE_YOU_THERE: u8 = 246;
const SUBNEGOTIATION_END: u8 = 240;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Data,
    /// After CR.
    Return,
    Command,
    /// After one of WILL, WONT, DO, DONT: the option follows.
    Option(u8),
    Subnegotiation,
    SubnegotiationCommand,
}

/// What the peer sends, taken apart.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    state: State,
}

impl Receiver {
    /// Takes `bytes` apart: text goes to `text`, what must be answered to `answer`.
    pub(super) fn take(&mut self, bytes: &[u8], text: &mut Vec<u8>, answer: &mut Vec<u8>) {
        for byte in bytes {
            self.state = self.step(*byte, text, answer);
        }
    }

    fn step(&self, byte: u8, text: &mut Vec<u8>, answer: &mut Vec<u8>) -> State {
        match (self.state, byte) {
            (State::Data | State::Return, IAC) => State::Command,
            // CR NUL stands for CR alone.
            (State::Return, 0) => State::Data,
            (State::Data | State::Return, _) => {
                text.push(byte);
                if byte == b'\r' { State::Return } else { State::Data }
            }
            (State::Command, IAC) => {
                text.push(IAC);
                State::Data
            }
            (State::Command, WILL | WONT | DO | DONT) => State::Option(byte),
            (State::Command, SUBNEGOTIATION) => State::Subnegotiation,
            (State::Command, ARE_YOU_THERE) => {
                answer.extend_from_slice(b"\r\n[yes]\r\n");
                State::Data
            }
            // The other commands ask for nothing that a plain terminal has.
            (State::Command, _) => State::Data,
            (State::Option(DO), option) => {
                answer.extend_from_slice(&[IAC, WONT, option]);
                State::Data
            }
            (State::Option(WILL), option) => {
                answer.extend_from_slice(&[IAC, DONT, option]);
                State::Data
            }
            // WONT and DONT say how things are already: an answer would begin a loop.
            (State::Option(_), _) => State::Data,
            (State::Subnegotiation, IAC) => State::SubnegotiationCommand,
            (State::SubnegotiationCommand, SUBNEGOTIATION_END) => State::Data,
            (State::Subnegotiation | State::SubnegotiationCommand, _) => State::Subnegotiation,
        }
    }
}

/// Appends what the user typed, as a network virtual terminal sends it: lines end with CR LF, and a byte 255 is doubled.
pub(super) fn send(typed: &[u8], out: &mut Vec<u8>) {
    for byte in typed {
        match *byte {
            b'\n' => out.extend_from_slice(b"\r\n"),
            b'\r' => out.extend_from_slice(b"\r\0"),
            IAC => out.extend_from_slice(&[IAC, IAC]),
            byte => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in one piece and byte by byte.
    fn received(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (mut text, mut answer, mut whole) = (Vec::new(), Vec::new(), Receiver::default());
        whole.take(bytes, &mut text, &mut answer);
        let (mut piecewise, mut other, mut reply) = (Receiver::default(), Vec::new(), Vec::new());
        bytes.iter().for_each(|byte| piecewise.take(&[*byte], &mut other, &mut reply));
        assert_eq!((&text, &answer), (&other, &reply));
        (text, answer)
    }

    #[test]
    fn every_option_is_refused_and_refusals_are_not_answered() {
        let (text, answer) = received(&[b'a', IAC, DO, 24, IAC, WILL, 1, IAC, WONT, 3, IAC, DONT, 5, b'b']);
        assert_eq!(text, b"ab");
        assert_eq!(answer, [IAC, WONT, 24, IAC, DONT, 1]);
    }

    #[test]
    fn commands_and_subnegotiations_are_no_text_and_a_doubled_255_is() {
        let (text, answer) = received(&[
            b'a',
            IAC,
            IAC,
            IAC,
            241,
            IAC,
            SUBNEGOTIATION,
            24,
            IAC,
            IAC,
            7,
            IAC,
            SUBNEGOTIATION_END,
            b'b',
        ]);
        assert_eq!((text.as_slice(), answer.as_slice()), (&[b'a', IAC, b'b'][..], &[][..]));
        assert_eq!(received(&[IAC, ARE_YOU_THERE]).1, b"\r\n[yes]\r\n");
        assert_eq!(received(b"x\r\0y\r\nz").0, b"x\ry\r\nz");
    }

    #[test]
    fn lines_end_with_cr_lf_and_255_is_doubled() {
        let mut out = Vec::new();
        send(b"dir\na\rb\xff", &mut out);
        assert_eq!(out, b"dir\r\na\r\0b\xff\xff");
    }
}
