//! What must hold between settings, where each one alone is in its range.

use super::document::Severity;
use super::groups::{Settings, SynAttackProtect};

/// Something that does not fit together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// An error where the settings cannot be meant, a warning where one of them has no effect.
    pub severity: Severity,
    /// Our names of the settings concerned.
    pub settings: &'static [&'static str],
    /// What is wrong, for a person.
    pub message: String,
}

/// Checks `settings` as a whole; every preset passes without an error.
pub fn validate(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |wrong: bool, severity, settings, message: String| {
        if wrong {
            findings.push(Finding { severity, settings, message });
        }
    };
    contradictions(settings, &mut find);
    without_effect(settings, &mut find);
    findings
}

type Find<'a> = dyn FnMut(bool, Severity, &'static [&'static str], String) + 'a;

fn contradictions(settings: &Settings, find: &mut Find<'_>) {
    let Settings { tcp, admission, .. } = settings;
    find(
        admission.max_half_open_retried >= admission.max_half_open,
        Severity::Error,
        &["admission.max-half-open", "admission.max-half-open-retried"],
        format!(
            "admission.max-half-open-retried (TcpMaxHalfOpenRetried, {}) must be smaller than \
             admission.max-half-open (TcpMaxHalfOpen, {}); set both",
            admission.max_half_open_retried, admission.max_half_open
        ),
    );
    find(
        tcp.port_low > tcp.port_high,
        Severity::Error,
        &["tcp.port-low", "tcp.port-high"],
        format!("tcp.port-low ({}) is above tcp.port-high ({})", tcp.port_low, tcp.port_high),
    );
    find(
        tcp.min_rto > tcp.max_rto,
        Severity::Error,
        &["tcp.min-rto", "tcp.max-rto"],
        "tcp.min-rto is above tcp.max-rto".to_owned(),
    );
    find(
        tcp.initial_rto > tcp.max_rto,
        Severity::Error,
        &["tcp.initial-rto", "tcp.max-rto"],
        "tcp.initial-rto is above tcp.max-rto".to_owned(),
    );
    find(
        tcp.receive_window > tcp.receive_window_max,
        Severity::Error,
        &["tcp.receive-window", "tcp.receive-window-max"],
        format!(
            "tcp.receive-window ({}) is above tcp.receive-window-max ({})",
            tcp.receive_window, tcp.receive_window_max
        ),
    );
    find(
        (1..64).contains(&tcp.mss),
        Severity::Error,
        &["tcp.mss"],
        format!("tcp.mss = {} is out of range; the range is 0 (by the MTU) or 64 to 65495 bytes", tcp.mss),
    );
    find(
        admission.hold_off > admission.hold_off_max,
        Severity::Error,
        &["admission.hold-off", "admission.hold-off-max"],
        "admission.hold-off is above admission.hold-off-max".to_owned(),
    );
}

fn without_effect(settings: &Settings, find: &mut Find<'_>) {
    let Settings { tcp, admission, limits, .. } = settings;
    find(
        admission.syn_attack_protect != SynAttackProtect::Off && admission.synack_retries < 2,
        Severity::Warning,
        &["admission.syn-attack-protect", "admission.synack-retries"],
        format!(
            "SynAttackProtect has no effect while TcpMaxConnectResponseRetransmissions \
             (admission.synack-retries, {}) is below 2",
            admission.synack_retries
        ),
    );
    find(
        admission.max_half_open >= limits.half_open,
        Severity::Warning,
        &["admission.max-half-open", "limits.half-open"],
        format!(
            "the half-open store has {} places (limits.half-open), so that TcpMaxHalfOpen \
             (admission.max-half-open, {}) is never exceeded",
            limits.half_open, admission.max_half_open
        ),
    );
    find(
        admission.syn_attack_protect == SynAttackProtect::WhileAttacked
            && admission.max_half_open >= admission.backlog_max,
        Severity::Warning,
        &["admission.syn-attack-protect", "admission.max-half-open", "admission.backlog-max"],
        format!(
            "with SynAttackProtect = 1 half-open connections use up a listener's backlog (at most {}) before \
             TcpMaxHalfOpen ({}) is exceeded; one attacked listener then triggers by TcpMaxPortsExhausted alone",
            admission.backlog_max, admission.max_half_open
        ),
    );
    find(
        admission.dynamic_backlog
            && (admission.dynamic_backlog_delta == 0
                || admission.dynamic_backlog_max == 0
                || admission.dynamic_backlog_max < admission.dynamic_backlog_min),
        Severity::Warning,
        &[
            "admission.dynamic-backlog",
            "admission.dynamic-backlog-min",
            "admission.dynamic-backlog-max",
            "admission.dynamic-backlog-delta",
        ],
        "the dynamic backlog is on but never grows: DynamicBacklogGrowthDelta and MaximumDynamicBacklog must be \
         above 0, the latter at least MinimumDynamicBacklog"
            .to_owned(),
    );
    find(
        tcp.receive_window < 536,
        Severity::Warning,
        &["tcp.receive-window"],
        format!(
            "a receive window of {} bytes holds no full segment; peers will hardly send",
            tcp.receive_window
        ),
    );
    find(
        tcp.receive_window_max > 65_535 && !tcp.window_scaling,
        Severity::Warning,
        &["tcp.window-scaling", "tcp.receive-window", "tcp.receive-window-max"],
        "without window scaling no window above 65535 bytes is offered".to_owned(),
    );
    find(
        tcp.max_rto.as_secs() < 60,
        Severity::Warning,
        &["tcp.max-rto"],
        "tcp.max-rto is below the 60 s that RFC 6298, Section 2.5 wants".to_owned(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Preset;

    #[test]
    fn no_preset_contradicts_itself() {
        for preset in Preset::ALL {
            let errors: Vec<_> = validate(&preset.settings())
                .into_iter()
                .filter(|finding| finding.severity == Severity::Error)
                .collect();
            assert_eq!(errors, [], "{preset}");
        }
        assert_eq!(validate(&Settings::default()), []);
    }

    #[test]
    fn every_finding_names_settings_that_exist() {
        let mut settings = Settings::default();
        settings.tcp.port_low = u16::MAX;
        settings.tcp.mss = 1;
        settings.tcp.window_scaling = false;
        settings.tcp.receive_window = 1;
        settings.tcp.max_rto = core::time::Duration::from_millis(1);
        settings.admission.max_half_open_retried = u32::MAX;
        settings.admission.max_half_open = u32::MAX;
        settings.admission.syn_attack_protect = SynAttackProtect::WhileAttacked;
        settings.admission.synack_retries = 1;
        settings.admission.dynamic_backlog = true;
        settings.admission.hold_off_max = core::time::Duration::ZERO;
        settings.tcp.receive_window_max = 0;
        let findings = validate(&settings);
        assert_eq!(findings.len(), 13);
        for name in findings.iter().flat_map(|finding| finding.settings) {
            assert!(crate::settings::registry::by_name(name).is_some(), "{name}");
        }
    }
}
