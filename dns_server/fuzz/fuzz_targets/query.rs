//! Whatever a stranger sends: an octet that says who and over what, then the packet.
#![no_main]

use std::sync::LazyLock;

use dns_fuzz::{World, ask, client};
use libfuzzer_sys::fuzz_target;

static WORLD: LazyLock<World> = LazyLock::new(World::load);

fuzz_target!(|input: &[u8]| {
    if let Some((&how, packet)) = input.split_first() {
        ask(packet, &client(how), &WORLD.view());
    }
});
