//! libFuzzer's entry to [`synward_fuzz::documents::toml`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    synward_fuzz::documents::toml(data);
});
