//! Settings documents: whatever they say, reading ends with diagnostics, and a document that was read without errors says
//! the same after it was written.

use crate::Reached;
use synward::settings::{Document, Format, Preset};

/// A `.reg` file.
pub fn reg(data: &[u8]) -> Reached {
    check(data, Format::Reg)
}

/// A TOML file.
pub fn toml(data: &[u8]) -> Reached {
    check(data, Format::Toml)
}

fn check(data: &[u8], format: Format) -> Reached {
    let document = Document::parse(data, format);
    let loaded = document.load(None);
    let _ = document.load(Some(Preset::Nt4Sp6a));
    let lines = 1 + data.iter().filter(|byte| **byte == b'\n' || **byte == b'\r').count();
    for diagnostic in document.diagnostics().iter().chain(&loaded.diagnostics) {
        assert!(!diagnostic.message.is_empty());
        assert!(diagnostic.line.is_none_or(|line| (1..=lines.max(1)).contains(&line)), "{diagnostic}");
    }
    let mut reached = 1 << document.diagnostics().len().min(16);
    document.settings().for_each(|(setting, ..)| reached |= 1 << (20 + name_bits(setting.name)));
    if document.has_errors() {
        return reached;
    }
    // Both forms of it are read without errors and name the same values.
    let toml = document.to_toml();
    let reg = document.to_reg();
    let bytes = document.to_reg_bytes();
    for (text, format) in
        [(toml.as_bytes(), Format::Toml), (reg.as_bytes(), Format::Reg), (&bytes[..], Format::Reg)]
    {
        let again = Document::parse(text, format);
        assert!(!again.has_errors(), "{:?}\n{}", again.diagnostics(), String::from_utf8_lossy(text));
        assert_eq!(again.preset(), document.preset());
        for (setting, ..) in document.settings() {
            let (before, after) = (document.value_of(setting.name), again.value_of(setting.name));
            assert_eq!(
                before.map(|(value, _)| value),
                after.map(|(value, _)| value),
                "{}\n{}",
                setting.name,
                String::from_utf8_lossy(text)
            );
        }
        assert_eq!(again.load(None).settings, loaded.settings, "{}", String::from_utf8_lossy(text));
    }
    reached | 1 << 19
}

fn name_bits(name: &str) -> u32 {
    name.bytes().fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte))) % 100
}

/// Every preset's differences, and the forms of a value.
pub fn seeds_toml() -> Vec<Vec<u8>> {
    let texts = [
        "",
        "preset = \"nt4-sp6a\"\n",
        "preset = \"modern\"\n\n[tcp]\nsyn-retries = 3\ninitial-rto = \"1 s\"\nsack = false\n",
        "[admission]\nsyn-attack-protect = 2\ncookies = \"always\"\nmax-half-open = 100\n",
        "[ip]\narp-life = \"2 min\"\nttl = 128\n[limits]\nconnections = 1000\n",
        "[unknown]\nkey = { a = [1, 2.5, \"x\"] }\n",
        "['registry']\n[registry.\"HKEY_LOCAL_MACHINE\\\\SYSTEM\\\\CurrentControlSet\\\\Services\\\\Tcpip\\\\Parameters\"]\n\"SynAttackProtect\" = \"dword:00000002\"\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Files as `regedit` writes them.
pub fn seeds_reg() -> Vec<Vec<u8>> {
    let key = r"[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters]";
    let adapter = r"[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces\{1}]";
    let texts = [
        format!(
            "REGEDIT4\r\n\r\n{key}\r\n\"SynAttackProtect\"=dword:00000002\r\n\"TcpMaxHalfOpen\"=dword:00000064\r\n"
        ),
        format!(
            "Windows Registry Editor Version 5.00\r\n\r\n{key}\r\n\"DefaultTTL\"=dword:00000080\r\n\"Name\"=\"text\"\r\n\
             @=hex(2):25,00,\\\r\n  00,00\r\n\"Gone\"=-\r\n"
        ),
        format!(
            "Windows Registry Editor Version 5.00\r\n\r\n{adapter}\r\n\"TcpWindowSize\"=dword:00004000\r\n"
        ),
        "Windows Registry Editor Version 5.00\r\n\r\n[-HKEY_LOCAL_MACHINE\\SOFTWARE\\X]\r\n".to_owned(),
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.extend(texts.iter().map(|text| {
        let text = format!("\u{feff}{text}");
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }));
    all
}
