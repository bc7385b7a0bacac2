use std::collections::BTreeSet;

use super::*;

#[test]
fn every_setting_stands_once_and_is_complete() {
    let mut seen = BTreeSet::new();
    for setting in all() {
        assert!(seen.insert(setting.name), "{} twice", setting.name);
        assert!(setting.name.contains('.') && !setting.name.contains('_'), "{}", setting.name);
        assert!(!setting.meaning.is_empty() && !setting.source.is_empty(), "{}", setting.name);
        assert!(setting.range.min <= setting.range.max, "{}", setting.name);
        assert_eq!(setting.is_active(), setting.access.is_some(), "{}", setting.name);
    }
}

#[test]
fn every_field_of_the_groups_has_a_setting() {
    // Fields, counted by the text of the groups' derived Debug form of the defaults.
    let text = format!("{:#?}", Settings::default());
    let fields = text.lines().filter(|line| line.starts_with("        ") && line.contains(':')).count();
    assert_eq!(active().count(), fields);
}

#[test]
fn every_default_lies_in_its_range_under_every_preset() {
    for preset in Preset::ALL {
        for setting in active() {
            let value = setting.default(preset).unwrap();
            assert_eq!(setting.check(preset, &value), Ok(()), "{} under {preset}", setting.name);
        }
    }
}

/// Another value of the same kind, in range.
fn other(setting: &Setting, value: &Value) -> Value {
    match (setting.kind, value) {
        (Kind::Switch, Value::Switch(on)) => Value::Switch(!on),
        (Kind::Word(words), Value::Word(word)) => {
            Value::Word(words.iter().find(|other| *other != word).unwrap())
        }
        _ => {
            let plain = [setting.range.min, setting.range.max]
                .into_iter()
                .map(|number| setting.kind.of_number(number).unwrap())
                .find(|candidate| candidate != value);
            plain.unwrap()
        }
    }
}

#[test]
fn what_is_set_is_read_back_and_changes_nothing_else() {
    for setting in active() {
        let mut settings = Settings::default();
        let value = other(setting, &setting.get(&settings).unwrap());
        setting.set(&mut settings, Preset::Modern, &value).unwrap();
        assert_eq!(setting.get(&settings), Some(value), "{}", setting.name);
        for rest in active().filter(|rest| rest.name != setting.name) {
            assert_eq!(
                rest.get(&settings),
                rest.default(Preset::Modern),
                "{} by {}",
                rest.name,
                setting.name
            );
        }
    }
}

#[test]
fn a_value_out_of_range_is_refused_with_the_range_and_not_clamped() {
    let mut settings = Settings::default();
    let setting = by_name("tcp.port-high").unwrap();
    let error = setting.set(&mut settings, Preset::Nt4Sp6a, &Value::Number(4999)).unwrap_err();
    assert!(error.to_string().contains("5000 to 65534"), "{error}");
    assert_eq!(settings, Settings::default());
    assert!(setting.set(&mut settings, Preset::Modern, &Value::Number(4999)).is_ok());
}

#[test]
fn ranges_follow_the_preset() {
    let protect = by_name("admission.syn-attack-protect").unwrap();
    assert!(protect.check(Preset::Nt4Sp6a, &Value::Number(2)).is_ok());
    assert!(protect.check(Preset::Windows2003Sp1, &Value::Number(2)).is_err());
    assert!(protect.check(Preset::Modern, &Value::Number(3)).is_err());
}

#[test]
fn every_documented_name_of_nt_is_known() {
    let tcpip = [
        "SynAttackProtect",
        "TcpMaxHalfOpen",
        "TcpMaxHalfOpenRetried",
        "TcpMaxPortsExhausted",
        "TcpMaxConnectResponseRetransmissions",
        "TcpMaxConnectRetransmissions",
        "TcpMaxDataRetransmissions",
        "InitialRtt",
        "TcpInitialRtt",
        "TcpTimedWaitDelay",
        "KeepAliveTime",
        "KeepAliveInterval",
        "TcpMaxDupAcks",
        "TcpUseRFC1122UrgentPointer",
        "MaxUserPort",
        "TcpNumConnections",
        "MaxFreeTcbs",
        "MaxHashTableSize",
        "NumTcbTablePartitions",
        "TcpWindowSize",
        "GlobalMaxTcpWindowSize",
        "Tcp1323Opts",
        "SackOpts",
        "EnablePMTUDiscovery",
        "EnablePMTUBHDetect",
        "EnableICMPRedirect",
        "EnableICMPRedirects",
        "MaxIcmpHostRoutes",
        "EnableDeadGWDetect",
        "PerformRouterDiscovery",
        "DisableIPSourceRouting",
        "DefaultTTL",
        "ArpCacheLife",
        "ArpCacheMinReferencedLife",
        "ArpRetryCount",
        "EnableSecurityFilters",
        "TcpAllowedPorts",
        "UdpAllowedPorts",
        "RawIpAllowedProtocols",
    ];
    let afd = [
        "EnableDynamicBacklog",
        "MinimumDynamicBacklog",
        "MaximumDynamicBacklog",
        "DynamicBacklogGrowthDelta",
    ];
    let netbt = ["BacklogIncrement", "MaxConnBackLog", "NoNameReleaseOnDemand"];
    for (key, names) in [(NtKey::Tcpip, &tcpip[..]), (NtKey::Afd, &afd[..]), (NtKey::NetBt, &netbt[..])] {
        for name in names {
            assert!(by_nt(key, name).next().is_some(), "{name}");
            assert!(by_nt(key, &name.to_uppercase()).next().is_some(), "{name}");
            assert!(!find(name).is_empty(), "{name}");
        }
    }
}

#[test]
fn a_setting_is_found_by_any_of_its_names_in_any_case() {
    let found = |name: &str| find(name).iter().map(|setting| setting.name).collect::<Vec<_>>();
    assert_eq!(found("SYNATTACKPROTECT"), ["admission.syn-attack-protect"]);
    assert_eq!(found("net.ipv4.tcp_syn_retries"), ["tcp.syn-retries"]);
    assert_eq!(found("tcp_syn_retries"), ["tcp.syn-retries"]);
    assert_eq!(found("net.inet.tcp.syncache.rexmtlimit"), ["admission.synack-retries"]);
    assert_eq!(found("Tcp1323Opts"), ["tcp.window-scaling", "tcp.timestamps"]);
    assert_eq!(found("syn-retries"), ["tcp.syn-retries"]);
    assert!(found("no such thing").is_empty());
}

#[test]
fn a_misspelt_name_gets_a_suggestion() {
    assert!(suggest("SynAtackProtect").contains(&"SynAttackProtect"));
    assert!(suggest("tcp.syn_retry").contains(&"tcp.syn-retries"));
    assert!(suggest("zzzzzz").is_empty());
    assert!(suggest(&"a".repeat(1 << 20)).is_empty());
}
