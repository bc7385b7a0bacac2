//! The state diagram (RFC 9293, Section 3.3.2) as one pure function. The running code calls it for every change of state,
//! so it is the machine itself and no second description.

use super::state::TcpState;

/// What moves a connection from one state to another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// The application opens actively: a SYN goes out.
    ActiveOpen,
    /// The application listens.
    PassiveOpen,
    /// A SYN without an acknowledgment of ours.
    Syn,
    /// A SYN that acknowledges our SYN.
    SynAck,
    /// Our SYN is acknowledged.
    AckOfSyn,
    /// The application has nothing more to send (CLOSE in the RFC, `shutdown` here).
    Close,
    /// The peer's FIN, with everything before it received.
    Fin,
    /// Our FIN is acknowledged.
    AckOfFin,
    /// An acceptable RST.
    Reset,
    /// The application aborts, or a time-out of the connection passed.
    Abort,
    /// Twice the maximum segment lifetime passed in TIME-WAIT.
    TimeWaitOver,
}

impl Event {
    /// All events.
    pub const ALL: [Self; 11] = [
        Self::ActiveOpen,
        Self::PassiveOpen,
        Self::Syn,
        Self::SynAck,
        Self::AckOfSyn,
        Self::Close,
        Self::Fin,
        Self::AckOfFin,
        Self::Reset,
        Self::Abort,
        Self::TimeWaitOver,
    ];
}

/// The state after `event`; `None` where the event has no effect in `state`.
pub const fn next(state: TcpState, event: Event) -> Option<TcpState> {
    use TcpState as S;
    match event {
        Event::ActiveOpen => match state {
            S::Closed | S::Listen => Some(S::SynSent),
            S::SynSent | S::SynReceived | S::Established | S::FinWait1 | S::FinWait2 => None,
            S::CloseWait | S::Closing | S::LastAck | S::TimeWait => None,
        },
        Event::PassiveOpen => match state {
            S::Closed => Some(S::Listen),
            S::Listen | S::SynSent | S::SynReceived | S::Established | S::FinWait1 | S::FinWait2 => None,
            S::CloseWait | S::Closing | S::LastAck | S::TimeWait => None,
        },
        // In synchronized states a SYN only gets a challenge (RFC 5961, Section 4).
        Event::Syn => match state {
            S::Listen | S::SynSent => Some(S::SynReceived),
            S::Closed | S::SynReceived | S::Established | S::FinWait1 | S::FinWait2 => None,
            S::CloseWait | S::Closing | S::LastAck | S::TimeWait => None,
        },
        Event::SynAck => match state {
            S::SynSent | S::SynReceived => Some(S::Established),
            S::Closed | S::Listen | S::Established | S::FinWait1 | S::FinWait2 => None,
            S::CloseWait | S::Closing | S::LastAck | S::TimeWait => None,
        },
        Event::AckOfSyn => match state {
            S::SynReceived => Some(S::Established),
            S::Closed | S::Listen | S::SynSent | S::Established | S::FinWait1 | S::FinWait2 => None,
            S::CloseWait | S::Closing | S::LastAck | S::TimeWait => None,
        },
        Event::Close => match state {
            S::SynReceived | S::Established => Some(S::FinWait1),
            S::CloseWait => Some(S::LastAck),
            S::Listen | S::SynSent => Some(S::Closed),
            S::Closed | S::FinWait1 | S::FinWait2 | S::Closing | S::LastAck | S::TimeWait => None,
        },
        Event::Fin => match state {
            S::SynReceived | S::Established => Some(S::CloseWait),
            S::FinWait1 => Some(S::Closing),
            S::FinWait2 => Some(S::TimeWait),
            S::Closed | S::Listen | S::SynSent => None,
            S::CloseWait | S::Closing | S::LastAck | S::TimeWait => None,
        },
        Event::AckOfFin => match state {
            S::FinWait1 => Some(S::FinWait2),
            S::Closing => Some(S::TimeWait),
            S::LastAck => Some(S::Closed),
            S::Closed | S::Listen | S::SynSent | S::SynReceived | S::Established => None,
            S::FinWait2 | S::CloseWait | S::TimeWait => None,
        },
        // RFC 1337: an RST does not end TIME-WAIT.
        Event::Reset => match state {
            S::SynSent | S::SynReceived | S::Established | S::FinWait1 | S::FinWait2 => Some(S::Closed),
            S::CloseWait | S::Closing | S::LastAck => Some(S::Closed),
            S::Closed | S::Listen | S::TimeWait => None,
        },
        Event::Abort => match state {
            S::Closed => None,
            S::Listen | S::SynSent | S::SynReceived | S::Established | S::FinWait1 | S::FinWait2 => {
                Some(S::Closed)
            }
            S::CloseWait | S::Closing | S::LastAck | S::TimeWait => Some(S::Closed),
        },
        Event::TimeWaitOver => match state {
            S::TimeWait => Some(S::Closed),
            S::Closed | S::Listen | S::SynSent | S::SynReceived | S::Established => None,
            S::FinWait1 | S::FinWait2 | S::CloseWait | S::Closing | S::LastAck => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TcpState as S;

    fn walk(start: S, events: &[Event]) -> Option<S> {
        events.iter().try_fold(start, |state, event| next(state, *event))
    }

    /// RFC 9293, Section 3.3.2.
    #[test]
    fn the_closing_orders_of_the_rfc_end_where_it_says() {
        use Event::{AckOfFin, AckOfSyn, ActiveOpen, Close, Fin, PassiveOpen, Syn, SynAck, TimeWaitOver};
        assert_eq!(
            walk(S::Closed, &[ActiveOpen, SynAck, Close, AckOfFin, Fin, TimeWaitOver]),
            Some(S::Closed)
        );
        assert_eq!(walk(S::Closed, &[PassiveOpen, Syn, AckOfSyn, Fin, Close, AckOfFin]), Some(S::Closed));
        assert_eq!(walk(S::Closed, &[ActiveOpen, Syn, AckOfSyn]), Some(S::Established), "simultaneous open");
        assert_eq!(walk(S::Established, &[Close, Fin]), Some(S::Closing), "simultaneous close");
        assert_eq!(walk(S::Established, &[Close, Fin, AckOfFin]), Some(S::TimeWait));
        assert_eq!(walk(S::SynReceived, &[Close]), Some(S::FinWait1));
    }

    #[test]
    fn closed_is_left_only_by_an_open_and_every_other_state_can_be_aborted() {
        for event in Event::ALL {
            let opens = matches!(event, Event::ActiveOpen | Event::PassiveOpen);
            assert_eq!(next(S::Closed, event).is_some(), opens, "{event:?}");
        }
        for state in S::ALL.into_iter().filter(|state| *state != S::Closed) {
            assert_eq!(next(state, Event::Abort), Some(S::Closed), "{state:?}");
        }
        assert_eq!(next(S::TimeWait, Event::Reset), None, "RFC 1337");
    }
}
