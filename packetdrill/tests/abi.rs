//! Loads the shared object as packetdrill does and plays a script through its functions: handshake, data, a blocking accept on a
//! second thread, `TCP_INFO` through the preloaded `getsockopt`.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "every call here is one of C's, with the arguments C would give"
)]

use core::ffi::{CStr, c_char, c_int, c_long, c_longlong, c_uint, c_void};
use core::mem::{transmute, zeroed};
use core::ptr::null_mut;
use std::ffi::CString;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use synward::wire::{IpProtocol, Ipv4Header, Ipv4View, SeqNum, TcpFlags, TcpHeader, TcpOptions, checksum};
use synward_packetdrill as _;

const LOCAL: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 1);
const REMOTE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The structure as 33 pointers: what C sees of it.
struct Plugin {
    table: [*mut c_void; 33],
    library: *mut c_void,
}

unsafe impl Send for Plugin {}
unsafe impl Sync for Plugin {}

macro_rules! call {
    ($plugin:expr, $at:expr, ($($kind:ty),*) -> $result:ty, $($value:expr),*) => {{
        let call: unsafe extern "C" fn(*mut c_void $(, $kind)*) -> $result =
            unsafe { transmute($plugin.table[$at]) };
        unsafe { call($plugin.table[0] $(, $value)*) }
    }};
}

fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap()
}

impl Plugin {
    fn load(flags: &str) -> Self {
        let own = std::env::current_exe().unwrap();
        let path = own.parent().unwrap().join("libsynward_packetdrill.so");
        let path = CString::new(path.to_str().unwrap()).unwrap();
        let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!library.is_null(), "{:?}", unsafe { CStr::from_ptr(libc::dlerror()) });
        let mut plugin = Self { table: [null_mut(); 33], library };
        let init = plugin.symbol(c"packetdrill_interface_init");
        let init: unsafe extern "C" fn(*const c_char, *mut c_void) = unsafe { transmute(init) };
        let flags = CString::new(flags).unwrap();
        unsafe { init(flags.as_ptr(), plugin.table.as_mut_ptr().cast()) };
        assert!(plugin.table.iter().all(|member| !member.is_null()), "every member is filled in");
        plugin
    }

    fn symbol(&self, name: &CStr) -> *mut c_void {
        let symbol = unsafe { libc::dlsym(self.library, name.as_ptr()) };
        assert!(!symbol.is_null(), "{name:?}");
        symbol
    }

    fn free(self) {
        call!(self, 1, () -> (),);
    }

    fn listener(&self) -> c_int {
        let fd = call!(self, 2, (c_int, c_int, c_int) -> c_int, libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_TCP);
        assert!(fd >= 0);
        let mut address: libc::sockaddr_in = unsafe { zeroed() };
        address.sin_family = libc::AF_INET as u16;
        address.sin_port = 8080_u16.to_be();
        address.sin_addr.s_addr = u32::from_ne_bytes(LOCAL.octets());
        let bound = call!(self, 3, (c_int, *const c_void, u32) -> c_int, fd, (&raw const address).cast(), 16);
        assert_eq!(bound, 0);
        assert_eq!(call!(self, 4, (c_int, c_int) -> c_int, fd, 1), 0);
        fd
    }

    fn accept(&self, fd: c_int) -> (c_int, Ipv4Addr) {
        let mut address: libc::sockaddr_in = unsafe { zeroed() };
        let mut len = 16_u32;
        let accepted = call!(
            self, 5, (c_int, *mut c_void, *mut u32) -> c_int,
            fd, (&raw mut address).cast(), &raw mut len
        );
        (accepted, Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes()))
    }

    fn send(&self, flags: TcpFlags, seq: u32, ack: u32, payload: usize) {
        let header = TcpHeader {
            src_port: 5000,
            dst_port: 8080,
            seq: SeqNum(seq),
            ack: SeqNum(ack),
            flags,
            window: 20_000,
            urgent: 0,
            options: TcpOptions { mss: flags.syn().then_some(1000), ..TcpOptions::default() },
        };
        let len = header.header_len() + payload;
        let mut packet = vec![0; 20 + len];
        Ipv4Header::atomic(REMOTE, LOCAL, IpProtocol::TCP, 64, len as u16).write(&mut packet);
        let segment = &mut packet[20..];
        header.write(segment);
        let pseudo = checksum::pseudo_header(REMOTE.into(), LOCAL.into(), IpProtocol::TCP.0, len as u32);
        let sum = checksum::finish(checksum::combine(pseudo, checksum::sum(segment)));
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        let sent = call!(self, 24, (*const c_void, usize) -> c_int, packet.as_ptr().cast(), packet.len());
        assert_eq!(sent, 0);
    }

    /// Time in microseconds, flags, sequence and acknowledgment number, bytes of payload.
    fn receive(&self) -> Option<(c_longlong, TcpFlags, u32, u32, usize)> {
        let (mut buffer, mut n, mut micros) = (vec![0_u8; 65_536], 65_536_usize, 0);
        let received = call!(
            self, 25, (*mut c_void, *mut usize, *mut c_longlong) -> c_int,
            buffer.as_mut_ptr().cast(), &raw mut n, &raw mut micros
        );
        assert_eq!(received, 0);
        if n == 0 {
            return None;
        }
        let packet = &buffer[..n];
        assert_eq!(Ipv4View::parse(packet).unwrap().header().src, LOCAL);
        let word = |at: usize| u32::from_be_bytes(packet[20 + at..24 + at].try_into().unwrap());
        let header = usize::from(packet[32] >> 4) * 4;
        Some((micros, TcpFlags(packet[33]), word(4), word(8), n - 20 - header))
    }

    fn usleep(&self, micros: c_uint) {
        assert_eq!(call!(self, 26, (c_uint) -> c_int, micros), 0);
    }

    fn now(&self) -> c_longlong {
        let mut time: libc::timeval = unsafe { zeroed() };
        assert_eq!(call!(self, 27, (*mut libc::timeval, *mut c_void) -> c_int, &raw mut time, null_mut()), 0);
        time.tv_sec * 1_000_000 + time.tv_usec
    }

    /// From LISTEN to the SYN-ACK; gives our sequence number.
    fn open(&self) -> u32 {
        self.send(TcpFlags::SYN, 0, 0, 0);
        let (_, flags, iss, ack, _) = self.receive().unwrap();
        assert!(flags.syn() && flags.ack());
        assert_eq!(ack, 1);
        iss
    }
}

