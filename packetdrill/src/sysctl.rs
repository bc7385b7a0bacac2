//! The sysctls of the network namespace that packetdrill runs in, as settings: scripts set up what they need by them.

use std::fs;
use std::path::Path;

/// Which sysctls count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sysctls {
    /// Those that are not at the kernel's default: a script set them.
    Differing,
    /// All that have a meaning here.
    All,
    /// None.
    Off,
}

/// One sysctl, or one of the numbers in it.
struct Row {
    /// Below `/proc/sys/net`.
    file: &'static str,
    /// Which of the words in it.
    word: usize,
    /// What kernels have as default.
    kernel: &'static [&'static str],
    setting: &'static str,
    value: fn(&str) -> Option<String>,
}

fn same(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn inverted(text: &str) -> Option<String> {
    match text {
        "0" => Some("1".to_owned()),
        "1" => Some("0".to_owned()),
        _ => None,
    }
}

fn seconds(text: &str) -> Option<String> {
    text.parse::<u64>().ok().map(|seconds| format!("{seconds}s"))
}

fn millis(text: &str) -> Option<String> {
    text.parse::<u64>().ok().map(|millis| format!("{millis}ms"))
}

fn switch(text: &str) -> Option<String> {
    text.parse::<u64>().ok().map(|number| u8::from(number != 0).to_string())
}

fn cookies(text: &str) -> Option<String> {
    let word = match text {
        "0" => "never",
        "1" => "on-overflow",
        "2" => "always",
        _ => return None,
    };
    Some(word.to_owned())
}

fn congestion(text: &str) -> Option<String> {
    // Another algorithm than ours: ours stays.
    matches!(text, "cubic" | "reno").then(|| text.to_owned())
}

macro_rules! row {
    ($file:expr, $word:expr, $kernel:expr, $setting:expr, $value:expr) => {
        Row { file: $file, word: $word, kernel: $kernel, setting: $setting, value: $value }
    };
}

const ROWS: &[Row] = &[
    row!("ipv4/ip_default_ttl", 0, &["64"], "ip.ttl", same),
    row!("ipv4/ip_no_pmtu_disc", 0, &["0"], "ip.pmtu-discovery", inverted),
    row!("ipv4/tcp_window_scaling", 0, &["1"], "tcp.window-scaling", switch),
    row!("ipv4/tcp_timestamps", 0, &["1"], "tcp.timestamps", switch),
    row!("ipv4/tcp_sack", 0, &["1"], "tcp.sack", switch),
    row!("ipv4/tcp_reordering", 0, &["3"], "tcp.dup-ack-threshold", same),
    row!("ipv4/tcp_congestion_control", 0, &["cubic"], "tcp.congestion", congestion),
    row!("ipv4/tcp_slow_start_after_idle", 0, &["1"], "tcp.slow-start-after-idle", switch),
    row!("ipv4/tcp_stdurg", 0, &["0"], "tcp.urgent-rfc1122", switch),
    row!("ipv4/tcp_rmem", 1, &["131072", "87380"], "tcp.receive-window", same),
    row!("ipv4/tcp_rmem", 2, &["6291456", "33554432"], "tcp.receive-window-max", same),
    row!("ipv4/tcp_wmem", 2, &["4194304"], "tcp.send-buffer-max", same),
    row!("ipv4/tcp_syn_retries", 0, &["6"], "tcp.syn-retries", same),
    row!("ipv4/tcp_retries2", 0, &["15"], "tcp.data-retries", same),
    row!("ipv4/tcp_fin_timeout", 0, &["60"], "tcp.fin-wait2", seconds),
    row!("ipv4/tcp_keepalive_time", 0, &["7200"], "tcp.keepalive-time", seconds),
    row!("ipv4/tcp_keepalive_intvl", 0, &["75"], "tcp.keepalive-interval", seconds),
    row!("ipv4/tcp_keepalive_probes", 0, &["9"], "tcp.keepalive-probes", same),
    row!("ipv4/tcp_rto_max_ms", 0, &["120000"], "tcp.max-rto", millis),
    row!("ipv4/tcp_synack_retries", 0, &["5"], "admission.synack-retries", same),
    row!("ipv4/tcp_syncookies", 0, &["1"], "admission.cookies", cookies),
];

/// The settings that the sysctls below `net` stand for, by our names.
pub(crate) fn read(net: &Path, which: Sysctls) -> Vec<(&'static str, String)> {
    if which == Sysctls::Off {
        return Vec::new();
    }
    let read = |row: &Row| {
        // A kernel may lack any of them, and outside of Linux there is none.
        let text = fs::read_to_string(net.join(row.file)).ok()?;
        let word = text.split_whitespace().nth(row.word)?;
        if which == Sysctls::Differing && row.kernel.contains(&word) {
            return None;
        }
        Some((row.setting, (row.value)(word)?))
    };
    ROWS.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use synward::settings::registry;

    #[test]
    fn every_row_names_a_setting_and_its_defaults_are_values_of_it() {
        for row in ROWS {
            let setting = registry::by_name(row.setting).unwrap_or_else(|| panic!("{}", row.setting));
            for default in row.kernel {
                let value = (row.value)(default).unwrap();
                assert!(setting.kind.of_text(&value).is_some(), "{}: {value}", row.file);
            }
        }
    }

    #[test]
    fn only_what_differs_from_the_kernel_counts_unless_all_is_asked_for() {
        let net = std::env::temp_dir().join(format!("synward-sysctl-{}", std::process::id()));
        fs::create_dir_all(net.join("ipv4")).unwrap();
        fs::write(net.join("ipv4/tcp_rmem"), "4096\t540000\t15728640\n").unwrap();
        fs::write(net.join("ipv4/tcp_sack"), "1\n").unwrap();
        let expected = vec![
            ("tcp.receive-window", "540000".to_owned()),
            ("tcp.receive-window-max", "15728640".to_owned()),
        ];
        assert_eq!(read(&net, Sysctls::Differing), expected);
        assert_eq!(read(&net, Sysctls::All).len(), 3);
        assert_eq!(read(&net, Sysctls::Off), []);
        fs::remove_dir_all(net).unwrap();
    }
}
