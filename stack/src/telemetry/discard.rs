//! Why a packet went no further. Each discarded packet has exactly one reason.

use super::kinds::kinds;

kinds! {
    /// The reason of a discard.
    Discard,
    /// A counter for each reason.
    Discards,
    EthernetShort = "shorter than an Ethernet header",
    EthernetNotForUs = "Ethernet destination is another station",
    EthernetSource = "Ethernet source is a group address",
    EtherTypeUnknown = "a protocol that the stack does not speak",
    ArpMalformed = "ARP packet malformed or not for IPv4 over Ethernet",
    ArpNotForUs = "ARP packet that concerns neither us nor a known neighbour",
    ArpSpoofed = "ARP packet that claims our address, a group address or another subnet",
    ArpLimited = "ARP beyond the neighbour limits",
    IpMalformed = "IP header truncated, of a wrong version or with impossible lengths",
    IpChecksum = "IP header checksum wrong",
    IpOptions = "IP options malformed or refused (source route)",
    IpFragmentLength = "IP fragment of an impossible length, or beyond the largest packet",
    IpFragmentOverlap = "IP fragment that overlaps another one; its datagram is given up (RFC 5722)",
    IpFragmentGivenUp = "IP fragment of a datagram that was given up",
    IpFragmentDuplicate = "IP fragment that has come before",
    IpReassemblyFull = "IP fragment beyond the memory or the number allowed",
    IpSource = "IP source is a group, broadcast or loopback address, zero, or our own on the link",
    IpNotForUs = "IP destination is not ours",
    IpBroadcast = "broadcast or multicast that the stack does not take",
    IpProtocol = "transport protocol that the stack does not speak",
    UdpMalformed = "UDP datagram truncated or with an impossible length",
    UdpChecksum = "UDP checksum wrong",
    UdpNoPort = "UDP datagram; no port is open, and ICMP says so",
    IcmpMalformed = "ICMP message truncated",
    IcmpChecksum = "ICMP checksum wrong",
    IcmpUnused = "ICMP message of a kind that the stack does not act on",
    IcmpLimited = "an ICMP answer was withheld by its rate limit",
    IcmpNotOurs = "ICMP error that quotes no connection of ours",
    IcmpSequence = "ICMP error that quotes a sequence number out of range (RFC 5927)",
    IcmpRedirect = "ICMP redirect, refused by setting or implausible",
    TcpMalformed = "TCP header truncated or with impossible lengths",
    TcpChecksum = "TCP checksum wrong",
    TcpFlags = "TCP flags that no segment may have together",
    TcpPortZero = "TCP port 0",
    TcpLand = "TCP segment whose source is its destination",
    TcpNoConnection = "TCP segment for no connection; answered by RST",
    TcpResetStray = "RST for no connection",
    TcpResetLimited = "TCP segment for no connection; the RST was withheld by its rate limit",
    TcpOutOfWindow = "TCP segment outside the receive window",
    TcpPaws = "TCP segment with an old timestamp (RFC 7323)",
    TcpNoAck = "TCP segment without ACK, for a connection or a listener",
    TcpAckUnacceptable = "TCP segment that acknowledges what was not sent (RFC 5961)",
    TcpResetInexact = "RST not exactly at the left edge of the window (RFC 5961)",
    TcpSynInWindow = "SYN in a synchronized state (RFC 5961)",
    TcpDuplicate = "TCP segment with nothing new",
    TcpAfterClose = "TCP data after the application closed for good",
    TcpReassemblyFull = "TCP data out of order beyond the memory allowed",
    TcpWindowOverrun = "TCP data beyond the window that was offered",
    TcpEntryGone = "TCP segment whose connection was gone from its store",
    TcpTimeWait = "TCP segment in TIME-WAIT that changes nothing",
    TcpMissingTimestamp = "TCP segment without the timestamps that were agreed (RFC 7323, Section 3.2)",
    SynBacklogFull = "SYN while the accept queue is full",
    SynStoreFull = "SYN while the half-open store is full and neither cookie nor eviction is allowed",
    SynDuplicate = "SYN of a half-open connection again",
    SynAckMismatch = "ACK that does not fit its half-open connection",
    SynResetHalfOpen = "half-open connection reset by its peer",
    CookieInvalid = "ACK with an invalid or expired SYN cookie",
    CookieLimited = "answer to an invalid SYN cookie withheld by its rate limit",
    ConnectionTableFull = "connection table full",
    MemoryFull = "memory budget used up",

    // Of packets of our own, and of entries that ended: no received frame has one of these.
    SynEvicted = "half-open connection evicted by a newer one",
    SynListenerGone = "half-open connection whose listener closed",
    SynTimeout = "half-open connection whose third ACK never came",
    SynUnreachable = "half-open connection that ICMP or routing declared unreachable",
    NeighborPending = "packet replaced while its neighbour was being resolved",
    NeighborUnreachable = "packet for a neighbour that does not answer",
    NoRoute = "packet without a route",
    TransmitQueueFull = "transmit queue full",
    LoopQueueFull = "packet to ourselves while the loop queue is full",
    DeviceError = "packet that the device refused",
}

impl Discard {
    /// Whether it is the end of a received frame. Otherwise a packet of our own went no further, or a half-open entry ended:
    /// the frame that gave cause to it, if one did, is counted by itself.
    pub const fn is_of_received(self) -> bool {
        (self as u8) < Self::SynEvicted as u8
    }
}

impl Discards {
    /// Received frames that were discarded.
    pub fn received(&self) -> u64 {
        self.iter().filter(|(reason, _)| reason.is_of_received()).map(|(_, n)| n).sum()
    }
}
