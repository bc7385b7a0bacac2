//! One stream through the sockets of tokio: two stacks, a writer and a reader as tasks of one thread.

use crate::clock::cpu;
use std::io;
use synward::device::memory::{LinkOptions, link};
use synward::{Stack, TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CHUNK: usize = 65_536;

/// A connected stream, its runtime and its stacks.
pub struct TokioBulk {
    runtime: tokio::runtime::Runtime,
    writer: TcpStream,
    reader: TcpStream,
    _stacks: [Stack; 2],
}

impl TokioBulk {
    pub fn new(mtu: usize) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (writer, reader, stacks) = runtime.block_on(async {
            let (left, right) = link(LinkOptions { mtu, ..LinkOptions::default() });
            let server = Stack::builder(left).address("198.18.0.2/24").spawn()?;
            let client = Stack::builder(right).address("198.18.0.1/24").spawn()?;
            let listener = TcpListener::bind(&server, "198.18.0.2:80").await?;
            let (writer, accepted) =
                tokio::join!(TcpStream::connect(&client, "198.18.0.2:80"), listener.accept());
            io::Result::Ok((writer?, accepted?.0, [server, client]))
        })?;
        Ok(Self { runtime, writer, reader, _stacks: stacks })
    }

    /// Gbit/s of `total` bytes, both ends.
    pub fn rate(&mut self, total: usize) -> io::Result<f64> {
        let (writer, reader) = (&mut self.writer, &mut self.reader);
        let begin = cpu();
        self.runtime.block_on(async move {
            let send = async {
                let source = vec![7; CHUNK];
                let mut left = total;
                while left > 0 {
                    let n = CHUNK.min(left);
                    writer.write_all(&source[..n]).await?;
                    left -= n;
                }
                io::Result::Ok(())
            };
            let receive = async {
                let mut sink = vec![0; CHUNK];
                let mut got = 0;
                while got < total {
                    match reader.read(&mut sink).await? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        n => got += n,
                    }
                }
                io::Result::Ok(())
            };
            let (sent, received) = tokio::join!(send, receive);
            sent.and(received)
        })?;
        Ok(total as f64 * 8e-9 / (cpu() - begin))
    }
}
