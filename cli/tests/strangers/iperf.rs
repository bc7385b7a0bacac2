//! iperf3, which opens several connections and counts what arrives.

use super::program::program;
use super::{Server, Way, load, need, run};
use crate::support::wait_for;

pub fn iperf3_measures_through_guard() {
    measure(Way::Guard);
}

pub fn iperf3_measures_through_forward() {
    measure(Way::Forward);
}

fn measure(way: Way) {
    need(&["iperf3"]);
    let between = way.open(5201);
    // It serves one client at a time, so that a connect to see whether it listens would be one too many.
    let mut server = Server::start(program("iperf3", &["-s", "--forceflush", "-B", between.server_host]));
    wait_for("iperf3 listens", || server.said().contains("Server listening").then_some(()));
    let seconds = load(2, 20);
    for more in [&[][..], &["-R"], &["-P", "4"], &["--bidir"]] {
        let arguments = [&["-c", between.client_host, "-t", &seconds, "-J"][..], more].concat();
        let told = run("iperf3", &arguments, 60);
        let report: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert!(report["error"].is_null(), "{more:?}: {told}");
        let sums = ["sum_sent", "sum_received", "sum_sent_bidir_reverse", "sum_received_bidir_reverse"];
        let bytes = sums.map(|sum| report["end"][sum]["bytes"].as_f64());
        println!("iperf3 {more:?}: {bytes:?} bytes");
        let wanted = if more == ["--bidir"] { 4 } else { 2 };
        assert!(
            bytes[..wanted].iter().all(|bytes| bytes.is_some_and(|bytes| bytes > 0.0)),
            "{more:?}: {told}"
        );
    }
}
