//! Whatever strangers send at the same time: packets, each with an octet that says who sent it and its length in two.
//!
//! Answered together each gets what it would get alone, whatever its place in the group held before.
#![no_main]

use std::sync::LazyLock;

use dns_core::{Client, GROUP};
use dns_fuzz::{World, ask, ask_together, client, split};
use libfuzzer_sys::fuzz_target;

static WORLD: LazyLock<World> = LazyLock::new(World::load);

fuzz_target!(|input: &[u8]| {
    let (view, packets) = (WORLD.view(), packets(input));
    let together = ask_together(&packets, &view);
    for ((packet, client), said) in packets.iter().zip(together) {
        assert!(ask(packet, client, &view) == said, "a packet is answered otherwise in a group");
    }
});

fn packets(mut input: &[u8]) -> Vec<(&[u8], Client)> {
    let mut found = Vec::new();
    while let Some((&how, rest)) = input.split_first()
        && found.len() < GROUP
    {
        let (packet, rest) = split(rest);
        found.push((packet, client(how)));
        input = rest;
    }
    found
}
