//! What tests of the command in network namespaces share.

// Each test target compiles this for itself and uses a part of it.
#![allow(dead_code, unused_imports)]

mod front;

pub(crate) use front::{
    BACKEND, Front, GUARD, KERNEL, OURS, client, client_of, expect_reset, have, try_client,
};
