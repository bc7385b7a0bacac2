//! libFuzzer's entry to [`synward_fuzz::wire::icmpv4`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    synward_fuzz::wire::icmpv4(data);
});
