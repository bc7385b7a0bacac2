//! Synward in virtual time.
use super::{Backend, Call, Reply, Sent};
use crate::script::Micros;
use crate::settings::Config;
use std::io;
/// x
pub struct StackBackend;
impl StackBackend {
    /// x
    pub fn new(_: &Config) -> Result<Self, String> { Err("later".to_owned()) }
}
impl Backend for StackBackend {
    fn now(&self) -> Micros { 0 }
    fn inject(&mut self, _: &[u8]) -> io::Result<()> { Ok(()) }
    fn next_sent(&mut self, _: Micros) -> io::Result<Option<Sent>> { Ok(None) }
    fn call(&mut self, _: Call) -> io::Result<Reply> { Ok(Reply::ok(0)) }
    fn start(&mut self, _: Call) -> io::Result<()> { Ok(()) }
    fn finished(&mut self) -> Option<(Micros, Reply)> { None }
    fn tolerance(&self) -> Micros { 1000 }
}
