//! One test for each rule of `.reg` files.

use super::*;
use crate::settings::document::{Content, Format, Severity};

const TCPIP: &str = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters";

fn read(text: &str) -> Document {
    Document::parse(text.as_bytes(), Format::Reg)
}

/// A file of version 5.00 whose lines stand below `Tcpip\Parameters`; the first of them is line 3.
fn below(lines: &str) -> Document {
    read(&format!("Windows Registry Editor Version 5.00\n[{TCPIP}]\n{lines}"))
}

fn errors(document: &Document) -> Vec<usize> {
    let errors = document.diagnostics().iter().filter(|one| one.severity == Severity::Error);
    errors.map(|one| one.line.unwrap_or(0)).collect()
}

fn value(document: &Document, name: &str) -> Option<String> {
    document.value_of(name).map(|(value, _)| value.to_string())
}

fn protect(document: &Document) -> Option<String> {
    value(document, "admission.syn-attack-protect")
}

fn unknown_data(document: &Document, wanted: &str) -> Option<RegData> {
    document.entries.iter().find_map(|entry| match &entry.content {
        Content::UnknownReg { name, data, .. } if name == wanted => Some(data.clone()),
        _ => None,
    })
}

#[test]
fn both_headers_are_taken_with_blanks_before_them() {
    for header in ["REGEDIT4", "Windows Registry Editor Version 5.00", " \tREGEDIT4"] {
        let document = read(&format!("{header}\n[{TCPIP}]\n\"SynAttackProtect\"=dword:2\n"));
        assert_eq!(errors(&document), [], "{header}");
        assert_eq!(protect(&document).as_deref(), Some("2"));
    }
}

#[test]
fn another_header_refuses_the_whole_file() {
    for header in [
        "regedit4",
        "REGEDIT5",
        "REGEDIT",
        "REGEDIT4 ",
        "REGEDIT4 x",
        "Windows Registry Editor Version 5",
        "Windows Registry Editor version 5.00",
        "",
    ] {
        let document = read(&format!("{header}\n[{TCPIP}]\n\"SynAttackProtect\"=dword:2\n"));
        assert_eq!(errors(&document), [1], "{header}");
        assert_eq!(document.settings().count(), 0);
    }
}

#[test]
fn every_encoding_that_occurs_is_read() {
    let text =
        format!("Windows Registry Editor Version 5.00\r\n\r\n[{TCPIP}]\r\n\"SynAttackProtect\"=dword:1\r\n");
    let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf8 = format!("\u{feff}{text}").into_bytes();
    let mut ansi = text.clone().into_bytes();
    ansi.extend(b"; \xFC\r\n");
    for bytes in [utf16, utf8, text.into_bytes(), ansi] {
        let document = Document::parse(&bytes, Format::Reg);
        assert_eq!(document.diagnostics(), []);
        assert_eq!(protect(&document).as_deref(), Some("1"));
    }
}

#[test]
fn crlf_lf_and_cr_end_lines_and_the_last_may_have_none() {
    for end in ["\r\n", "\n", "\r"] {
        let document =
            read(&["REGEDIT4", "", &format!("[{TCPIP}]"), "\"SynAttackProtect\"=dword:9"].join(end));
        let line = document.value_of("admission.syn-attack-protect").unwrap().1;
        assert_eq!(line, 4, "{end:?}");
    }
}

#[test]
fn a_key_line_needs_the_full_root_name_and_its_bracket() {
    for (key, good) in [
        (format!("[{TCPIP}]"), true),
        (format!("  [{TCPIP}]  "), true),
        (r"[HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters]".to_owned(), false),
        (r"[HKEY_NONSENSE\a]".to_owned(), false),
        (format!("[{TCPIP}"), false),
        (format!("[{TCPIP}] x"), false),
    ] {
        let document = read(&format!("REGEDIT4\n{key}\n\"SynAttackProtect\"=dword:2\n"));
        assert_eq!(protect(&document).is_some(), good, "{key}");
        assert_eq!(errors(&document), if good { vec![] } else { vec![2] }, "{key}");
    }
}

