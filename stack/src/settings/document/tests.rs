use super::*;
use crate::settings::value::Kind;
use crate::settings::{Settings, SynAttackProtect, registry};
use core::time::Duration;

fn toml(text: &str) -> Document {
    Document::parse(text.as_bytes(), Format::Toml)
}

const TCPIP: &str = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters";

fn reg(lines: &str) -> Document {
    Document::parse(format!("REGEDIT4\n[{TCPIP}]\n{lines}").as_bytes(), Format::Reg)
}

fn errors(loaded: &Loaded) -> Vec<(usize, &str)> {
    let errors = loaded.diagnostics.iter().filter(|one| one.severity == Severity::Error);
    errors.map(|one| (one.line.unwrap_or(0), one.message.as_str())).collect()
}

#[test]
fn toml_sets_what_it_names_on_the_preset_it_names() {
    let document = toml(
        "preset = \"nt4-sp6a\"\n[tcp]\nsyn-retries = 0x2\ntime-wait = 60\nnagle = false\n\
         [admission]\nsyn-attack-protect = 2\ncookies = \"always\"\nsynack-rto = \"1.5s\"\n",
    );
    let loaded = document.load(None);
    assert_eq!(loaded.diagnostics, []);
    let mut wanted = Preset::Nt4Sp6a.settings();
    wanted.tcp.syn_retries = 2;
    wanted.tcp.time_wait = Duration::from_secs(60);
    wanted.tcp.nagle = false;
    wanted.admission.syn_attack_protect = SynAttackProtect::Strict;
    wanted.admission.cookies = crate::settings::Cookies::Always;
    wanted.admission.synack_rto = Duration::from_millis(1500);
    assert_eq!(loaded.settings, wanted);
    assert_eq!(loaded.preset, Preset::Nt4Sp6a);
}

#[test]
fn a_preset_that_is_given_goes_before_the_files_own() {
    assert_eq!(toml("preset = \"linux\"").load(Some(Preset::Modern)).settings, Settings::default());
    assert_eq!(toml("").load(None).settings, Settings::default());
}

#[test]
fn a_wrong_type_in_toml_is_an_error_with_its_line() {
    let text = "[tcp]\nsyn-retries = \"2\"\ntime-wait = \"60 parsecs\"\nnagle = \"no\"\nsack = 2\nmin-rto = 1.5\n\
                congestion = \"vegas\"\nport-low = -1\n";
    let loaded = toml(text).load(None);
    assert_eq!(errors(&loaded).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8]);
    assert!(errors(&loaded)[5].1.contains("cubic, reno"));
    assert_eq!(loaded.settings, Settings::default());
}

#[test]
fn broken_toml_is_an_error_with_its_line() {
    for (text, line) in [("a = 1\nb = \n", 2), ("[tcp]\nsack = true\nsack = true\n", 3), ("[tcp\n", 1)] {
        let loaded = toml(text).load(None);
        assert_eq!(errors(&loaded).first().map(|one| one.0), Some(line), "{text:?}");
    }
    assert_eq!(errors(&toml("preset = \"windows-95\"").load(None))[0].0, 1);
    assert_eq!(errors(&toml("preset = 1").load(None))[0].0, 1);
}

#[test]
fn a_value_out_of_range_names_the_range_and_the_line_and_changes_nothing() {
    let document = reg("\n\"MaxUserPort\"=dword:64\n");
    let loaded = document.load(Some(Preset::Nt4Sp6a));
    assert_eq!(errors(&loaded).len(), 1);
    let (line, message) = errors(&loaded)[0];
    assert_eq!(line, 4);
    assert!(message.contains("5000 to 65534") && message.contains("MaxUserPort"), "{message}");
    assert_eq!(loaded.settings, Preset::Nt4Sp6a.settings());
}

#[test]
fn unknown_entries_and_those_without_effect_are_warnings() {
    let loaded = toml("[tcp]\nsyn_retries = 1\n[nt]\nmax-conn-backlog = 5\n[other.deep]\nx = [1, {a = 2}]\n")
        .load(None);
    assert_eq!(errors(&loaded), []);
    let warnings: Vec<_> =
        loaded.diagnostics.iter().map(|one| (one.line.unwrap(), one.message.as_str())).collect();
    assert_eq!(warnings.iter().map(|one| one.0).collect::<Vec<_>>(), [2, 4, 6]);
    assert!(warnings[0].1.contains("did you mean tcp.syn-retries"), "{}", warnings[0].1);
    assert!(warnings[1].1.contains("NetBIOS"));
}

