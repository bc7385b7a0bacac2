//! The plug-in interface of packetdrill over a Synward stack in virtual time.
//!
//! packetdrill loads the library, calls `packetdrill_interface_init` once a script, and then makes every socket call, every packet
//! and every look at the clock through the functions that this filled in. Loaded a second time by preloading, the library also
//! serves the plain `getsockopt` calls by which packetdrill collects what its checks look at.
//!
//! `abi/` alone touches C's memory; the rest is safe: `instance` (one script's stack behind one lock), `clock` (virtual time), `blocking`
//! (calls that sleep on packetdrill's second thread), `flags` and `sysctl` (settings).

mod abi;
mod blocking;
mod clock;
mod flags;
mod instance;
mod numbers;
mod sysctl;
