//! The beginnings of connections: refused, many at once, a full listener, a dead address.

use crate::support::kernel;
use crate::support::stack::{KERNELS, OURS, Stack};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;
use synward::shard::{ConnId, Event};
use synward::tcp::{ConnectError, IoError, Options};

const MANY: usize = 1000;

pub fn a_closed_kernel_port_refuses_at_once() {
    let mut stack = Stack::new(|_| {});
    let error = stack.connect(81, &Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "10.77.0.1:81: connection refused");
    assert_eq!(stack.host.idle_state(), (0, 0));
}

pub fn our_closed_port_refuses_the_kernel_at_once() {
    let mut stack = Stack::new(|_| {});
    let client = thread::spawn(|| TcpStream::connect((OURS, 81)).map(drop).map_err(|error| error.kind()));
    stack.until("the client", |_, _| client.is_finished().then_some(()));
    assert_eq!(client.join().unwrap(), Err(ErrorKind::ConnectionRefused));
}

/// Echoes on all of `open`; those that came to their end are closed.
fn echo(host: &mut synward::driver::Host<synward::device::Tap>, open: &mut Vec<ConnId>) {
    open.retain(|id| {
        let mut text = [0; 64];
        loop {
            match host.read(*id, &mut text) {
                Ok(0) => {
                    host.close(*id);
                    return false;
                }
                Ok(n) => assert_eq!(host.write(*id, &text[..n]), Ok(n)),
                Err(IoError::WouldBlock) => return true,
                Err(error) => panic!("{error}"),
            }
        }
    });
}

pub fn a_thousand_kernel_clients_are_served_at_once() {
    let mut stack = Stack::new(|_| {});
    kernel::many_descriptors();
    let listener = stack.listen(7, &Options::default());
    let clients = thread::spawn(|| {
        let mut streams: Vec<_> = (0..MANY).map(|_| kernel::connect((OURS, 7).into())).collect();
        for (n, stream) in streams.iter_mut().enumerate() {
            stream.write_all(format!("hello {n:4}").as_bytes()).unwrap();
        }
        for (n, stream) in streams.iter_mut().enumerate() {
            let mut text = [0; 10];
            stream.read_exact(&mut text).unwrap();
            assert_eq!(text, format!("hello {n:4}").as_bytes());
        }
    });
    let (mut open, mut accepted, mut most) = (Vec::new(), 0, 0);
    stack.until("all clients served", |host, _| {
        while let Ok((id, _)) = host.accept(listener) {
            open.push(id);
            accepted += 1;
        }
        most = most.max(open.len());
        echo(host, &mut open);
        (clients.is_finished() && open.is_empty()).then_some(())
    });
    clients.join().unwrap();
    assert_eq!((accepted, most), (MANY, MANY));
    stack.until_no_connection();
}

pub fn a_thousand_of_our_clients_are_served_by_the_kernel_at_once() {
    let mut stack = Stack::new(|_| {});
    kernel::many_descriptors();
    let listener = kernel::listen(KERNELS, 7, 2048);
    let server = thread::spawn(move || {
        let mut streams: Vec<_> = (0..MANY).map(|_| kernel::accept(&listener)).collect();
        for stream in &mut streams {
            let mut text = [0; 10];
            stream.read_exact(&mut text).unwrap();
            stream.write_all(&text).unwrap();
        }
    });
    let ids: Vec<_> = (0..MANY).map(|_| stack.start_connect(7, &Options::default()).unwrap()).collect();
    let connected = |event: &Event| match event {
        Event::Connected(_) => Some(()),
        Event::ConnectFailed(_, error) => panic!("{error}"),
        _ => None,
    };
    ids.iter().for_each(|_| stack.event("a connect", connected));
    for (n, id) in ids.iter().enumerate() {
        stack.write_all(*id, format!("hello {n:4}").as_bytes());
    }
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(stack.read_exact(*id, 10), format!("hello {n:4}").as_bytes());
    }
    ids.iter().for_each(|id| stack.host.close(*id));
    stack.until_no_connection();
    server.join().unwrap();
}