#[test]
fn an_interfaces_value_holds_over_the_hosts_wherever_it_stands() {
    let global = "\"TcpWindowSize\"=dword:2000\n";
    let interface = format!("[{TCPIP}\\Interfaces\\x]\n\"TcpWindowSize\"=dword:4000\n");
    for text in [format!("[{TCPIP}]\n{global}{interface}"), format!("{interface}[{TCPIP}]\n{global}")] {
        let document = Document::parse(format!("REGEDIT4\n{text}").as_bytes(), Format::Reg);
        let loaded = document.load(None);
        assert_eq!(errors(&loaded), []);
        assert_eq!(loaded.settings.tcp.receive_window, 0x4000);
        assert_eq!(
            document.value_of("tcp.receive-window").map(|(value, _)| value.clone()),
            Some(Value::Number(0x4000))
        );
        assert_eq!(loaded.diagnostics.len(), 1);
    }
}

#[test]
fn one_setting_by_two_names_with_two_values_is_a_contradiction() {
    let text = "[registry.\"HKEY_LOCAL_MACHINE\\\\SYSTEM\\\\CurrentControlSet\\\\Services\\\\Tcpip\\\\Parameters\"]\n\
                SackOpts = \"dword:0\"\n[tcp]\nsack = true\n";
    let loaded = toml(text).load(None);
    assert_eq!(errors(&loaded).len(), 1);
    assert_eq!(errors(&loaded)[0].0, 4);
    assert!(errors(&loaded)[0].1.contains("line 2"));
}

#[test]
fn a_window_alone_takes_the_largest_window_with_it_and_both_contradict() {
    let alone = reg("\"TcpWindowSize\"=dword:00800000\n").load(None);
    assert_eq!(errors(&alone), []);
    assert_eq!(
        (alone.settings.tcp.receive_window, alone.settings.tcp.receive_window_max),
        (1 << 23, 1 << 23)
    );
    assert_eq!(alone.diagnostics.len(), 1);
    let both = reg("\"TcpWindowSize\"=dword:00800000\n\"GlobalMaxTcpWindowSize\"=dword:4000\n").load(None);
    assert_eq!(errors(&both).len(), 1);
}

#[test]
fn settings_that_do_not_fit_together_are_reported_at_the_line_that_says_so() {
    let loaded = reg(
        "\"SynAttackProtect\"=dword:2\n\"TcpMaxHalfOpen\"=dword:64\n\"TcpMaxHalfOpenRetried\"=dword:64\n\
                      \"TcpMaxConnectResponseRetransmissions\"=dword:1\n",
    )
    .load(Some(Preset::Nt4Sp6a));
    let lines: Vec<_> = loaded.diagnostics.iter().map(|one| (one.line.unwrap(), one.severity)).collect();
    assert_eq!(lines, [(5, Severity::Error), (6, Severity::Warning)]);
    // What only a preset says is not reported.
    assert_eq!(toml("preset = \"windows-2003-sp1\"").load(None).diagnostics, []);
}

/// A file that names every setting, with values that NT's units cannot hold among them, and unknown entries.
fn everything() -> String {
    let mut text = String::from("preset = \"linux\"\nalone = 1979-05-27\n");
    let mut group = "";
    for setting in registry::all() {
        if setting.group() != group {
            group = setting.group();
            text.push_str(&format!("[{group}]\n"));
        }
        let value = setting.default(Preset::Linux).map_or_else(
            || if setting.kind == Kind::List { "[\"23\", \"80\"]".to_owned() } else { "1".to_owned() },
            |value| match value {
                Value::Duration(_) | Value::Word(_) => format!("\"{value}\""),
                _ => value.to_string(),
            },
        );
        let value = if setting.name == "tcp.time-wait" { "\"1500ms\"".to_owned() } else { value };
        let value = if setting.name == "nt.max-hash-table-size" { "64".to_owned() } else { value };
        let (_, name) = setting.name.split_once('.').unwrap();
        text.push_str(&format!("{name} = {value}\n"));
    }
    text.push_str(
        "[tcp.\"odd \\\" key\"]\ndeep = { a = \"\\u0000 \\\\ \\\"\", b = [0x1F, 1.5, true] }\n[empty]\n",
    );
    text
}

