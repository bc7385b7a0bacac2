//! CPU time and resident memory of this process.

/// CPU seconds of this thread: another load on the core does not count.
pub fn cpu() -> f64 {
    let mut at = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `at` is a valid place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut at) };
    at.tv_sec as f64 + at.tv_nsec as f64 * 1e-9
}

/// Resident bytes of this process.
pub fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// The median.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value below which a share `p` of all lies.
pub fn percentile(values: &mut [u32], p: f64) -> u32 {
    values.sort_unstable();
    let at = ((values.len().saturating_sub(1)) as f64 * p) as usize;
    values.get(at).copied().unwrap_or(0)
}
