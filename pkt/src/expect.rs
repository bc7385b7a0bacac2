//! Whether a packet that was sent is the one that the script says.

use crate::packet::{Icmp, IpFields, Opt, Tcp, kind};
use crate::pattern;
use crate::script::{self, Micros, OptionWord, Segment, Time};
use crate::show;

/// How packets are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// The options are exactly those of the script, with NOPs, where it lists any.
    pub strict_options: bool,
}

/// The earliest and latest time at which an event may be seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Not before.
    pub from: Micros,
    /// Not after.
    pub to: Micros,
}

impl Window {
    /// The window of `time` where relative times count from `base`.
    pub fn of(time: Time, base: Micros) -> Self {
        let (from, to) = match time {
            Time::Absolute(at) => (at, at),
            Time::Relative(after) => (base + after, base + after),
            Time::AbsoluteRange(from, to) => (from, to),
            Time::RelativeRange(from, to) => (base + from, base + to),
            Time::Any => (0, base + ANY),
        };
        Self { from, to }
    }

    /// Whether `at` is inside, give or take `tolerance`.
    pub fn holds(self, at: Micros, tolerance: Micros) -> bool {
        at + tolerance >= self.from && at <= self.to + tolerance
    }

    /// For a message.
    pub fn text(self) -> String {
        match (self.from, self.to) {
            (from, to) if from == to => format!("at {}", show::time(from)),
            (from, to) => format!("between {} and {}", show::time(from), show::time(to)),
        }
    }
}

/// How long a packet at any time (`*`) is waited for.
const ANY: Micros = 120_000_000;

/// What differs in a segment, in words; nothing: it is the one. The numbers of `sent` are the script's.
pub fn segment(want: &Segment, ip: script::Ip, sent: &Tcp, place: u32, rules: Rules) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, wanted: String, is: String| {
        if wanted != is {
            found.push(format!("{what}: expected {wanted}, sent {is}"));
        }
    };
    // RFC 9293, Section 3.9.1.2: PSH is a must at the end of what was written and otherwise the sender's choice.
    let counted = if want.any_push { sent.flags & !0x08 } else { sent.flags };
    differ("flags", show::flags(want.flags), show::flags(counted));
    differ("seq", want.seq.to_string(), sent.seq.to_string());
    differ("length", want.len.to_string(), sent.payload.len().to_string());
    if let Some(ack) = want.ack {
        differ("ack", ack.to_string(), sent.ack.to_string());
    }
    if let Some(window) = want.window {
        differ("win", window.to_string(), sent.window.to_string());
    }
    if let Some(urgent) = want.urgent {
        differ("urg", urgent.to_string(), sent.urgent.to_string());
    }
    found.extend(ip_fields(ip, sent.ip));
    found.extend(options(&want.options, &sent.options, rules));
    if let Some(at) = pattern::wrong(place, &sent.payload) {
        found.push(format!("payload: the byte {at} is not that of this place in the stream"));
    }
    found
}

fn ip_fields(want: script::Ip, sent: IpFields) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, want: Option<String>, is: String| {
        if let Some(want) = want.filter(|want| *want != is) {
            found.push(format!("{what}: expected {want}, sent {is}"));
        }
    };
    differ("tos", want.tos.map(|tos| tos.to_string()), sent.tos.to_string());
    differ("ECN", want.ecn.map(|ecn| ecn.to_string()), (sent.tos & 3).to_string());
    differ("ttl", want.ttl.map(|ttl| ttl.to_string()), sent.ttl.to_string());
    differ("DF", want.df.map(|df| df.to_string()), sent.df.to_string());
    found
}

