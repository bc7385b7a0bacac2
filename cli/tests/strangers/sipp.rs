//! sipp: calls by SIP over TCP.

use super::program::program;
use super::{Scratch, Server, Way, load, need, output};

pub fn sipp_makes_200_calls_through_guard() {
    calls(Way::Guard);
}

pub fn sipp_makes_200_calls_through_forward() {
    calls(Way::Forward);
}

fn calls(way: Way) {
    need(&["sipp"]);
    let scratch = Scratch::new();
    let between = way.open(5060);
    // All calls over one connection.
    let transport = ["-t", "t1", "-nostdin"];
    let mut server = program("sipp", &["-sn", "uas", "-i", between.server_host, "-p", "5060"]);
    server.args(transport).current_dir(scratch.folder());
    let _server = Server::listening(server, &between.server);
    let calls = load(200, 10_000);
    let mut client = program(
        "sipp",
        &["-sn", "uac", &between.client, "-i", between.client_source, "-m", &calls, "-r", "100"],
    );
    client.args(transport).args(["-d", "10", "-timeout", "300s"]).current_dir(scratch.folder());
    let told = output(client, 320);
    // 0: all calls succeeded (sipp's manual).
    assert_eq!(told.status.code(), Some(0), "{}", told.text);
}
