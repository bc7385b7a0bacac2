//! How the end of a connection, a listener or a stack shows in an [`io::Error`].

use crate::shard::{Failure, StackError};
use crate::sync::Ended;
use std::io;

/// The error of an operation that needs a connection which has ended. `in_order`: what an end in order means here.
pub(crate) fn of_end(ended: Ended<'_, Failure>, in_order: io::ErrorKind) -> io::Error {
    match ended {
        Ended::Failed(failure) => io::Error::from(failure),
        Ended::Closed => in_order.into(),
        // Whoever ends a stack in order names the cause; this is a shard that was dropped where it stood.
        Ended::ShardGone => StackError::DriverGone.into(),
    }
}

/// The error of an end as `take_error` tells it: none for an end in order.
pub(crate) fn of_failure(ended: Option<Ended<'_, Failure>>) -> Option<io::Error> {
    match ended {
        Some(Ended::Closed) | None => None,
        Some(ended) => Some(of_end(ended, io::ErrorKind::NotConnected)),
    }
}
