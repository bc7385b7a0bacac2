//! `driver`
