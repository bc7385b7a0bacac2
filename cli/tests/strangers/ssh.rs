//! OpenSSH, with new keys after every megabyte.

use super::program::program;
use super::{Scratch, Server, Way, load, need, output, run};
use crate::support::skip;
use std::fs;

pub fn ssh_rekeys_and_copies_10_mib_through_guard() {
    copy(Way::Guard);
}

pub fn ssh_rekeys_and_copies_10_mib_through_forward() {
    copy(Way::Forward);
}

const REKEY: &str = "RekeyLimit=1M";

/// sshd on the address, which takes the key that it is given, and that key's file.
fn sshd(scratch: &Scratch, address: &str) -> (Server, String) {
    // It refuses to start without, and only root can make it.
    if fs::create_dir_all("/run/sshd").is_err() {
        skip("sshd needs the folder /run/sshd");
    }
    if fs::read_to_string("/proc/self/setgroups").is_ok_and(|text| text.trim() == "deny") {
        skip("sshd sets groups, which this user namespace refuses");
    }
    let (host, user) = (scratch.path("host"), scratch.path("user"));
    for key in [&host, &user] {
        run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()], 20);
    }
    let (address, port) = address.split_once(':').unwrap();
    let config = format!(
        "ListenAddress {address}\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}.pub\nPidFile none\nUsePAM no\n\
        StrictModes no\nPermitRootLogin yes\nRekeyLimit 1M\nSubsystem sftp internal-sftp\n",
        host.display(),
        user.display()
    );
    let config = scratch.text("sshd_config", &config);
    let command = program("sshd", &["-D", "-e", "-f", config.to_str().unwrap()]);
    (Server::listening(command, &format!("{address}:{port}")), user.to_str().unwrap().to_owned())
}

fn copy(way: Way) {
    need(&["ssh", "sshd", "scp", "ssh-keygen"]);
    let scratch = Scratch::new();
    let between = way.open(2222);
    let (_sshd, key) = sshd(&scratch, &between.server);
    let (blob, bytes) = scratch.blob("blob", 10 << 20);
    let options = [
        "-i",
        &key,
        "-F",
        "none",
        "-o",
        REKEY,
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "BatchMode=yes",
        "-o",
        "ConnectTimeout=10",
    ];
    let (there, back) = (scratch.path("there"), scratch.path("back"));
    let remote = format!("root@{}:{}", between.client_host, there.display());
    for _ in 0..load(1, 10).parse().unwrap() {
        for (from, to, result) in
            [(blob.to_str().unwrap(), remote.as_str(), &there), (&remote, back.to_str().unwrap(), &back)]
        {
            run("scp", &[&["-q", "-P", "2222"], &options[..], &[from, to]].concat(), 50);
            assert!(fs::read(result).unwrap() == bytes, "the bytes differ");
        }
    }
    // Through the session itself, both ways at once, with the keys counted.
    let target = format!("root@{}", between.client_host);
    let mut session =
        program("ssh", &[&["-v", "-p", "2222"], &options[..], &[&target, "sha256sum"]].concat());
    session.stdin(fs::File::open(&blob).unwrap());
    let told = output(session, 50);
    assert!(told.status.success(), "{}", told.text);
    let wanted = run("sha256sum", &[blob.to_str().unwrap()], 10);
    assert!(told.text.contains(wanted.split_whitespace().next().unwrap()), "{}", told.text);
    let rekeyed = told.text.matches("SSH2_MSG_NEWKEYS sent").count();
    println!("ssh: {rekeyed} times new keys");
    assert!(rekeyed > 5, "{rekeyed} times new keys for 10 MiB\n{}", told.text);
}
