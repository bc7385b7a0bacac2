//! Files stay small enough to be read at once.

use super::Failure;
use super::source::Source;

/// Lines of a file at most.
const LIMIT: usize = 600;

pub(super) fn check(sources: &[Source]) -> Vec<Failure> {
    let over = sources.iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > LIMIT).then(|| {
            let what = format!("{lines} lines, the limit is {LIMIT}");
            Failure::new(&source.path, LIMIT + 1, what, "split it where it has two reasons to change")
        })
    });
    over.collect()
}

#[cfg(test)]
mod tests {
    use super::super::source::samples;
    use super::*;

    #[test]
    fn one_line_over_the_limit_is_a_failure_and_the_limit_is_none() {
        let sources = samples(&[("a.rs", &"\n".repeat(LIMIT + 1)), ("b.rs", &"\n".repeat(LIMIT))]);
        let failures = check(&sources);
        assert_eq!(failures.len(), 1);
        assert!(failures[0].to_string().starts_with("a.rs:601: 601 lines"));
    }
}
