//! libFuzzer's entry to [`synward_fuzz::wire::tcp`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    synward_fuzz::wire::tcp(data);
});
