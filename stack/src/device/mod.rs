//! `device`
