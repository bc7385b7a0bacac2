//! Why a handle of an application is over: for its own connection's reason, or because the whole stack ended.

use super::Step;
use crate::tcp::CloseReason;
use core::fmt;
use std::io;
use std::sync::Arc;

/// What every handle of a failed connection or listener reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The connection ended.
    Connection(CloseReason),
    /// The stack ended.
    Stack(StackError),
}

/// Why a stack is over. It is the source of the [`io::Error`] that every operation on the stack and its sockets then
/// gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StackError {
    /// The last handle of the stack was dropped.
    Dropped,
    /// It was shut down in order.
    ShutDown,
    /// Whatever drove it (a task, a thread, a runtime) was dropped or ended.
    DriverGone,
    /// The device failed.
    Device {
        /// The kind of its error.
        kind: io::ErrorKind,
        /// Its error.
        message: Arc<str>,
    },
    /// A turn panicked: a defect of the stack.
    Panicked {
        /// The step of the turn.
        step: Step,
        /// The panic's message.
        message: Arc<str>,
    },
}

impl StackError {
    /// The device failed with `error`.
    pub fn device(error: &io::Error) -> Self {
        Self::Device { kind: error.kind(), message: error.to_string().into() }
    }

    /// As std's kind.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Dropped | Self::ShutDown | Self::DriverGone => io::ErrorKind::NotConnected,
            Self::Device { kind, .. } => *kind,
            Self::Panicked { .. } => io::ErrorKind::Other,
        }
    }
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped => f.write_str("the stack was dropped"),
            Self::ShutDown => f.write_str("the stack was shut down"),
            Self::DriverGone => f.write_str("what drove the stack has ended"),
            Self::Device { message, .. } => write!(f, "the stack's device failed: {message}"),
            Self::Panicked { step, message } => {
                write!(f, "the stack panicked in the step {}: {message}", step.name())
            }
        }
    }
}

impl std::error::Error for StackError {}

impl From<StackError> for io::Error {
    fn from(error: StackError) -> Self {
        Self::new(error.kind(), error)
    }
}

impl From<&Failure> for io::Error {
    /// The error of std's kind; its source is the [`crate::tcp::ConnectError`], the [`CloseReason`] or the
    /// [`StackError`].
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Connection(CloseReason::Connect(error)) => Self::from(*error),
            Failure::Connection(reason) => {
                Self::new(reason.kind().unwrap_or(io::ErrorKind::NotConnected), *reason)
            }
            Failure::Stack(error) => Self::from(error.clone()),
        }
    }
}
