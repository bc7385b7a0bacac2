//! nc, socat and telnet: connections whose directions end at different times, and one that is used by hand.

use super::program::program;
use super::{Scratch, Server, Way, need, output, run};
use crate::lab::client_of;
use crate::support::wait_for;
use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

pub fn nc_and_socat_close_by_halves_through_guard() {
    by_halves(Way::Guard);
}

pub fn nc_and_socat_close_by_halves_through_forward() {
    by_halves(Way::Forward);
}

pub fn telnet_talks_through_guard() {
    telnet(Way::Guard);
}

pub fn telnet_talks_through_forward() {
    telnet(Way::Forward);
}

/// A server by socat that runs `what` for each connection.
fn socat(address: &str, what: &str) -> Server {
    let (host, port) = address.split_once(':').unwrap();
    let listen = format!("TCP-LISTEN:{port},bind={host},reuseaddr,fork");
    Server::listening(program("socat", &["-t", "30", &listen, what]), address)
}

fn by_halves(way: Way) {
    need(&["nc", "socat", "sha256sum"]);
    let scratch = Scratch::new();
    let (blob, bytes) = scratch.blob("blob", 3_000_000);
    let sum = run("sha256sum", &[blob.to_str().unwrap()], 10);
    let sum = sum.split_whitespace().next().unwrap().to_owned();
    let between = way.open(7000);
    // The sum can be said only after the end of the question has come, and then our client has to be there still.
    let server = socat(&between.server, "EXEC:sha256sum");
    let (host, port) = (between.client_host, "7000");
    for mut client in [
        program("nc", &["-N", "-w", "20", host, port]),
        program("socat", &["-t", "20", "-", &format!("TCP:{}", between.client)]),
    ] {
        client.stdin(fs::File::open(&blob).unwrap());
        let told = output(client, 30);
        assert!(told.status.success() && told.text.starts_with(&sum), "{}", told.text);
    }
    drop(server);
    // A server that says all that it has and closes its direction, and hears its client nevertheless.
    let mut command = program("nc", &["-l", "-N", between.server_host, port]);
    let heard = scratch.path("heard");
    command.stdin(fs::File::open(&blob).unwrap());
    let mut shell = program("sh", &["-c", &format!("exec \"$@\" >{}", heard.display()), "sh"]);
    shell.arg(command.get_program()).args(command.get_args()).stdin(fs::File::open(&blob).unwrap());
    let _server = Server::start(shell);
    // From nobody yet, and in the state LISTEN: ended connections of before stand there, too.
    let listening = format!(":{:04X} 00000000:0000 0A", 7000);
    wait_for("nc listens", || {
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        // The forward listens there, too, on another address: in hexadecimal, in this machine's order.
        let octets: Vec<u8> = between.server_host.split('.').map(|octet| octet.parse().unwrap()).collect();
        let address = u32::from_ne_bytes(octets.try_into().unwrap());
        table.contains(&format!("{address:08X}{listening}")).then_some(())
    });
    let mut client = client_of(&between.client).unwrap();
    let mut said = Vec::new();
    client.read_to_end(&mut said).unwrap();
    assert!(said == bytes, "the bytes differ");
    client.write_all(b"heard after the end").unwrap();
    drop(client);
    wait_for("nc has heard it", || (fs::read(&heard).unwrap() == b"heard after the end").then_some(()));
}

fn telnet(way: Way) {
    need(&["telnet", "socat"]);
    let between = way.open(2323);
    let _server = socat(&between.server, "EXEC:cat");
    let mut command = program("telnet", &[between.client_host, "2323"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut telnet = command.spawn().unwrap();
    let (mut keyboard, mut screen) = (telnet.stdin.take().unwrap(), telnet.stdout.take().unwrap());
    let reading = thread::spawn(move || {
        let (mut text, mut piece) = (String::new(), [0; 256]);
        while !text.contains("line 9") {
            match screen.read(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(n) => text.push_str(&String::from_utf8_lossy(&piece[..n])),
            }
        }
        text
    });
    for i in 0..10 {
        thread::sleep(Duration::from_millis(50));
        writeln!(keyboard, "line {i}").unwrap();
    }
    let text = reading.join().unwrap();
    drop(keyboard);
    let _ = telnet.kill();
    let _ = telnet.wait();
    assert!(text.contains(&format!("Connected to {}", between.client_host)), "{text}");
    for i in 0..10 {
        assert!(text.contains(&format!("line {i}")), "{text}");
    }
}
