//! libFuzzer's entry to [`synward_fuzz::stack::run`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    synward_fuzz::stack::run(data);
});
