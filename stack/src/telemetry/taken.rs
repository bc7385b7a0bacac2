//! What a received frame was taken for. With the reasons of discards it is the whole account: a frame has exactly one of
//! the two.

use super::discard::Discards;
use super::kinds::kinds;

kinds! {
    /// What a received frame was taken for.
    Taken,
    /// A counter for each kind.
    TakenCounts,
    ArpAnswered = "ARP request for our address, answered",
    ArpLearned = "ARP packet that told a neighbour's address",
    Fragment = "IP fragment, kept until the others come",
    EchoAnswered = "echo request, answered",
    EchoReply = "answer to an echo request of ours",
    IcmpError = "ICMP error about a packet of ours",
    IcmpRedirect = "ICMP redirect, followed",
    Segment = "TCP segment of a connection",
    Handshake = "third segment of a handshake, from which a connection was made",
    SynEntered = "SYN that was given a half-open entry",
    SynCookie = "SYN that was answered by a cookie",
}

/// What became of the frames that were received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Account {
    /// Frames received, those from ourselves among them.
    pub received: u64,
    /// Those that were taken for something.
    pub taken: u64,
    /// Those that were discarded for a reason.
    pub discarded: u64,
}

impl Account {
    /// Sums up what was counted.
    pub fn of(received: u64, taken: &TakenCounts, discards: &Discards) -> Self {
        Self { received, taken: taken.total(), discarded: discards.received() }
    }

    /// Whether each frame was counted once.
    pub const fn balances(self) -> bool {
        self.received == self.taken + self.discarded
    }
}

#[cfg(test)]
mod tests {
    use super::super::Discard;
    use super::*;

    #[test]
    fn a_packet_of_our_own_that_went_no_further_is_not_in_the_account_of_what_was_received() {
        let (mut taken, mut discards) = (TakenCounts::default(), Discards::default());
        taken.count(Taken::Segment);
        discards.count(Discard::TcpChecksum);
        discards.count(Discard::TransmitQueueFull);
        let account = Account::of(2, &taken, &discards);
        assert_eq!(account, Account { received: 2, taken: 1, discarded: 1 });
        assert!(account.balances());
        assert!(!Account::of(3, &taken, &discards).balances());
        assert_eq!(discards.total(), 2);
    }

    #[test]
    fn reasons_of_received_frames_come_first() {
        let first_own = Discard::ALL.iter().position(|reason| !reason.is_of_received());
        let (received, own) = Discard::ALL.split_at(first_own.unwrap());
        assert!(received.contains(&Discard::ConnectionTableFull) && own.contains(&Discard::SynTimeout));
        assert!(own.iter().all(|reason| !reason.is_of_received()));
    }
}
