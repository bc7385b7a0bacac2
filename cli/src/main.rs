//! The command `synward`.
//!
//! A subcommand is a module in `commands/` with `Args` (clap derive) and `run(args) -> ExitCode`; it is added with
//! one line in [`commands`], one in [`Command`] and one in [`main`].

mod commands;
mod output;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{drill, forward, guard, ping, settings, telnet};

/// A TCP/IP stack in user space in which nothing hangs and a SYN attack costs the attacker.
#[derive(Parser)]
#[command(name = "synward", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The situation of article 297040 on the embedded network: a flood, dead addresses, and what the server promises
    Drill(drill::Args),
    /// Outgoing connections of this machine's programs, carried by our own stack to a listed destination
    Forward(forward::Args),
    /// A hardened front: connections to our own address on a TAP device, relayed to a backend
    Guard(guard::Args),
    /// Echo requests, over a TAP device or the embedded network
    Ping(ping::Args),
    /// Every setting, by its name here, in NT, Linux and FreeBSD; settings files checked and converted
    Settings(settings::Args),
    /// A connection by hand, over a TAP device or the embedded network; a dead address ends with its reason
    Telnet(telnet::Args),
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 what was asked for failed or is false, 2 the command line is wrong.
`synward COMMAND --help` shows examples.";

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Drill(args) => drill::run(args),
        Command::Forward(args) => forward::run(args),
        Command::Guard(args) => guard::run(args),
        Command::Ping(args) => ping::run(args),
        Command::Settings(args) => settings::run(args),
        Command::Telnet(args) => telnet::run(args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
