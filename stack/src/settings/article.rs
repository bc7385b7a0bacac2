//! Microsoft's articles 297040 and 142641: whether a settings file meets what they describe.

use super::document::Document;
use super::preset::Preset;
use super::registry;
use super::value::Value;

/// Whether a file meets an article's condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It does, as far as the article says.
    Met,
    /// It does not.
    NotMet,
    /// No file was given.
    NoFile,
}

impl Verdict {
    /// Its name, for a program.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not-met",
            Self::NoFile => "no-file",
        }
    }
}

/// A setting that an article speaks of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mention {
    /// Our name.
    pub setting: &'static str,
    /// NT's name.
    pub nt: &'static str,
    /// The file's value and line, as text and number.
    pub in_file: Option<(String, usize)>,
    /// What the article advises under attack, where it does.
    pub advice: Option<&'static str>,
}

/// An article, explained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// Its number.
    pub article: u32,
    /// Its title, in our words.
    pub title: &'static str,
    /// What it describes.
    pub about: &'static [&'static str],
    /// Whether the file meets its condition.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<String>,
    /// The settings that it speaks of.
    pub mentions: Vec<Mention>,
    /// The fix that Microsoft shipped.
    pub fix: &'static str,
    /// What Synward does instead.
    pub synward: &'static [&'static str],
}

const PROTECT: &str = "admission.syn-attack-protect";
const RESPONSES: &str = "admission.synack-retries";

/// Explains article 297040 or 142641, for a file under a preset; `None` for another number.
pub fn explain(article: u32, file: Option<&Document>, preset: Option<Preset>) -> Option<Explanation> {
    let file = file.map(|document| {
        let preset = preset.or(document.preset()).unwrap_or(Preset::Nt4Sp6a);
        (document, preset)
    });
    match article {
        297_040 => Some(hang(file)),
        142_641 => Some(protection(file)),
        _ => None,
    }
}

type File<'a> = Option<(&'a Document, Preset)>;

/// The number that takes effect, and whence.
fn number(file: (&Document, Preset), name: &str) -> (u64, String) {
    let (document, preset) = file;
    if let Some((Value::Number(number), line)) = document.value_of(name) {
        return (*number, format!("{number} in line {line}"));
    }
    let default = registry::by_name(name).and_then(|setting| setting.default(preset));
    let number = if let Some(Value::Number(number)) = default { number } else { 0 };
    (number, format!("not in the file; {} has {number}", preset.describe()))
}

fn mention(file: File<'_>, name: &'static str, nt: &'static str, advice: Option<&'static str>) -> Mention {
    let in_file =
        file.and_then(|(document, _)| document.value_of(name)).map(|(value, line)| (value.to_string(), line));
    Mention { setting: name, nt, in_file, advice }
}

fn hang(file: File<'_>) -> Explanation {
    let (verdict, reasons) = match file {
        None => (Verdict::NoFile, vec!["give a .reg file to have it checked".to_owned()]),
        Some(file) => {
            let (protect, whence) = number(file, PROTECT);
            let mut reasons = vec![format!("SynAttackProtect: {whence}")];
            if protect > 0 {
                reasons.push(
                    "the article's condition is only that SynAttackProtect is set: it is; an outgoing connect to \
                     an address that does not exist could then stop the server"
                        .to_owned(),
                );
                reasons.push(
                    "left open by the article: which value it takes (1, 2 or both), and whether protection must \
                     have been triggered by an attack"
                        .to_owned(),
                );
                (Verdict::Met, reasons)
            } else {
                reasons.push(
                    "0 means no protection; we read the article's \"set\" as above 0, which it does not spell out"
                        .to_owned(),
                );
                (Verdict::NotMet, reasons)
            }
        }
    };
    Explanation {
        article: 297_040,
        title: "Windows may hang when it connects to an IP address that does not exist",
        about: &[
            "Systems: Windows NT 4.0 Server with a recent hotfix after Service Pack 6a, and Terminal Server \
             Edition with one after Service Pack 6.",
            "Condition: SynAttackProtect is set.",
            "Trigger: an outgoing connect, for example Telnet from 129.68.72.10 to 129.68.72.40, where no host \
             is there or it is down.",
            "Effect: the server stops; no mouse, no console, no answer to ping.",
            "Cause: the spinlock of the TCP/IP connection table is acquired and, on some path, not released.",
        ],
        verdict,
        reasons,
        mentions: vec![mention(file, PROTECT, "SynAttackProtect", None)],
        fix: "Tcpip.sys, 27-Apr-2001 15:54, 174,896 bytes, on Service Pack 6a (x86 and Alpha)",
        synward: &[
            "The connection table has no lock: one shard owns it, and the code that runs has it exclusively.",
            "A connect's entry and its deadline exist before its SYN does; every connect ends within a bound that \
             is known beforehand, with the reason: no host answered ARP, no route, refused, timed out.",
            "A silent neighbour is an event for the connections that wait for it and disturbs nothing else. \
             `synward drill` plays the article's situation and measures it.",
        ],
    }
}

