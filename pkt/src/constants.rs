//! Names of numbers, as on Linux.

/// The constants that scripts may name, except errors.
const NAMES: &[(&str, i32)] = &[
    ("AF_INET", libc::AF_INET),
    ("PF_INET", libc::PF_INET),
    ("SOCK_STREAM", libc::SOCK_STREAM),
    ("SOCK_NONBLOCK", libc::SOCK_NONBLOCK),
    ("IPPROTO_TCP", libc::IPPROTO_TCP),
    ("IPPROTO_IP", libc::IPPROTO_IP),
    ("SOL_SOCKET", libc::SOL_SOCKET),
    ("SOL_TCP", libc::SOL_TCP),
    ("SOL_IP", libc::IPPROTO_IP),
    ("SO_REUSEADDR", libc::SO_REUSEADDR),
    ("SO_KEEPALIVE", libc::SO_KEEPALIVE),
    ("SO_LINGER", libc::SO_LINGER),
    ("SO_ERROR", libc::SO_ERROR),
    ("SO_SNDBUF", libc::SO_SNDBUF),
    ("SO_RCVBUF", libc::SO_RCVBUF),
    ("SO_OOBINLINE", libc::SO_OOBINLINE),
    ("SO_RCVLOWAT", libc::SO_RCVLOWAT),
    ("SO_ACCEPTCONN", libc::SO_ACCEPTCONN),
    ("TCP_NODELAY", libc::TCP_NODELAY),
    ("TCP_MAXSEG", libc::TCP_MAXSEG),
    ("TCP_CORK", libc::TCP_CORK),
    ("TCP_KEEPIDLE", libc::TCP_KEEPIDLE),
    ("TCP_KEEPINTVL", libc::TCP_KEEPINTVL),
    ("TCP_KEEPCNT", libc::TCP_KEEPCNT),
    ("TCP_SYNCNT", libc::TCP_SYNCNT),
    ("TCP_LINGER2", libc::TCP_LINGER2),
    ("TCP_DEFER_ACCEPT", libc::TCP_DEFER_ACCEPT),
    ("TCP_WINDOW_CLAMP", libc::TCP_WINDOW_CLAMP),
    ("TCP_QUICKACK", libc::TCP_QUICKACK),
    ("TCP_CONGESTION", libc::TCP_CONGESTION),
    ("TCP_USER_TIMEOUT", libc::TCP_USER_TIMEOUT),
    ("TCP_INFO", libc::TCP_INFO),
    ("TCP_NOTSENT_LOWAT", libc::TCP_NOTSENT_LOWAT),
    ("IP_TOS", libc::IP_TOS),
    ("IP_TTL", libc::IP_TTL),
    ("IP_MTU_DISCOVER", libc::IP_MTU_DISCOVER),
    ("IP_MTU", libc::IP_MTU),
    ("F_GETFL", libc::F_GETFL),
    ("F_SETFL", libc::F_SETFL),
    ("O_RDWR", libc::O_RDWR),
    ("O_NONBLOCK", libc::O_NONBLOCK),
    ("SHUT_RD", libc::SHUT_RD),
    ("SHUT_WR", libc::SHUT_WR),
    ("SHUT_RDWR", libc::SHUT_RDWR),
    ("MSG_DONTWAIT", libc::MSG_DONTWAIT),
    ("MSG_PEEK", libc::MSG_PEEK),
    ("MSG_OOB", libc::MSG_OOB),
    ("MSG_MORE", libc::MSG_MORE),
    ("MSG_TRUNC", libc::MSG_TRUNC),
    ("MSG_WAITALL", libc::MSG_WAITALL),
    ("MSG_NOSIGNAL", libc::MSG_NOSIGNAL),
    ("POLLIN", libc::POLLIN as i32),
    ("POLLPRI", libc::POLLPRI as i32),
    ("POLLOUT", libc::POLLOUT as i32),
    ("POLLERR", libc::POLLERR as i32),
    ("POLLHUP", libc::POLLHUP as i32),
    ("POLLNVAL", libc::POLLNVAL as i32),
    ("POLLRDHUP", libc::POLLRDHUP as i32),
];

/// Errors that calls give.
const ERRORS: &[(&str, i32)] = &[
    ("EACCES", libc::EACCES),
    ("EADDRINUSE", libc::EADDRINUSE),
    ("EADDRNOTAVAIL", libc::EADDRNOTAVAIL),
    ("EAGAIN", libc::EAGAIN),
    ("EALREADY", libc::EALREADY),
    ("EBADF", libc::EBADF),
    ("ECONNABORTED", libc::ECONNABORTED),
    ("ECONNREFUSED", libc::ECONNREFUSED),
    ("ECONNRESET", libc::ECONNRESET),
    ("EDOM", libc::EDOM),
    ("EFAULT", libc::EFAULT),
    ("EHOSTUNREACH", libc::EHOSTUNREACH),
    ("EINPROGRESS", libc::EINPROGRESS),
    ("EINTR", libc::EINTR),
    ("EINVAL", libc::EINVAL),
    ("EISCONN", libc::EISCONN),
    ("EMFILE", libc::EMFILE),
    ("EMSGSIZE", libc::EMSGSIZE),
    ("ENETUNREACH", libc::ENETUNREACH),
    ("ENOBUFS", libc::ENOBUFS),
    ("ENOMEM", libc::ENOMEM),
    ("ENOPROTOOPT", libc::ENOPROTOOPT),
    ("ENOTCONN", libc::ENOTCONN),
    ("EOPNOTSUPP", libc::EOPNOTSUPP),
    ("EPIPE", libc::EPIPE),
    ("EPROTO", libc::EPROTO),
    ("EHOSTDOWN", libc::EHOSTDOWN),
    ("ENONET", libc::ENONET),
    ("ENOPROTOOPT", libc::ENOPROTOOPT),
    ("ETIMEDOUT", libc::ETIMEDOUT),
];

/// The number of a name.
pub fn number(name: &str) -> Option<i32> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// The number of an error.
pub fn errno(name: &str) -> Option<i32> {
    // Two names of one error.
    let name = if name == "EWOULDBLOCK" { "EAGAIN" } else { name };
    ERRORS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// The name of an error, or its number.
pub fn errno_name(number: i32) -> String {
    let known = ERRORS.iter().find(|(_, known)| *known == number);
    known.map_or_else(|| format!("error {number}"), |(name, _)| (*name).to_owned())
}
