//! Whatever a snapshot may hold: the length of an `EngineStatic` in two octets, the `EngineStatic`, a chunk.
//!
//! What loads is asked for the names it holds, and must say the same whatever the seed of its hash tables is.
#![no_main]

use std::sync::{Arc, LazyLock};

use dns_core::{Decision, Static, View};
use dns_fuzz::{World, answers, names, split};
use libfuzzer_sys::fuzz_target;

static WORLD: LazyLock<World> = LazyLock::new(World::load);

fuzz_target!(|input: &[u8]| {
    let (extra, chunk) = split(input);
    let views = [1, 2].map(|seed| Static::load([chunk], extra, seed).map(|loaded| steered(Arc::new(loaded))));
    let names = names(chunk);
    match views {
        [Ok(one), Ok(other)] => {
            for (one, other) in one.iter().zip(&other) {
                assert!(answers(&names, one) == answers(&names, other), "an answer depends on the seed");
            }
        }
        [one, other] => assert!(one.err() == other.err(), "whether a snapshot loads depends on the seed"),
    }
});

/// With a decision that serves nothing, and with the world's where it fits.
fn steered(statics: Arc<Static>) -> Vec<View> {
    const NOTHING: &[u8] = b"\x08\x01";
    let load = |message| Decision::load(message, &statics, None, &mut WORLD.tables());
    let decisions = [NOTHING, WORLD.decision].into_iter().filter_map(|message| load(message).ok());
    decisions.map(|decision| View::new(Arc::clone(&statics), Arc::new(decision))).collect()
}