/// Our name, NT's name, the article's advice under attack.
const MENTIONS: [(&str, &str, Option<&str>); 11] = [
    (PROTECT, "SynAttackProtect", Some("2")),
    ("admission.max-half-open", "TcpMaxHalfOpen", None),
    ("admission.max-half-open-retried", "TcpMaxHalfOpenRetried", None),
    ("admission.max-ports-exhausted", "TcpMaxPortsExhausted", None),
    (RESPONSES, "TcpMaxConnectResponseRetransmissions", Some("at least 2")),
    ("admission.dynamic-backlog", "EnableDynamicBacklog", Some("1")),
    ("admission.dynamic-backlog-min", "MinimumDynamicBacklog", Some("20")),
    ("admission.dynamic-backlog-max", "MaximumDynamicBacklog", Some("at most 5000 for each 32 MB of memory")),
    ("admission.dynamic-backlog-delta", "DynamicBacklogGrowthDelta", Some("10")),
    ("nt.backlog-increment", "BacklogIncrement", None),
    ("nt.max-conn-backlog", "MaxConnBackLog", None),
];

fn protection(file: File<'_>) -> Explanation {
    let (verdict, reasons) = match file {
        None => (Verdict::NoFile, vec!["give a .reg file to have it checked".to_owned()]),
        Some(file) => {
            let (protect, protect_whence) = number(file, PROTECT);
            let (responses, responses_whence) = number(file, RESPONSES);
            let mut reasons = vec![
                format!("SynAttackProtect: {protect_whence}"),
                format!("TcpMaxConnectResponseRetransmissions: {responses_whence}"),
            ];
            let on = protect > 0 && responses >= 2;
            reasons.push(match (protect, responses >= 2) {
                (0, _) => "protection is off".to_owned(),
                (_, false) => "protection is off: fewer than 2 SYN-ACK retransmissions".to_owned(),
                (1, true) => {
                    "protection 1: fewer SYN-ACK retransmissions, no route entry for an unproven peer, \
                              while the thresholds are exceeded"
                        .to_owned()
                }
                (_, true) => "protection 2: as 1, and the application hears of a connection only after the \
                              handshake"
                    .to_owned(),
            });
            reasons.push(
                "the article wants TcpMaxHalfOpen and TcpMaxHalfOpenRetried both exceeded, later documents any \
                 threshold; Synward takes any, or both by admission.trigger"
                    .to_owned(),
            );
            (if on { Verdict::Met } else { Verdict::NotMet }, reasons)
        }
    };
    Explanation {
        article: 142_641,
        title: "Protection of a server against SYN attacks, and its settings",
        about: &[
            "A SYN with a forged address costs NT a half-open connection; SYN-ACKs go out at 0, 3, 9, ... seconds \
             until it is given up (189 s with the old fixed 5 retransmissions, 21 s with 2).",
            "SynAttackProtect bounds what such connections cost while thresholds are exceeded; the AFD settings \
             let a listener's backlog grow; NetBT has its own for port 139.",
            "Condition for protection: SynAttackProtect at least 1 and TcpMaxConnectResponseRetransmissions at \
             least 2.",
        ],
        verdict,
        reasons,
        mentions: MENTIONS.into_iter().map(|(name, nt, advice)| mention(file, name, nt, advice)).collect(),
        fix: "the settings themselves, with the Tcpip.sys of the article's hotfix and of later service packs",
        synward: &[
            "The settings keep their published meaning; what no document says (when protection ends, over which \
             period refusals count) is a setting of our own with a default.",
            "Half-open connections stand in a bounded store without buffers; when it is full, SYN cookies \
             (admission.cookies), which NT never had, let clients in.",
            "BacklogIncrement and MaxConnBackLog are accepted without effect: there is no NetBIOS here.",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Format;

    fn reg(lines: &str) -> Document {
        let key = r"[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters]";
        Document::parse(format!("REGEDIT4\n{key}\n{lines}\n").as_bytes(), Format::Reg)
    }

    fn verdict(article: u32, lines: &str, preset: Option<Preset>) -> Verdict {
        explain(article, Some(&reg(lines)), preset).unwrap().verdict
    }

    #[test]
    fn article_297040_is_met_by_any_protection_and_not_by_none() {
        assert_eq!(verdict(297_040, "\"SynAttackProtect\"=dword:1", None), Verdict::Met);
        assert_eq!(verdict(297_040, "\"SynAttackProtect\"=dword:2", None), Verdict::Met);
        assert_eq!(verdict(297_040, "\"SynAttackProtect\"=dword:0", None), Verdict::NotMet);
        assert_eq!(verdict(297_040, "", None), Verdict::NotMet);
        assert_eq!(verdict(297_040, "", Some(Preset::Windows2003Sp1)), Verdict::Met);
        assert_eq!(explain(297_040, None, None).unwrap().verdict, Verdict::NoFile);
        assert!(explain(297_040, None, None).unwrap().fix.contains("174,896"));
        assert_eq!(explain(1, None, None), None);
    }

    #[test]
    fn article_142641_needs_two_retransmissions_as_well() {
        let protect = "\"SynAttackProtect\"=dword:2\n";
        assert_eq!(verdict(142_641, protect, None), Verdict::Met);
        let few = format!("{protect}\"TcpMaxConnectResponseRetransmissions\"=dword:1");
        assert_eq!(verdict(142_641, &few, None), Verdict::NotMet);
    }

    #[test]
    fn what_the_articles_mention_are_settings_with_that_nt_name() {
        for (name, nt, _) in MENTIONS {
            let setting = registry::by_name(name).unwrap();
            assert!(setting.nt.iter().any(|known| known.name == nt), "{name}");
        }
    }
}
