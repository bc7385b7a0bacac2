//! `synward guard` before real servers, with the kernel's sockets and curl as clients, in network namespaces of their own.

#![allow(unreachable_pub, reason = "modules of a test target")]
#![allow(clippy::unwrap_used, reason = "tests")]

#[cfg(target_os = "linux")]
#[path = "guard/cases.rs"]
mod cases;
#[cfg(target_os = "linux")]
mod lab;
#[cfg(target_os = "linux")]
#[path = "../../stack/tests/support/mod.rs"]
mod support;

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: guard: TAP devices are Linux's");
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use cases::*;
    support::main(&support::tests![
        curl_fetches_files_from_a_real_http_server,
        an_interactive_session_goes_on_and_half_close_passes_through,
        a_backend_that_refuses_reaches_the_client_as_a_reset,
        a_backend_that_is_silent_reaches_the_client_as_a_reset_within_its_bound,
        a_backend_that_vanishes_reaches_a_quiet_client_as_a_reset_within_its_bound,
        a_backend_that_vanishes_under_data_reaches_the_client_as_a_reset_within_its_bound,
        a_backend_that_resets_reaches_the_client_as_a_reset,
        sigterm_lets_a_connection_finish,
        a_reader_of_events_that_stops_reading_holds_up_nobody,
        a_second_signal_ends_at_once,
        what_the_drain_cuts_off_is_counted,
        a_device_name_that_is_too_long_is_an_error,
        arguments_that_can_never_work_are_refused_before_anything_is_made,
    ])
}
