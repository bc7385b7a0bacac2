//! The peer built for this machine's instructions: a second process of the same program, asked by lines, so that its figures
//! are from the same run and alternate with ours.

use crate::smoltcp_peer;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What a peer can be asked for.
#[derive(Clone, Copy, Debug)]
pub enum Question {
    /// Gbit/s of one stream: MTU, bytes.
    Bulk(usize, usize),
    /// Round trips a second, p50, p99: bytes, rounds, idle connections beside.
    PingPong(usize, usize, usize),
    /// Connections a second: count.
    ConnectClose(usize),
}

impl Question {
    /// smoltcp's answer, in this process.
    pub fn answer(self) -> Vec<f64> {
        match self {
            Self::Bulk(mtu, total) => smoltcp_peer::bulk(mtu, total, 1),
            Self::PingPong(size, rounds, idle) => {
                let (rate, p50, p99) = smoltcp_peer::ping_pong(size, rounds, idle);
                vec![rate, f64::from(p50), f64::from(p99)]
            }
            Self::ConnectClose(count) => vec![smoltcp_peer::connect_close(count)],
        }
    }

    fn line(self) -> String {
        match self {
            Self::Bulk(mtu, total) => format!("bulk {mtu} {total} 0"),
            Self::PingPong(size, rounds, idle) => format!("ping {size} {rounds} {idle}"),
            Self::ConnectClose(count) => format!("connect {count} 0 0"),
        }
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        let mut number = || words.next()?.parse().ok();
        let (a, b, c) = (number()?, number()?, number()?);
        match name {
            "bulk" => Some(Self::Bulk(a, b)),
            "ping" => Some(Self::PingPong(a, b, c)),
            "connect" => Some(Self::ConnectClose(a)),
            _ => None,
        }
    }
}

/// Answers questions on standard input until it ends.
pub fn serve() {
    for line in std::io::stdin().lines() {
        let Ok(line) = line else { return };
        let Some(question) = Question::read(&line) else { return };
        let answer: Vec<String> = question.answer().iter().map(f64::to_string).collect();
        println!("{}", answer.join(" "));
    }
}

/// The second process.
pub struct Native {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Native {
    pub fn start(program: &Path) -> Option<Self> {
        let spawned =
            Command::new(program).arg("--serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.ok()?;
        let (to, from) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        Some(Self { child, to, from })
    }

    pub fn ask(&mut self, question: Question) -> Option<Vec<f64>> {
        writeln!(self.to, "{}", question.line()).ok()?;
        let mut line = String::new();
        self.from.read_line(&mut line).ok()?;
        let answer: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        (!answer.is_empty()).then_some(answer)
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