#[test]
fn a_script_with_data_options_and_information_runs_in_virtual_time() {
    let plugin = Plugin::load("local_ip=192.168.0.1,netmask_ip=255.255.0.0,sysctl=off");
    let listener = plugin.listener();
    // The thread that loaded it has nobody to drive time: the call waits by itself, and not for ever.
    let before = plugin.now();
    assert_eq!((plugin.accept(listener).0, errno()), (-1, libc::EAGAIN));
    assert!(plugin.now() - before >= 5_000_000);
    let iss = plugin.open();
    plugin.send(TcpFlags::ACK, 1, iss + 1, 0);
    let (fd, peer) = plugin.accept(listener);
    assert_eq!(peer, REMOTE);
    plugin.send(TcpFlags::ACK, 1, iss + 1, 1000);
    assert_eq!(plugin.receive().unwrap().3, 1001);
    let mut out = [1_u8; 2000];
    let read =
        |n: usize, out: *mut u8| call!(plugin, 7, (c_int, *mut c_void, usize) -> isize, fd, out.cast(), n);
    assert_eq!((read(2000, null_mut()), errno()), (-1, libc::EFAULT));
    assert_eq!(read(2000, out.as_mut_ptr()), 1000);
    assert_eq!(out[..1000], [0; 1000]);
    // Time: a retransmission is stamped with its own instant, however far a sleep goes.
    let start = plugin.now();
    assert_eq!(call!(plugin, 12, (c_int, *const c_void, usize) -> isize, fd, out.as_ptr().cast(), 10), 10);
    let (first, ..) = plugin.receive().unwrap();
    assert!((0..100).contains(&(first - start)));
    plugin.usleep(2_000_000);
    let (again, _, seq, _, len) = plugin.receive().unwrap();
    assert_eq!((seq, len), (iss + 1, 10));
    assert!((150_000..1_200_000).contains(&(again - first)), "{}", again - first);
    // TCP_INFO by the plain function, as for checks that are no calls of the interface.
    let plain = plugin.symbol(c"getsockopt");
    let plain: unsafe extern "C" fn(c_int, c_int, c_int, *mut c_void, *mut u32) -> c_int =
        unsafe { transmute(plain) };
    let (mut info, mut len) = ([0_u8; 280], 280_u32);
    let told =
        unsafe { plain(fd, libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &raw mut len) };
    assert_eq!((told, len, info[0], info[1]), (0, 280, 1, 4), "established, after a time-out");
    let (mut kind, mut len) = (0_i32, 4_u32);
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let foreign = std::os::fd::AsRawFd::as_raw_fd(&foreign);
    let passed =
        unsafe { plain(foreign, libc::SOL_SOCKET, libc::SO_TYPE, (&raw mut kind).cast(), &raw mut len) };
    assert_eq!((passed, kind), (0, libc::SOCK_STREAM), "the system's own descriptors are the system's");
    // A slot without an argument holds anything.
    assert_eq!(call!(plugin, 17, (c_int, c_int, c_long) -> c_int, fd, libc::F_GETFL, -1), libc::O_RDWR);
    assert_eq!(call!(plugin, 19, (c_int) -> c_int, fd), 0);
    assert_eq!((call!(plugin, 20, (c_int, c_int) -> c_int, fd, libc::SHUT_WR), errno()), (-1, libc::EBADF));
    plugin.free();
}

