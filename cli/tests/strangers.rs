//! Programs that nobody here wrote, in both directions: their client and our server by `guard`, our client by `forward` and
//! their server; scanners and probes. Each test has a network namespace of its own. Without a program its test is skipped in a
//! counted line that names it; `.ci/packages` installs them all. With `SYNWARD_LONG=1` the loads are longer.

#![allow(unreachable_pub, reason = "modules of a test target")]
#![allow(clippy::unwrap_used, reason = "tests")]

#[cfg(target_os = "linux")]
mod lab;
#[cfg(target_os = "linux")]
#[path = "strangers/mod.rs"]
mod strangers;
#[cfg(target_os = "linux")]
#[path = "../../stack/tests/support/mod.rs"]
mod support;

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: strangers: TAP devices are Linux's");
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use strangers::{iperf::*, netcat::*, nmap::*, probes::*, redis::*, sipp::*, ssh::*, web::*};
    let mut tests = support::tests![
        curl_fetches_20_mb_from_nginx_through_guard,
        curl_fetches_20_mb_from_nginx_through_forward,
        wrk_and_ab_load_nginx_through_guard => 180,
        wrk_and_ab_load_nginx_through_forward => 180,
        iperf3_measures_through_guard => 180,
        iperf3_measures_through_forward => 180,
        ssh_rekeys_and_copies_10_mib_through_guard => 120,
        ssh_rekeys_and_copies_10_mib_through_forward => 120,
        nc_and_socat_close_by_halves_through_guard,
        nc_and_socat_close_by_halves_through_forward,
        telnet_talks_through_guard,
        telnet_talks_through_forward,
        redis_benchmark_loads_redis_through_guard => 180,
        redis_benchmark_loads_redis_through_forward => 180,
        sipp_makes_200_calls_through_guard => 120,
        sipp_makes_200_calls_through_forward => 120,
        pings_of_4000_bytes_and_more_are_answered,
        our_ping_of_4000_bytes_is_answered_by_the_kernel,
        traceroute_arrives,
        hping3_hears_what_good_packets_deserve_and_nothing_for_bad_ones,
        nmap_sees_the_classes_that_it_sees_of_the_kernel => 240,
        nmap_sees_the_protocols_that_it_sees_of_the_kernel => 240,
        nmap_looks_for_the_operating_system_and_does_no_harm => 120,
    ];
    if strangers::long() {
        tests.iter_mut().for_each(|test| test.seconds *= 5);
    }
    support::main(&tests)
}
