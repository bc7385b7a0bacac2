//! The whole stack against the real kernel over TAP, in both directions, each test in a network namespace of its own.

#![allow(unreachable_pub, reason = "modules of a test target")]
#![allow(clippy::unwrap_used, reason = "tests")]

#[cfg(target_os = "linux")]
#[path = "netns_kernel/closing.rs"]
mod closing;
#[cfg(target_os = "linux")]
#[path = "netns_kernel/connecting.rs"]
mod connecting;
#[cfg(target_os = "linux")]
#[path = "netns_kernel/flood.rs"]
mod flood;
#[cfg(target_os = "linux")]
#[path = "netns_kernel/ping.rs"]
mod ping;
#[cfg(target_os = "linux")]
#[path = "netns_kernel/silence.rs"]
mod silence;
#[cfg(target_os = "linux")]
#[path = "netns_kernel/transfer.rs"]
mod transfer;

#[cfg(target_os = "linux")]
mod support;

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: netns_kernel: TAP devices are Linux's");
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use {closing::*, connecting::*, flood::*, ping::*, silence::*, transfer::*};
    support::main(&support::tests![
        a_kernel_client_and_our_server_exchange_64_mib_each_way_with_offload => 120,
        a_kernel_client_and_our_server_exchange_64_mib_each_way_without_offload => 120,
        our_client_and_a_kernel_server_exchange_64_mib_each_way_with_offload => 120,
        our_client_and_a_kernel_server_exchange_64_mib_each_way_without_offload => 120,
        bytes_arrive_whatever_options_the_kernel_agrees_to => 120,
        bytes_arrive_over_jumbo_frames_and_over_small_ones => 120,
        the_kernel_closes_its_direction_first_and_still_hears_us,
        we_close_our_direction_first_and_still_hear_the_kernel,
        a_reset_by_the_kernel_is_told_and_leaves_nothing,
        our_reset_is_told_at_the_kernel,
        closing_with_unread_bytes_resets,
        a_closed_kernel_port_refuses_at_once,
        our_closed_port_refuses_the_kernel_at_once,
        a_thousand_kernel_clients_are_served_at_once => 120,
        a_thousand_of_our_clients_are_served_by_the_kernel_at_once => 120,
        a_full_kernel_listener_ends_our_connects_within_their_bound => 120,
        a_dead_address_ends_with_the_evidence_and_disturbs_nobody,
        keepalive_holds_a_live_kernel_and_gives_up_a_dead_one,
        the_keepalive_of_the_kernel_is_answered,
        a_kernel_that_stops_reading_closes_the_window_until_it_reads_again,
        we_close_our_window_until_we_read_again,
        a_window_that_stays_closed_ends_by_the_user_timeout,
        a_kernel_that_dies_in_mid_transfer_ends_by_the_user_timeout,
        a_kernel_that_is_away_for_a_moment_loses_nothing,
        pings_go_both_ways,
        kernel_clients_get_through_a_flood_of_100_000_syns => 180,
        kernel_clients_get_through_a_flood_when_every_syn_gets_a_cookie => 180,
    ])
}
