//! What a row says: our figure, a peer's, their ratio, the bar.

use serde_json::json;

/// What the ratio (ours divided by the peer's) or, without a peer, our figure has to be.
#[derive(Clone, Copy, Debug)]
pub enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

impl Bar {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bar) => value >= bar,
            Self::AtMost(bar) => value <= bar,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(bar) => format!(">= {}", figure(bar)),
            Self::AtMost(bar) => format!("<= {}", figure(bar)),
        }
    }
}

/// One line.
#[derive(Clone, Debug)]
pub struct Row {
    pub bench: String,
    pub ours: f64,
    /// The peer's figure and name; without one the bar is for `ours` itself.
    pub peer: Option<(f64, &'static str)>,
    pub unit: &'static str,
    pub bar: Option<Bar>,
}

impl Row {
    pub fn new(bench: impl Into<String>, ours: f64, unit: &'static str) -> Self {
        Self { bench: bench.into(), ours, peer: None, unit, bar: None }
    }

    #[must_use]
    pub fn beside(mut self, peer: f64, name: &'static str) -> Self {
        self.peer = Some((peer, name));
        self
    }

    #[must_use]
    pub fn bar(mut self, bar: Bar) -> Self {
        self.bar = Some(bar);
        self
    }

    pub fn ratio(&self) -> Option<f64> {
        self.peer.map(|(peer, _)| self.ours / peer)
    }

    pub fn pass(&self) -> Option<bool> {
        self.bar.map(|bar| bar.holds(self.ratio().unwrap_or(self.ours)))
    }
}

fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 10_000.0 => {
            let digits = format!("{value:.0}");
            let (sign, digits) = digits.split_at(digits.len() - digits.trim_start_matches('-').len());
            let groups: Vec<&str> =
                digits.as_bytes().rchunks(3).rev().map(|c| std::str::from_utf8(c).unwrap_or("")).collect();
            format!("{sign}{}", groups.join(" "))
        }
        v if v >= 100.0 || v == v.trunc() => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// Prints rows as they come, for people or for programs, and remembers whether every bar was held.
pub struct Report {
    json: bool,
    pub rows: usize,
    pub missed: Vec<String>,
    group: String,
}

impl Report {
    pub fn new(json: bool) -> Self {
        Self { json, rows: 0, missed: Vec::new(), group: String::new() }
    }

    pub fn add(&mut self, row: Row) {
        self.rows += 1;
        if row.pass() == Some(false) {
            let name = row.peer.map_or(String::new(), |(_, name)| format!(" beside {name}"));
            self.missed.push(format!("{}{name}", row.bench));
        }
        if self.json {
            let line = json!({
                "bench": row.bench,
                "ours": row.ours,
                "peer": row.peer.map(|(peer, _)| peer),
                "peer_name": row.peer.map(|(_, name)| name),
                "unit": row.unit,
                "ratio": row.ratio(),
                "bar": row.bar.map(Bar::text),
                "pass": row.pass(),
            });
            println!("{line}");
            return;
        }
        let group = row.bench.split(':').next().unwrap_or_default().to_owned();
        if group != self.group {
            println!(
                "\n{:<46} {:>12} {:>14}  {:<18} {:>8}  {:<10}",
                group, "ours", "beside", "", "ratio", "bar"
            );
            self.group = group;
        }
        let name = row.bench.split_once(':').map_or(row.bench.as_str(), |(_, rest)| rest.trim());
        let (peer, peer_name) = row.peer.map_or((String::new(), ""), |(peer, name)| (figure(peer), name));
        let ratio = row.ratio().map_or(String::new(), figure);
        let bar = row.bar.map_or(String::new(), Bar::text);
        let verdict = match row.pass() {
            Some(true) => "held",
            Some(false) => "MISSED",
            None => "",
        };
        println!(
            "  {:<34} {:>9} {:>12} {:>14}  {:<18} {:>8}  {:<10} {verdict}",
            name,
            row.unit,
            figure(row.ours),
            peer,
            peer_name,
            ratio,
            bar
        );
    }

    /// A line for people only.
    pub fn note(&self, text: &str) {
        if self.json {
            eprintln!("{text}");
        } else {
            println!("  ({text})");
        }
    }
}
