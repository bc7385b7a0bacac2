//! Bytes in bulk, both directions at once, each byte checked.

use crate::support::stack::{KERNELS, OURS, Stack};
use crate::support::stream::{self, Transfer};
use crate::support::{kernel, netns};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use synward::tcp::Options;

const BULK: usize = 64 << 20;
const LIMIT: Duration = Duration::from_secs(100);

/// The kernel's end: writes and reads at the same time, `total` bytes each way.
fn exchange(stream: TcpStream, total: usize) {
    let writer = stream.try_clone().unwrap();
    let sending = thread::spawn(move || {
        stream::send(&writer, total);
        writer.shutdown(Shutdown::Write).unwrap();
    });
    stream::receive(&stream, total);
    sending.join().unwrap();
}

fn finish(mut stack: Stack, mut transfer: Transfer, kernel: JoinHandle<()>) {
    if stack.within(LIMIT, |host, _| transfer.step(host)).is_none() {
        let (sent, received) = (transfer.sent, transfer.received);
        let info = stack.host.info(transfer.id);
        panic!("sent {sent}, received {received}: {info:#?}\n{:#?}", stack.host.snapshot());
    }
    stack.host.close(transfer.id);
    stack.until("the kernel's end", |_, _| kernel.is_finished().then_some(()));
    kernel.join().unwrap();
    stack.until_no_connection();
}

fn from_kernel(mut stack: Stack, total: usize) {
    let listener = stack.listen(80, &Options::default());
    let kernel = thread::spawn(move || exchange(kernel::connect((OURS, 80).into()), total));
    let id = stack.accept(listener);
    finish(stack, Transfer::new(id, total, total), kernel);
}

fn to_kernel(mut stack: Stack, total: usize) {
    let listener = TcpListener::bind((KERNELS, 80)).unwrap();
    let kernel = thread::spawn(move || exchange(kernel::accept(&listener), total));
    let id = stack.connect(80, &Options::default()).unwrap();
    finish(stack, Transfer::new(id, total, total), kernel);
}

pub fn a_kernel_client_and_our_server_exchange_64_mib_each_way_with_offload() {
    from_kernel(Stack::new(|_| {}), BULK);
}

pub fn a_kernel_client_and_our_server_exchange_64_mib_each_way_without_offload() {
    from_kernel(Stack::new(|choice| choice.tap.offload = false), BULK);
}

pub fn our_client_and_a_kernel_server_exchange_64_mib_each_way_with_offload() {
    to_kernel(Stack::new(|_| {}), BULK);
}

pub fn our_client_and_a_kernel_server_exchange_64_mib_each_way_without_offload() {
    to_kernel(Stack::new(|choice| choice.tap.offload = false), BULK);
}

pub fn bytes_arrive_whatever_options_the_kernel_agrees_to() {
    // Each stack takes the interface anew: the names may be used again once it is closed.
    for (option, value) in [("tcp_timestamps", "0"), ("tcp_sack", "0"), ("tcp_window_scaling", "0")] {
        netns::sysctl(&format!("ipv4/{option}"), value)
            .unwrap_or_else(|error| crate::support::skip(&format!("{option} cannot be set: {error}")));
        from_kernel(Stack::new(|_| {}), 4 << 20);
        to_kernel(Stack::new(|_| {}), 4 << 20);
    }
}

pub fn bytes_arrive_over_jumbo_frames_and_over_small_ones() {
    for mtu in [9000, 576, 65_521] {
        for offload in [true, false] {
            let stack = || {
                Stack::new(|choice| {
                    choice.tap.mtu = Some(mtu);
                    choice.tap.offload = offload;
                })
            };
            from_kernel(stack(), 4 << 20);
            to_kernel(stack(), 4 << 20);
        }
    }
}