#[test]
fn a_key_line_is_not_continued() {
    assert_eq!(errors(&read("REGEDIT4\n[HKEY_LOCAL_MACHINE\\\nSYSTEM]\n")), [2]);
}

#[test]
fn a_deleted_key_takes_what_stands_below_it() {
    let document = read(&format!(
        "REGEDIT4\n[{TCPIP}]\n\"SynAttackProtect\"=dword:2\n[{TCPIP}\\Interfaces\\a]\n\"TcpInitialRtt\"=dword:bb8\n\
         [-{TCPIP}]\n[{TCPIP}]\n\"TcpMaxHalfOpen\"=dword:64\n"
    ));
    assert_eq!(document.diagnostics(), []);
    let names: Vec<_> = document.settings().map(|(setting, _, _)| setting.name).collect();
    assert_eq!(names, ["admission.max-half-open"]);
    assert!(document.to_reg().contains(&format!("[-{TCPIP}]\r\n")));
}

#[test]
fn a_value_below_a_deleted_key_has_no_key() {
    assert_eq!(errors(&read(&format!("REGEDIT4\n[-{TCPIP}]\n\"SynAttackProtect\"=dword:2\n"))), [3]);
}

#[test]
fn a_deleted_value_is_gone_and_an_absent_one_is_fine() {
    let document = below("\"SynAttackProtect\"=dword:2\n\"synattackprotect\"=-\n\"SackOpts\" = - ; gone\n");
    assert_eq!(document.diagnostics(), []);
    assert_eq!(document.settings().count(), 0);
    assert!(document.to_reg().contains("\"SackOpts\"=-\r\n"));
}

#[test]
fn a_value_before_any_key_is_an_error() {
    assert_eq!(errors(&read("REGEDIT4\n\"SynAttackProtect\"=dword:2\n")), [2]);
}

#[test]
fn blanks_stand_before_names_around_the_sign_and_behind_data() {
    let document = below(" \t\"SynAttackProtect\" \t= \t dword:00000002 \t\n");
    assert_eq!(document.diagnostics(), []);
    assert_eq!(protect(&document).as_deref(), Some("2"));
}

#[test]
fn a_default_value_is_kept() {
    let document = below("@=\"text\"\n");
    assert_eq!(unknown_data(&document, ""), Some(RegData::Text("text".to_owned())));
    assert!(document.to_reg().contains("@=\"text\"\r\n"));
}

#[test]
fn backslash_and_quote_are_escaped_and_an_inner_quote_voids_the_line() {
    let document = below("\"a\\\\b\\\"c\"=\"x\\\\y\\\"z\"\n\"d\"=\"x\"y\"\n\"e\"f\"=\"x\"\n");
    assert_eq!(unknown_data(&document, "a\\b\"c"), Some(RegData::Text("x\\y\"z".to_owned())));
    assert_eq!(errors(&document), [4, 5]);
}

#[test]
fn a_dword_has_one_to_eight_hexadecimal_digits() {
    for (data, good) in [
        ("dword:2", true),
        ("dword:00000002", true),
        ("dword:  2", true),
        ("dword:000000002", false),
        ("dword:0x2", false),
        ("dword:0 2", false),
        ("dword:", false),
        ("dword:g", false),
        ("dword:-1", false),
        ("dword:+2", false),
    ] {
        let document = below(&format!("\"SynAttackProtect\"={data}\n"));
        assert_eq!(errors(&document), if good { vec![] } else { vec![3] }, "{data}");
        assert_eq!(protect(&document).is_some(), good, "{data}");
    }
}

#[test]
fn a_text_needs_both_quotes() {
    assert_eq!(errors(&below("\"a\"=\"open\n\"b\"=bare\n\"c\"=\n\"d\n\"e\"dword:1\n")), [3, 4, 5, 6, 7]);
}

