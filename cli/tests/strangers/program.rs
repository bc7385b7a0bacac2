//! Programs by others: started with an end in time, and ended by their own id.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::support::{end_with_test, skip, wait_for};

/// Where administrators' programs are, which is not on everybody's path.
const FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Skips the test where one of the programs is missing.
pub fn need(programs: &[&str]) {
    let missing: Vec<_> = programs.iter().copied().filter(|program| find(program).is_none()).collect();
    if !missing.is_empty() {
        skip(&format!("{} missing (.ci/packages installs all programs)", missing.join(", ")));
    }
}

fn find(program: &str) -> Option<String> {
    FOLDERS.iter().map(|folder| format!("{folder}/{program}")).find(|path| Path::new(path).exists())
}

/// A command for a program, without input.
pub fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(find(name).unwrap_or_else(|| name.to_owned()));
    command.args(arguments).stdin(Stdio::null()).env("LC_ALL", "C").env("TERM", "dumb");
    command
}

/// What a program said, on both of its outputs.
pub struct Output {
    pub status: ExitStatus,
    pub text: String,
}

/// Runs a program that must succeed; what it says. After `seconds` it is ended, and the test has failed.
pub fn run(name: &str, arguments: &[&str], seconds: u64) -> String {
    let output = output(program(name, arguments), seconds);
    let text = output.text;
    assert!(output.status.success(), "{name} {arguments:?}: {}\n{text}", output.status);
    text
}

/// Runs a command to its end. After `seconds` it is ended, and the test has failed.
pub fn output(mut command: Command, seconds: u64) -> Output {
    // A file and no pipe: nobody has to read while it runs.
    let mut file = unnamed();
    command.stdout(file.try_clone().unwrap()).stderr(file.try_clone().unwrap());
    let mut child =
        end_with_test(&mut command).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // Time in which this process did not run either (a paused machine, a stopped job) is not the program's.
    const STEP: Duration = Duration::from_millis(100);
    let (mut ran, mut last) = (Duration::ZERO, Instant::now());
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let now = Instant::now();
        ran += now.duration_since(last).min(STEP);
        last = now;
        if ran > Duration::from_secs(seconds) {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{command:?} did not end within {seconds} s\n{}", all_of(&mut file));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    Output { status, text: all_of(&mut file) }
}

/// An open file without a name.
fn unnamed() -> File {
    let path =
        std::env::temp_dir().join(format!("synward-output-{}-{:?}", std::process::id(), Instant::now()));
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

fn all_of(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A server; it is ended when this is dropped: asked first, since some have children of their own to end.
pub struct Server {
    name: String,
    child: Child,
    log: File,
}

impl Server {
    /// Starts a server.
    pub fn start(mut command: Command) -> Self {
        let log = unnamed();
        command.stdout(log.try_clone().unwrap()).stderr(log.try_clone().unwrap());
        let child =
            end_with_test(&mut command).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { name: format!("{command:?}"), child, log }
    }

    /// Starts a server and waits until `address` accepts.
    pub fn listening(command: Command, address: &str) -> Self {
        let mut server = Self::start(command);
        wait_for(&format!("{} listens", server.name), || {
            if let Some(status) = server.child.try_wait().unwrap() {
                panic!("{}: {status}\n{}", server.name, all_of(&mut server.log));
            }
            TcpStream::connect(address).ok()
        });
        server
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub fn said(&mut self) -> String {
        all_of(&mut self.log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let start = Instant::now();
        while asked.as_ref().is_ok_and(ExitStatus::success) && start.elapsed() < Duration::from_secs(3) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
