//! `bench-load echo LISTEN REPLY_BYTES` | `bench-load flood|pace SERVER NAMES PREFIXES SECONDS WINDOW|RATE SEED`.
//!
//! Loads one DNS server over UDP from one thread and prints one line of JSON. Servers at loopback only.

mod batch;
mod echo;
mod generate;
mod histogram;
mod queries;

use std::error::Error;
use std::fs::read_to_string;
use std::net::SocketAddr;
use std::time::Duration;

use generate::{Generator, Outcome};
use queries::Queries;

/// Of paced load: far more than a server that keeps up ever has waiting.
const PACED_WINDOW: u16 = 8192;
const LONGEST_S: f64 = 600.0;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *words.as_slice() {
        ["echo", listen, reply_bytes] => echo::serve(loopback(listen)?, reply_bytes.parse()?)?,
        [mode @ ("flood" | "pace"), server, names, prefixes, seconds, amount, seed] => {
            let server = loopback(server)?;
            let queries = Queries::parse(&read_to_string(names)?, &read_to_string(prefixes)?, seed.parse()?)?;
            let length = Duration::from_secs_f64(seconds.parse::<f64>()?.min(LONGEST_S));
            let outcome = match mode {
                "flood" => Generator::new(server, queries, amount.parse()?)?.flood(length)?,
                _ => Generator::new(server, queries, PACED_WINDOW)?.pace(amount.parse()?, length)?,
            };
            print(&outcome);
        }
        _ => return Err("see the head of bench/load/src/main.rs for what can be said".into()),
    }
    Ok(())
}

fn loopback(text: &str) -> Result<SocketAddr, Box<dyn Error>> {
    let address: SocketAddr = text.parse()?;
    if !address.ip().is_loopback() {
        return Err(format!("{address} is not of this machine's loopback: load goes nowhere else").into());
    }
    Ok(address)
}

fn print(outcome: &Outcome) {
    let microseconds = |share| outcome.latencies_ns.quantile(share) as f64 / 1e3;
    println!(
        "{{\"sent\": {}, \"answered\": {}, \"wrong\": {}, \"lost\": {}, \"reply_bytes\": {}, \"elapsed_s\": {:.6}, \
         \"p50_us\": {:.1}, \"p99_us\": {:.1}, \"p999_us\": {:.1}}}",
        outcome.sent,
        outcome.answered,
        outcome.wrong,
        outcome.lost,
        outcome.reply_bytes,
        outcome.elapsed.as_secs_f64(),
        microseconds(0.5),
        microseconds(0.99),
        microseconds(0.999),
    );
}