#[test]
fn hex_data_of_every_type_is_read() {
    let document = below(
        "\"n\"=hex(0):\n\"s\"=hex(1):61,00,00,00\n\"x\"=hex(2):61,00\n\"b\"=hex:01,2,ff\n\"b3\"=hex(3): 01 , 02\n\
         \"e\"=hex(5):00,00,00,02\n\"m\"=hex(7):61,00,00,00,00,00\n\"q\"=hex(b):01,00,00,00,00,00,00,00\n\
         \"odd\"=hex(1f):aa\n",
    );
    assert_eq!(errors(&document), []);
    let get = |name: &str| unknown_data(&document, name).unwrap();
    assert_eq!(get("s").text().as_deref(), Some("a"));
    assert_eq!(get("b"), RegData::Bytes { kind: 3, bytes: vec![1, 2, 255] });
    assert_eq!(get("b3"), RegData::Bytes { kind: 3, bytes: vec![1, 2] });
    assert_eq!(get("e").number(), Some(2));
    assert_eq!(get("m").list(), Some(vec!["a".to_owned()]));
    assert_eq!(get("q").number(), Some(1));
    assert_eq!(get("odd"), RegData::Bytes { kind: 31, bytes: vec![0xAA] });
    assert_eq!(get("n"), RegData::Bytes { kind: 0, bytes: vec![] });
}

#[test]
fn bad_hex_data_is_an_error() {
    assert_eq!(
        errors(&below("\"a\"=hex:0g\n\"b\"=hex:001\n\"c\"=hex(x):01\n\"d\"=hex(7:01\n\"e\"=hex:01,,02\n")),
        [3, 4, 5, 6, 7]
    );
}

#[test]
fn hex_4_is_a_dword_in_little_endian_order() {
    let document = below("\"MaxUserPort\"=hex(4):fe,ff,00,00\n\"SackOpts\"=hex(4):01\n");
    assert_eq!(value(&document, "tcp.port-high").as_deref(), Some("65534"));
    assert_eq!(errors(&document), [4]);
}

#[test]
fn text_in_hex_is_ansi_in_regedit4_and_utf16_in_5_00() {
    let key = format!("{TCPIP}\\Interfaces\\a");
    let old = read(&format!("REGEDIT4\n[{key}]\n\"TcpAllowedPorts\"=hex(7):32,33,00,38,30,00,00\n"));
    let new = read(&format!(
        "Windows Registry Editor Version 5.00\n[{key}]\n\
         \"TcpAllowedPorts\"=hex(7):32,00,33,00,00,00,38,00,30,00,00,00,00,00\n"
    ));
    for document in [old, new] {
        assert_eq!(value(&document, "nt.tcp-allowed-ports").as_deref(), Some("[23, 80]"));
    }
}

#[test]
fn hex_data_goes_on_behind_a_backslash_over_blank_lines_and_comments() {
    let document = below("\"a\"=hex:01,\\\n\n; comment\n  02,\\\n03\n\"SynAttackProtect\"=dword:2\n");
    assert_eq!(unknown_data(&document, "a"), Some(RegData::Bytes { kind: 3, bytes: vec![1, 2, 3] }));
    assert_eq!(protect(&document).as_deref(), Some("2"));
}

#[test]
fn a_continuation_that_begins_with_a_comma_voids_the_value() {
    let document = below("\"a\"=hex:01\\\n,02\n\"SynAttackProtect\"=dword:2\n");
    assert_eq!(errors(&document), [3]);
    assert_eq!(unknown_data(&document, "a"), None);
    assert_eq!(protect(&document).as_deref(), Some("2"));
}

#[test]
fn a_continuation_at_the_end_of_the_file_is_an_error() {
    assert_eq!(errors(&below("\"a\"=hex:01,\\\n")), [3]);
}

#[test]
fn only_hex_data_is_continued() {
    assert_eq!(errors(&below("\"SynAttackProtect\"=dword:\\\n2\n")), [3, 4]);
}

#[test]
fn comment_lines_begin_with_semicolon_or_hash() {
    let document = below("; one\n # two\n\"SynAttackProtect\"=dword:2\n");
    assert_eq!(document.diagnostics(), []);
    assert!(protect(&document).is_some());
}

