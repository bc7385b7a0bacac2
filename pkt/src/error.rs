//! What went wrong in a script, and where.

use std::fmt;

/// A place in a script, both from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Pos {
    /// The line.
    pub line: u32,
    /// The character in the line.
    pub column: u32,
}

/// An error of a script: it cannot be read, or what happened is not what it says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// The file as it was named.
    pub file: String,
    /// Where.
    pub pos: Pos,
    /// What was expected and what was there; may have more lines.
    pub message: String,
}

impl Error {
    /// An error at `pos` of a file whose name comes later ([`Error::in_file`]).
    pub fn new(pos: Pos, message: impl Into<String>) -> Self {
        Self { file: String::new(), pos, message: message.into() }
    }

    /// The same with the file's name.
    #[must_use]
    pub fn in_file(mut self, file: &str) -> Self {
        file.clone_into(&mut self.file);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, pos: Pos { line, column }, message } = self;
        write!(f, "{file}:{line}:{column}: {message}")
    }
}

impl std::error::Error for Error {}
