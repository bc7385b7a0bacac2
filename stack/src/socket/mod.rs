//! `socket`