#[test]
fn a_call_on_the_second_thread_sleeps_and_ends_at_the_time_of_its_cause() {
    let plugin = Arc::new(Plugin::load("sysctl=off"));
    let listener = plugin.listener();
    let iss = plugin.open();
    let there = plugin.clone();
    let second = thread::spawn(move || {
        let (fd, _) = there.accept(listener);
        let accepted_at = there.now();
        let mut out = [0_u8; 500];
        let n =
            call!(there, 9, (c_int, *mut c_void, usize, c_int) -> isize, fd, out.as_mut_ptr().cast(), 500, 0);
        (fd, accepted_at, n, there.now())
    });
    // As the tool: the thread must be asleep before time goes on. Nothing depends on how long this takes.
    let sleep = || (0..20).for_each(|_| thread::sleep(Duration::from_millis(5)));
    sleep();
    plugin.usleep(100_000);
    let connected_at = plugin.now();
    plugin.send(TcpFlags::ACK, 1, iss + 1, 0);
    sleep();
    plugin.usleep(300_000);
    let sent_at = plugin.now();
    plugin.send(TcpFlags::ACK, 1, iss + 1, 500);
    // Where the data does not come, nothing else would end the call, and nobody may wait for its thread.
    for _ in 0..100 {
        if second.is_finished() {
            break;
        }
        sleep();
    }
    assert!(second.is_finished(), "the call sleeps although its data was sent");
    let (fd, accepted_at, n, read_at) = second.join().unwrap();
    assert!(fd >= 0);
    assert_eq!(n, 500);
    assert!((0..50).contains(&(accepted_at - connected_at)), "{}", accepted_at - connected_at);
    assert!((0..50).contains(&(read_at - sent_at)), "{}", read_at - sent_at);
    Arc::into_inner(plugin).unwrap().free();
}

#[test]
fn nothing_to_receive_is_an_empty_packet_after_a_long_virtual_time() {
    let plugin = Plugin::load("sysctl=off");
    plugin.listener();
    assert_eq!(plugin.receive(), None);
    let mut fds = [0; 2];
    assert_eq!(call!(plugin, 31, (*mut c_int) -> c_int, fds.as_mut_ptr()), 0);
    for fd in fds {
        assert_eq!(call!(plugin, 19, (c_int) -> c_int, fd), 0, "what is not ours goes to the system");
    }
    let spliced = call!(
        plugin, 32, (c_int, *mut i64, c_int, *mut i64, usize, c_uint) -> c_int,
        0, null_mut(), 1, null_mut(), 1, 0
    );
    assert_eq!((spliced, errno()), (-1, libc::ENOSYS));
    plugin.free();
}
