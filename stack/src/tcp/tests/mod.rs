//! Tests of whole connections: two ends over a link in virtual time, and one end against crafted segments.

mod closing;
mod duplicates;
mod handshakes;
mod harness;
mod loss;
mod segments;
mod table;
mod timeouts;
mod transfer;
