//! libFuzzer's entry to [`synward_fuzz::wire::ipv4`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    synward_fuzz::wire::ipv4(data);
});
