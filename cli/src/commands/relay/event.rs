//! What guard and forward say: lines for people, one JSON object a line for programs.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;

use crate::output;

/// One way of `forward`: a listener of the kernel's, and where our stack connects to.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Forward {
    pub(crate) listen: SocketAddr,
    pub(crate) to: SocketAddr,
}

/// Something to tell.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event<'a> {
    Listening {
        device: &'a str,
        address: IpAddr,
        ports: &'a [u16],
        backend: SocketAddr,
    },
    Forwarding {
        device: &'a str,
        address: IpAddr,
        forwards: &'a [Forward],
    },
    Closed {
        client: SocketAddr,
        up: u64,
        down: u64,
        seconds: f64,
    },
    Failed {
        client: SocketAddr,
        error: String,
        seconds: f64,
    },
    Protection {
        protecting: bool,
        half_open: usize,
    },
    Status {
        open: u64,
        accepted: u64,
        failed: u64,
        /// What only a server has.
        #[serde(flatten)]
        admission: Option<AdmissionStatus>,
        discards: u64,
    },
    /// Events that nobody was there to read.
    Lost {
        events: u64,
    },
    Draining {
        seconds: u64,
    },
    Ended {
        accepted: u64,
        failed: u64,
        /// Reset because the drain was over.
        cut_off: u64,
        up: u64,
        down: u64,
    },
}

/// How the SYN-attack protection is.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct AdmissionStatus {
    pub(super) half_open: usize,
    pub(super) protecting: bool,
    pub(super) cookies_sent: u64,
}

/// How events are written.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) json: bool,
    pub(super) terminal: bool,
    /// What lines call the other end.
    pub(super) target: &'static str,
}

/// The status has no line's end: whatever follows takes its place.
const SAME_LINE: &str = "\r\x1b[K";

impl Event<'_> {
    /// The event as it is written, its line's end included; `None` where this form has nothing for it.
    pub(super) fn written(&self, form: Form) -> Option<String> {
        if form.json {
            return serde_json::to_string(self).ok().map(|text| text + "\n");
        }
        if let Self::Status { .. } = self {
            return form.terminal.then(|| format!("{SAME_LINE}{}", self.text(form).unwrap_or_default()));
        }
        let text = self.text(form)?;
        Some(if form.terminal { format!("{SAME_LINE}{text}\n") } else { text + "\n" })
    }

    fn text(&self, form: Form) -> Option<String> {
        const END: &str = "Ctrl-C stops accepting and lets connections finish";
        Some(match self {
            Self::Listening { device, address, ports, backend } => {
                let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
                format!("{address} port {} on {device} -> {backend}\n{END}", ports.join(", "))
            }
            Self::Forwarding { device, address, forwards } => {
                let way = |Forward { listen, to }: &Forward| {
                    format!("{listen} -> {to}, from {address} on {device}\n")
                };
                forwards.iter().map(way).collect::<String>() + END
            }
            // A line for each connection would drown everything else.
            Self::Closed { .. } => return None,
            Self::Failed { client, error, .. } => format!("{client}: {error}"),
            Self::Protection { protecting: true, half_open } => {
                let text = output::styled(output::YELLOW, "SYN attack: protecting");
                format!("{text} ({half_open} half-open)")
            }
            Self::Protection { protecting: false, .. } => "SYN attack over: protection ended".to_owned(),
            Self::Status { open, accepted, failed, admission, discards } => {
                let admission = admission.map_or_else(String::new, |admission| {
                    let AdmissionStatus { half_open, protecting, cookies_sent } = admission;
                    let state = if protecting { "protecting" } else { "calm" };
                    format!(", {half_open} half-open, {cookies_sent} cookies, {state}")
                });
                format!("{open} open, {accepted} accepted, {failed} failed{admission}, {discards} discards")
            }
            Self::Lost { events } => format!("{events} lines were lost: nobody read them in time"),
            Self::Draining { seconds } => {
                format!("draining for at most {seconds} s; Ctrl-C again ends at once")
            }
            Self::Ended { accepted, failed, cut_off, up, down } => format!(
                "{accepted} connections, {failed} failed, {cut_off} cut off; {up} bytes to the {}, {down} bytes to clients",
                form.target
            ),
        })
    }
}
