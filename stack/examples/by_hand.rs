//! Two stacks driven by hand: no runtime, no thread, and no clock but the one that the caller keeps.

use std::time::Duration;
use synward::Stack;
use synward::base::Instant;
use synward::device::memory::{LinkOptions, link};
use synward::shard::Event;
use synward::tcp::Options;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (left, right) = link(LinkOptions::default());
    let mut now = Instant::ZERO;
    let mut server = Stack::builder(left).address("10.0.0.1/24").by_hand(now)?;
    let mut client = Stack::builder(right).address("10.0.0.2/24").by_hand(now)?;

    let listener = server.listen("10.0.0.1:7".parse()?, 16, &Options::default())?;
    let ours = client.connect("10.0.0.1:7".parse()?, &Options::default())?;
    let (mut served, mut answer) = (None, Vec::new());
    // A second of this clock is more than enough for it; a real program sleeps until the deadline that `poll` gives.
    for _ in 0..1000 {
        let _ = server.poll(now)?;
        let _ = client.poll(now)?;
        while let Some(event) = server.poll_event() {
            match event {
                Event::Incoming(_) => served = Some(server.accept(listener)?.0),
                Event::Readable(id) => {
                    let mut buffer = [0; 1500];
                    while let Ok(n @ 1..) = server.read(id, &mut buffer) {
                        server.write(id, &buffer[..n])?;
                    }
                }
                _ => {}
            }
        }
        while let Some(event) = client.poll_event() {
            match event {
                Event::Connected(id) => drop(client.write(id, b"hello")?),
                Event::Readable(id) => {
                    let mut buffer = [0; 1500];
                    while let Ok(n @ 1..) = client.read(id, &mut buffer) {
                        answer.extend_from_slice(&buffer[..n]);
                    }
                }
                _ => {}
            }
        }
        if answer == b"hello" {
            println!("answered {:?} after {:?}", String::from_utf8_lossy(&answer), now);
            client.close(ours);
            served.into_iter().for_each(|id| server.close(id));
            return Ok(());
        }
        now += Duration::from_millis(1);
    }
    Err("no answer within a second".into())
}
