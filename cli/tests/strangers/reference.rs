//! Another kernel to compare with: a namespace of its own at the other end of a pair of interfaces.

use super::program::program;
use super::{Server, output, run};
use crate::support::{skip, wait_for};
use std::fs;

pub const REFERENCE: &str = "10.78.0.2";

/// The namespace, with the same ports open as our stack has.
pub struct Reference {
    _servers: Vec<Server>,
    /// It keeps the namespace there, and goes last.
    _holder: Server,
}

impl Reference {
    pub fn new(ports: &[u16]) -> Self {
        let holder = Server::start(program("unshare", &["--net", "sleep", "600"]));
        let process = holder.id().to_string();
        let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/net")).ok();
        wait_for("the other namespace", || (namespace(&process)? != namespace("self")?).then_some(()));
        run("ip", &["link", "add", "ref0", "type", "veth", "peer", "name", "ref1", "netns", &process], 10);
        run("ip", &["address", "add", "10.78.0.1/24", "dev", "ref0"], 10);
        run("ip", &["link", "set", "ref0", "up"], 10);
        for command in ["ip link set lo up", "ip address add 10.78.0.2/24 dev ref1", "ip link set ref1 up"] {
            run("nsenter", &["-t", &process, "-n", "sh", "-c", command], 10);
        }
        // It tells of each closed port, as we do, and not of one in a second.
        let unlimited = "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit";
        let told = output(program("nsenter", &["-t", &process, "-n", "sh", "-c", unlimited]), 10);
        if !told.status.success() {
            skip(&format!("the other kernel's ICMP stays limited: {}", told.text.trim()));
        }
        let serve = |port: &u16| {
            let listen = format!("TCP-LISTEN:{port},reuseaddr,fork");
            let command = program("nsenter", &["-t", &process, "-n", "socat", &listen, "EXEC:cat"]);
            Server::listening(command, &format!("{REFERENCE}:{port}"))
        };
        Self { _servers: ports.iter().map(serve).collect(), _holder: holder }
    }
}
