//! `synward forward` between the kernel's own sockets, in network namespaces of their own.

#![allow(unreachable_pub, reason = "modules of a test target")]
#![allow(clippy::unwrap_used, reason = "tests")]

#[cfg(target_os = "linux")]
#[path = "forward/cases.rs"]
mod cases;
#[cfg(target_os = "linux")]
mod lab;
#[cfg(target_os = "linux")]
#[path = "../../stack/tests/support/mod.rs"]
mod support;

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: forward: TAP devices are Linux's");
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use cases::*;
    support::main(&support::tests![
        bytes_pass_both_ways_and_so_does_half_close,
        destinations_are_reached_in_the_order_in_which_clients_came,
        each_way_leads_to_its_own_destination,
        a_destination_that_refuses_reaches_the_client_as_a_reset_with_a_line_that_says_so,
        a_destination_where_no_host_lives_reaches_the_client_as_a_reset_with_the_evidence,
        a_destination_that_is_silent_reaches_the_client_as_a_reset_within_the_time_limit,
        a_destination_that_vanishes_reaches_a_quiet_client_as_a_reset_within_its_bound,
        a_destination_that_vanishes_under_data_reaches_the_client_as_a_reset_within_its_bound,
        a_reset_by_the_destination_reaches_the_client,
        sigterm_lets_a_connection_finish,
        a_second_signal_ends_at_once,
        a_port_that_is_taken_is_an_error,
        arguments_that_can_never_work_are_refused_before_anything_is_made,
    ])
}