/// The options that are named must be there in that order with these values; others may stand between them, because a
/// later RFC may add one. Padding is not compared.
fn options(want: &[OptionWord], sent: &[Opt], rules: Rules) -> Vec<String> {
    let shown = || sent.iter().map(show::option).collect::<Vec<_>>().join(",");
    if rules.strict_options && !want.is_empty() {
        let same = want.len() == sent.len()
            && want.iter().zip(sent).all(|(want, sent)| match want {
                OptionWord::Is(option) => option == sent,
                OptionWord::Some(kind) => *kind == sent.kind(),
                OptionWord::None(_) => false,
            });
        return if same { Vec::new() } else { vec![format!("options: sent exactly <{}>", shown())] };
    }
    let mut found = Vec::new();
    let mut rest = sent.iter();
    for word in want {
        match word {
            OptionWord::Is(option) if matches!(option.kind(), kind::NOP | kind::EOL) => {}
            OptionWord::Is(option) => match rest.find(|sent| sent.kind() == option.kind()) {
                Some(sent) if same_option(option, sent) => {}
                Some(sent) => found.push(format!(
                    "option {}: expected `{}`, sent `{}`",
                    show::option_name(option.kind()),
                    show::option(option),
                    show::option(sent)
                )),
                None => found.push(format!(
                    "option `{}` is not at its place in <{}>",
                    show::option(option),
                    shown()
                )),
            },
            OptionWord::Some(kind) => {
                if !rest.any(|sent| sent.kind() == *kind) {
                    found.push(format!(
                        "option {} is not at its place in <{}>",
                        show::option_name(*kind),
                        shown()
                    ));
                }
            }
            OptionWord::None(kind) => {
                if sent.iter().any(|sent| sent.kind() == *kind) {
                    found.push(format!("option {} must not be in <{}>", show::option_name(*kind), shown()));
                }
            }
        }
    }
    found
}

/// A timestamp's own value is compared by the flow, which knows the clock; here its echo counts.
fn same_option(want: &Opt, sent: &Opt) -> bool {
    match (want, sent) {
        (Opt::Timestamps(_, want), Opt::Timestamps(_, sent)) => want == sent,
        _ => want == sent,
    }
}

/// What differs in an ICMP message.
pub fn icmp(want: script::Icmp, ip: script::Ip, sent: &Icmp) -> Vec<String> {
    let mut found = ip_fields(ip, sent.ip);
    let (wanted, is) = (show::icmp_name(want.kind, want.code), show::icmp_name(sent.kind, sent.code));
    if wanted != is {
        found.push(format!("expected {wanted}, sent {is}"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PADDED: [Opt; 4] = [Opt::Mss(1460), Opt::Nop, Opt::WindowScale(8), Opt::SackPermitted];

    fn differences(want: &[OptionWord], strict: bool) -> usize {
        options(want, &PADDED, Rules { strict_options: strict }).len()
    }

    #[test]
    fn named_options_are_wanted_in_order_and_others_are_tolerated() {
        let is = OptionWord::Is;
        assert_eq!(differences(&[], false), 0);
        assert_eq!(differences(&[is(Opt::Mss(1460)), is(Opt::SackPermitted)], false), 0);
        assert_eq!(differences(&[is(Opt::SackPermitted), is(Opt::Mss(1460))], false), 1, "order");
        assert_eq!(differences(&[is(Opt::Mss(536))], false), 1, "value");
        assert_eq!(differences(&[OptionWord::Some(kind::WSCALE), OptionWord::None(kind::TS)], false), 0);
        assert_eq!(differences(&[OptionWord::None(kind::MSS)], false), 1);
        assert_eq!(
            differences(&[is(Opt::Mss(1460)), is(Opt::Nop), is(Opt::WindowScale(8))], true),
            1,
            "strict"
        );
    }

    #[test]
    fn times_have_a_tolerance_on_both_sides() {
        let window = Window::of(Time::RelativeRange(10, 20), 100);
        assert_eq!(window, Window { from: 110, to: 120 });
        assert!(
            window.holds(106, 4) && window.holds(124, 4) && !window.holds(105, 4) && !window.holds(125, 4)
        );
    }
}
