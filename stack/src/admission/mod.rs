//! `admission`
