//! nginx, and curl, wrk and ab as its clients.

use super::program::program;
use super::way::Between;
use super::{Scratch, Server, Way, load, need, run};
use std::fs;

pub fn curl_fetches_20_mb_from_nginx_through_guard() {
    curl(Way::Guard);
}

pub fn curl_fetches_20_mb_from_nginx_through_forward() {
    curl(Way::Forward);
}

pub fn wrk_and_ab_load_nginx_through_guard() {
    load_it(Way::Guard);
}

pub fn wrk_and_ab_load_nginx_through_forward() {
    load_it(Way::Forward);
}

/// nginx in one process, with the scratch folder as its site.
fn nginx(scratch: &Scratch, between: &Between) -> Server {
    let folder = scratch.folder().display();
    let site = format!(
        "user root root; daemon off; master_process off; error_log {folder}/error.log; pid {folder}/nginx.pid;
        events {{ worker_connections 2048; }}
        http {{
            access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
            uwsgi_temp_path {folder}; scgi_temp_path {folder}; keepalive_requests 1000000;
            server {{ listen {}; root {folder}; }}
        }}",
        between.server
    );
    let site = scratch.text("nginx.conf", &site);
    Server::listening(program("nginx", &["-c", site.to_str().unwrap()]), &between.server)
}

fn curl(way: Way) {
    need(&["nginx", "curl"]);
    let scratch = Scratch::new();
    let (_, blob) = scratch.blob("blob", 20_000_000);
    let between = way.open(8080);
    let _nginx = nginx(&scratch, &between);
    let url = format!("http://{}/blob", between.client);
    let copy = scratch.path("copy");
    for _ in 0..load(1, 20).parse().unwrap() {
        run("curl", &["-sS", "-f", "-o", copy.to_str().unwrap(), &url], 50);
        assert!(fs::read(&copy).unwrap() == blob, "the bytes differ");
    }
    // A part from the middle, and several at once over one connection.
    run("curl", &["-sS", "-f", "-r", "5000000-5999999", "-o", copy.to_str().unwrap(), &url], 20);
    assert!(fs::read(&copy).unwrap() == blob[5_000_000..6_000_000], "the bytes differ");
}

fn load_it(way: Way) {
    need(&["nginx", "wrk", "ab"]);
    let scratch = Scratch::new();
    scratch.blob("page", 5_000);
    let between = way.open(8080);
    let _nginx = nginx(&scratch, &between);
    let url = format!("http://{}/page", between.client);
    let seconds = format!("-d{}s", load(3, 60));
    let told = run("wrk", &["-t2", "-c50", &seconds, "--latency", &url], 120);
    println!("{told}");
    assert!(!told.contains("Socket errors") && !told.contains("Non-2xx"), "{told}");
    assert!(number(&told, "requests in").is_some_and(|n| n > 0), "{told}");
    // With a connection for each request, and with one for many.
    for more in [&[][..], &["-k"]] {
        let requests = load(1_000, 20_000);
        let arguments = [more, &["-q", "-n", &requests, "-c", "20", "-s", "20", &url]].concat();
        let told = run("ab", &arguments, 120);
        println!("{told}");
        assert!(told.contains("Failed requests:        0") && !told.contains("Non-2xx"), "{told}");
        assert!(told.contains(&format!("Complete requests:      {requests}")), "{told}");
    }
}

/// The number before `words`.
fn number(text: &str, words: &str) -> Option<u64> {
    text.split(words).next()?.split_whitespace().next_back()?.parse().ok()
}