pub fn a_full_kernel_listener_ends_our_connects_within_their_bound() {
    // 1 + 2 seconds and the end: the shortest schedule with a retransmission.
    let mut stack = Stack::new(|choice| choice.settings.tcp.syn_retries = 1);
    let listener = kernel::listen(KERNELS, 80, 1);
    let bound = stack.host.connect_bound();
    // Linux' queue takes one more than its backlog, and from then on SYNs go unanswered.
    let inside = [0, 1].map(|_| stack.connect(80, &Options::default()).unwrap());
    let start = stack.clock.now();
    let mut waiting: Vec<_> =
        (0..16).map(|_| stack.start_connect(80, &Options::default()).unwrap()).collect();
    let mut failed = Vec::new();
    stack
        .within(bound + Duration::from_secs(2), |_, events| {
            for event in events.drain(..) {
                match event {
                    Event::Connected(id) => panic!("{id:?} got in"),
                    Event::ConnectFailed(id, error) => {
                        waiting.retain(|other| *other != id);
                        failed.push(error);
                    }
                    _ => {}
                }
            }
            waiting.is_empty().then_some(())
        })
        .unwrap_or_else(|| panic!("not ended within {bound:?}"));
    let took = stack.clock.now().since(start);
    assert_eq!(failed.len(), 16);
    for error in &failed {
        assert!(matches!(error, ConnectError::TimedOut { syns: 2, .. }), "{error} after {took:?}");
    }
    // The kernel's queue is drained: the next one gets in.
    inside.iter().for_each(|id| stack.host.abort(*id));
    let server = thread::spawn(move || {
        listener.set_nonblocking(false).unwrap();
        loop {
            let mut stream = kernel::accept(&listener);
            let mut text = [0; 4];
            if stream.read_exact(&mut text).is_ok() {
                return text;
            }
        }
    });
    let id = stack.until("a connect that gets in", |host, _| {
        host.connect(SocketAddr::from((KERNELS, 80)), &Options::default()).ok()
    });
    stack.connected(id).unwrap();
    stack.write_all(id, b"last");
    stack.until("the server", |_, _| server.is_finished().then_some(()));
    assert_eq!(&server.join().unwrap(), b"last");
}

pub fn a_dead_address_ends_with_the_evidence_and_disturbs_nobody() {
    let mut stack = Stack::new(|_| {});
    let listener = TcpListener::bind((KERNELS, 80)).unwrap();
    let server = thread::spawn(move || {
        let mut stream = kernel::accept(&listener);
        let mut text = [0; 4];
        while stream.read_exact(&mut text).is_ok() {
            stream.write_all(&text).unwrap();
        }
    });
    let live = stack.connect(80, &Options::default()).unwrap();
    stack.host.set_now(stack.clock.now());
    let dead = stack.host.connect(SocketAddr::from(([10, 77, 0, 40], 23)), &Options::default()).unwrap();
    let mut rounds = 0;
    let error = loop {
        stack.write_all(live, b"ping");
        assert_eq!(stack.read_exact(live, 4), b"ping");
        rounds += 1;
        let ended = stack.events.iter().find_map(|event| match event {
            Event::ConnectFailed(id, error) if *id == dead => Some(*error),
            _ => None,
        });
        if let Some(error) = ended {
            break error;
        }
    };
    assert!(rounds > 10, "the live connection went on: {rounds}");
    let ConnectError::NeighborSilent { requests: 3, over, .. } = error else { panic!("{error}") };
    assert!(over >= Duration::from_secs(3));
    let seconds = format!("{:.1}", over.as_secs_f64());
    assert_eq!(error.to_string(), format!("10.77.0.40: no host answered ARP (3 requests in {seconds} s)"));
    stack.host.close(live);
    stack.until_no_connection();
    server.join().unwrap();
}