fn said(document: &Document) -> Vec<String> {
    let mut said: Vec<String> = document
        .entries
        .iter()
        .map(|entry| match &entry.content {
            Content::Setting { setting, value, .. } => format!("{} = {value}", setting.name),
            other => format!("{other:?}"),
        })
        .collect();
    said.sort();
    said
}

#[test]
fn toml_to_reg_and_back_keeps_every_entry() {
    let first = toml(&everything());
    assert!(!first.has_errors(), "{:?}", first.diagnostics());
    assert_eq!(first.settings().count(), registry::all().count());
    let second = Document::parse(&first.to_reg_bytes(), Format::Reg);
    assert!(!second.has_errors(), "{:?}", second.diagnostics());
    let third = toml(&second.to_toml());
    assert!(!third.has_errors(), "{:?}\n{}", third.diagnostics(), second.to_toml());
    assert_eq!(said(&first), said(&second));
    assert_eq!(said(&first), said(&third));
    assert_eq!(first.preset(), third.preset());
    assert_eq!(first.load(None).settings, third.load(None).settings);
    // Written once more, nothing moves.
    assert_eq!(toml(&third.to_toml()).to_toml(), third.to_toml());
}

#[test]
fn reg_to_toml_and_back_keeps_every_entry_with_its_key() {
    let text = format!(
        "REGEDIT4\n[-HKEY_CURRENT_USER\\Old]\n[HKEY_CURRENT_USER\\Empty]\n[{TCPIP}]\n\"SynAttackProtect\"=dword:2\n\
         \"Tcp1323Opts\"=dword:1\n\"SackOpts\"=-\n\"Odd \\\\ \\\"name\"=hex(2):61,62,00\n@=\"x\"\n\
         [{TCPIP}\\Interfaces\\{{1}}]\n\"TcpInitialRtt\"=dword:fa0\n\"Tcp1323Opts\"=dword:1\n\
         \"TcpAllowedPorts\"=hex(7):32,33,00,00\n\"KeepAliveTime\"=hex(4):01,00,00,00\n"
    );
    let first = Document::parse(text.as_bytes(), Format::Reg);
    assert!(!first.has_errors(), "{:?}", first.diagnostics());
    let second = toml(&first.to_toml());
    assert!(!second.has_errors(), "{:?}\n{}", second.diagnostics(), first.to_toml());
    let third = Document::parse(&second.to_reg_bytes(), Format::Reg);
    assert!(!third.has_errors(), "{:?}\n{}", third.diagnostics(), second.to_reg());
    assert_eq!(said(&first), said(&second));
    assert_eq!(said(&first), said(&third));
    let sorted = |text: String| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(first.to_reg()), sorted(third.to_reg()));
    assert_eq!(first.load(None).settings, third.load(None).settings);
}

#[test]
fn a_tab_and_a_byte_that_the_code_page_does_not_define_go_to_toml_and_back() {
    let file = [b"REGEDIT4\n[", TCPIP.as_bytes(), b"\\K\tey]\n\"Na\x8fme\"=\"te\txt\x81\"\n"].concat();
    let first = Document::parse(&file, Format::Reg);
    assert_eq!(first.diagnostics().iter().find(|one| one.severity == Severity::Error), None);
    let again = toml(&first.to_toml());
    assert_eq!(again.diagnostics().iter().find(|one| one.severity == Severity::Error), None);
    assert_eq!(said(&again), said(&first));
    assert_eq!(again.to_reg(), first.to_reg());
}

#[test]
fn unknown_keys_that_differ_in_case_alone_are_two_in_a_reg_file_too() {
    let first = toml("[future]\nkey = 1\nKey = 2\nkEY = 3\n\"\\U00010400\" = 4\n\"\\U00010428\" = 5\n");
    let second = Document::parse(first.to_reg().as_bytes(), Format::Reg);
    assert!(!second.has_errors(), "{:?}\n{}", second.diagnostics(), first.to_reg());
    assert_eq!(said(&second), said(&first));
    assert_eq!(said(&toml(&second.to_toml())), said(&first));
}

#[test]
fn an_unknown_key_with_what_begins_like_a_number_and_is_none_is_an_error() {
    for text in ["8_D", "12z", "[1, 2_x]", "{ a = 0x_g, b = 2 }", "1.5_y", "-_"] {
        let document = toml(&format!("[tcp]\nnagle = false\n[future]\nkey = {text}\n"));
        assert!(document.has_errors(), "{text}");
        assert_eq!(document.diagnostics()[0].line, Some(4), "{text}");
    }
    for text in
        ["1_000", "-7", "+8", "0xdead_beef", "0o17", "0b1_0", "1_0.5e3", "-inf", "+nan", "[1, 2.5, \"x\"]"]
    {
        let first = toml(&format!("[future]\nkey = {text}\n"));
        assert!(!first.has_errors(), "{text}: {:?}", first.diagnostics());
        assert_eq!(said(&toml(&first.to_toml())), said(&first), "{text}");
    }
}

