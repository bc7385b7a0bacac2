//! redis-server, and redis-benchmark as its clients.

use super::program::program;
use super::{Scratch, Server, Way, load, need, run};

pub fn redis_benchmark_loads_redis_through_guard() {
    benchmark(Way::Guard);
}

pub fn redis_benchmark_loads_redis_through_forward() {
    benchmark(Way::Forward);
}

fn benchmark(way: Way) {
    need(&["redis-server", "redis-benchmark"]);
    let scratch = Scratch::new();
    let between = way.open(6379);
    let mut command =
        program("redis-server", &["--bind", between.server_host, "--port", "6379", "--save", ""]);
    command.args(["--appendonly", "no", "--protected-mode", "no", "--daemonize", "no"]);
    command.current_dir(scratch.folder());
    let _redis = Server::listening(command, &between.server);
    let requests = load(5_000, 200_000);
    // One request at a time from each client, many at a time, and values larger than a segment.
    for more in [&["-d", "3"][..], &["-P", "16"], &["-d", "20000"]] {
        let common = ["-h", between.client_host, "-p", "6379", "-c", "20", "-n", &requests, "--csv"];
        let tests = ["-t", "set,get,incr,lpush,lrange_100"];
        let told = run("redis-benchmark", &[&common[..], &tests, more].concat(), 150);
        println!("redis-benchmark {more:?}\n{told}");
        let rates: Vec<_> = told.lines().skip(1).filter(|line| line.starts_with('"')).collect();
        assert!(rates.len() >= 5 && !told.contains("rror"), "{told}");
    }
}
