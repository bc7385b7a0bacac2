//! libFuzzer's entry to [`synward_fuzz::wire::ethernet`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    synward_fuzz::wire::ethernet(data);
});