#[test]
fn a_setting_by_nts_name_and_by_ours_is_written_once() {
    let ours = TCPIP.replace("Tcpip", "Synward");
    let both = reg(&format!("\"SackOpts\"=dword:0\n[{ours}]\n\"tcp.sack\"=dword:0\n"));
    assert_eq!(both.load(None).diagnostics, []);
    assert_eq!(both.to_toml(), "[tcp]\nsack = false\n");
    assert_eq!(both.to_reg().matches("=dword:00000000").count(), 1);
}

#[test]
fn too_large_binary_and_endless_files_are_refused_briefly() {
    let large = Document::parse(&vec![b'#'; MAX_FILE + 1], Format::Toml);
    assert!(large.diagnostics()[0].message.contains("1 MiB"));
    assert!(Document::parse(&vec![b'#'; MAX_FILE], Format::Toml).diagnostics().is_empty());
    let binary: Vec<u8> = (0..=255u8).cycle().take(4096).collect();
    for format in [Format::Toml, Format::Reg] {
        let document = Document::parse(&binary, format);
        assert!(document.has_errors() && document.diagnostics()[0].line.is_some());
        assert!(Document::parse(&[], format).entries.is_empty());
    }
    let endless = format!("REGEDIT4\n{}", "x\n".repeat(500_000));
    assert_eq!(Document::parse(endless.as_bytes(), Format::Reg).diagnostics().len(), MAX_DIAGNOSTICS + 1);
    let strange: String = (0..80_000).map(|n| format!("k{n} = 1\n")).collect();
    assert_eq!(Document::parse(strange.as_bytes(), Format::Toml).entries.len(), 80_000);
    let deep = format!("a = {}", "[".repeat(500_000));
    assert!(Document::parse(deep.as_bytes(), Format::Toml).has_errors());
    let dotted = format!("a{} = 1", ".a".repeat(500_000));
    assert!(Document::parse(dotted.as_bytes(), Format::Toml).has_errors());
}

#[test]
fn a_flood_of_warnings_is_no_error_and_hides_none() {
    let mut lines: String = (0..500).map(|n| format!("\"u{n}\"=dword:1\n")).collect();
    assert!(!reg(&lines).load(None).has_errors());
    assert_eq!(reg(&lines).diagnostics().len(), MAX_DIAGNOSTICS + 1);
    lines.push_str("bad\n");
    let document = reg(&lines);
    assert_eq!(errors(&document.load(None)).iter().map(|one| one.0).collect::<Vec<_>>(), [503]);
}

#[test]
fn a_file_of_deletions_is_read_in_reasonable_work() {
    let mut text = String::from("REGEDIT4\n");
    for n in 0..12_000 {
        text.push_str(&format!("[HKEY_USERS\\k{n}]\n\"v\"=dword:1\n[-HKEY_USERS\\k{n}]\n[-HKEY_USERS]\n"));
    }
    let document = Document::parse(text.as_bytes(), Format::Reg);
    assert_eq!(document.diagnostics(), []);
    assert_eq!(document.entries.len(), 1);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_reading_or_writing_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        for format in [Format::Toml, Format::Reg] {
            let document = Document::parse(&bytes, format);
            let _ = (document.load(None), document.to_toml(), document.to_reg());
        }
    }

    #[test]
    fn no_registry_lines_make_reading_panic_and_what_is_read_survives_both_ways(
        lines in proptest::collection::vec("(\"[a-zA-Z\\\\\\\\\"]{0,6}\"|@|\\[|-| )(=| )?(dword:|hex:|hex\\(7\\):|\"|-|;|#)?[0-9a-f,\\\\\"]{0,8}", 0..12),
    ) {
        let document = reg(&lines.join("\n"));
        let again = Document::parse(document.to_toml().as_bytes(), Format::Toml);
        proptest::prop_assert!(!again.has_errors(), "{:?}\n{}", again.diagnostics(), document.to_toml());
        proptest::prop_assert_eq!(said(&document), said(&again));
    }
}
