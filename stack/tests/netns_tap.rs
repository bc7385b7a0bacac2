//! The TAP device against the real kernel, in a network namespace made for each test. Only the device is tested: the other
//! host is played by hand, frame by frame.

#![allow(unreachable_pub, reason = "modules of a test target")]
#![allow(clippy::unwrap_used, reason = "tests")]

#[cfg(target_os = "linux")]
#[path = "netns_tap/cases.rs"]
mod cases;
#[cfg(target_os = "linux")]
#[path = "netns_tap/frames.rs"]
mod frames;
#[cfg(target_os = "linux")]
mod support;

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: netns_tap: TAP devices are Linux's");
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use cases::*;
    support::main(&support::tests![
        the_kernel_resolves_us_by_arp_and_its_udp_arrives_with_a_partial_checksum,
        a_ping_goes_both_ways,
        a_udp_frame_with_a_partial_checksum_reaches_a_kernel_socket,
        super_segments_carry_a_tcp_stream_both_ways_unharmed,
        without_offload_frames_are_plain_and_whole,
        jumbo_frames_pass_where_the_mtu_allows_and_others_are_refused,
        a_name_in_use_or_of_another_kind_of_interface_is_refused_with_the_reason,
        without_the_capability_the_error_names_it,
        frames_to_an_interface_that_is_down_are_counted_and_the_device_stays_usable,
        a_deleted_interface_is_told_in_both_directions,
        a_persistent_interface_stays_and_forgets_the_offloads_of_its_last_user,
    ])
}