#[test]
fn a_trailing_semicolon_comments_and_a_trailing_hash_voids() {
    let document = below(
        "\"SynAttackProtect\"=dword:2 ; on\n\"a\"=\"x\" ; text\n\"b\"=\"x\" # text\n\"SackOpts\"=dword:1 # on\n",
    );
    assert_eq!(errors(&document), [5, 6]);
    assert_eq!(unknown_data(&document, "a"), Some(RegData::Text("x".to_owned())));
    assert_eq!(unknown_data(&document, "b"), None);
    assert_eq!(value(&document, "tcp.sack"), None);
}

#[test]
fn a_bad_line_is_reported_and_the_rest_is_read() {
    let document = below("nonsense\n\"SynAttackProtect\"=dword:2\n=\n");
    assert_eq!(errors(&document), [3, 5]);
    assert!(protect(&document).is_some());
}

#[test]
fn roots_keys_and_names_ignore_case_and_control_sets_are_the_current_one() {
    for key in [
        r"hkey_local_machine\system\currentcontrolset\services\TCPIP\parameters",
        r"HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services\Tcpip\Parameters",
        r"HKEY_LOCAL_MACHINE\System\controlset017\Services\Tcpip\Parameters",
    ] {
        let document = read(&format!("REGEDIT4\n[{key}]\n\"SYNATTACKPROTECT\"=dword:2\n"));
        assert_eq!(document.diagnostics(), [], "{key}");
        assert_eq!(protect(&document).as_deref(), Some("2"), "{key}");
    }
    let other = read(
        "REGEDIT4\n[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSetX\\Services\\Tcpip\\Parameters]\n\"SynAttackProtect\"=dword:2\n",
    );
    assert_eq!(protect(&other), None);
}

#[test]
fn adapter_keys_of_nt4_and_interface_keys_of_2000_are_known() {
    for key in [
        r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\El90x1\Parameters\Tcpip".to_owned(),
        format!("{TCPIP}\\Interfaces\\{{0-1}}"),
    ] {
        let document = read(&format!("REGEDIT4\n[{key}]\n\"TcpInitialRtt\"=dword:fa0\n"));
        assert_eq!(document.diagnostics(), [], "{key}");
        assert_eq!(value(&document, "tcp.initial-rto").as_deref(), Some("4s"), "{key}");
    }
}

#[test]
fn a_name_below_the_wrong_key_is_unknown_and_the_right_key_is_named() {
    let document =
        read(&format!("{}\"EnableDynamicBacklog\"=dword:1\n", format_args!("REGEDIT4\n[{TCPIP}]\n")));
    assert_eq!(document.settings().count(), 0);
    assert!(document.diagnostics()[0].message.contains(r"AFD\Parameters"), "{}", document.diagnostics()[0]);
}

#[test]
fn another_type_than_dword_is_an_error() {
    let document = below("\"SynAttackProtect\"=\"2\"\n\"SackOpts\"=hex:01,00,00,00\n");
    assert_eq!(errors(&document), [3, 4]);
    assert!(document.diagnostics()[0].message.contains("REG_SZ"));
}

#[test]
fn the_bits_of_one_value_are_two_settings() {
    let document = below("\"Tcp1323Opts\"=dword:2\n");
    assert_eq!(value(&document, "tcp.window-scaling").as_deref(), Some("false"));
    assert_eq!(value(&document, "tcp.timestamps").as_deref(), Some("true"));
    let wrong = below("\"Tcp1323Opts\"=dword:4\n");
    assert_eq!(errors(&wrong), [3]);
    assert!(wrong.diagnostics()[0].message.contains("0 to 3"));
}

#[test]
fn the_same_value_with_other_data_is_a_contradiction_with_both_lines() {
    let document = below(
        "\"SynAttackProtect\"=dword:2\n\"synattackprotect\"=dword:1\n\"SackOpts\"=dword:1\n\"SackOpts\"=dword:1\n",
    );
    assert_eq!(errors(&document), [4]);
    assert!(document.diagnostics()[0].message.contains("line 3"));
}
