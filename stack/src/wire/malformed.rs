//! Why bytes are not what they should be. Which discard it counts as is the caller's business: it knows the protocol.

/// Why bytes could not be read as a header or message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Malformed {
    /// The bytes end before the header, or before the length that it states.
    #[error("the bytes end too early")]
    Truncated,
    /// An IP version other than the one asked for.
    #[error("wrong IP version")]
    Version,
    /// A header length below the least that the protocol has.
    #[error("impossible header length")]
    HeaderLength,
    /// A total length below the header's.
    #[error("impossible total length")]
    TotalLength,
    /// IP options that do not fit their space or contradict each other.
    #[error("malformed options")]
    Options,
    /// ARP for another kind of link or network than IPv4 over Ethernet.
    #[error("not for IPv4 over Ethernet")]
    AddressKind,
}
