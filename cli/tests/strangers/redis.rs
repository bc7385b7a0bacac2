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
    let requests = load(5_000, 100_000);
    // One request at a time from each client, many at a time, and values larger than a segment.
    for (tests, more) in [
        ("set,get,incr,lpush,lrange_100", &["-d", "3"][..]),
        ("set,get,incr,lpush,lrange_100", &["-P", "16"]),
        ("set,get,lpush", &["-d", "20000"]),
    ] {
        let common =
            ["-h", between.client_host, "-p", "6379", "-c", "20", "-n", &requests, "--csv", "-t", tests];
        let told = run("redis-benchmark", &[&common[..], more].concat(), 300);
        println!("redis-benchmark {more:?}\n{told}");
        let rates = told.lines().skip(1).filter(|line| line.starts_with('"')).count();
        assert!(rates >= tests.split(',').count() && !told.contains("rror"), "{told}");
    }
}
