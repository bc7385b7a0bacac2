//! Benchmarks beside peers.

mod clock;
mod floor;

fn main() {
    for payload in [1460, 8960, 65495] {
        println!("floor bulk {payload}: {:.1} Gbit/s", floor::bulk(payload));
    }
    for n in [1, 1000, 100_000, 1_000_000] {
        println!("floor ping-pong of {n}: {:.1} ns", floor::ping_pong_random(n));
    }
    println!("floor connect+close: {:.1} ns", floor::connect_close());
    println!("floor syn cookie: {:.1} ns", floor::syn_cookie());
}
