//! Holds the direction of imports between the rooms of this crate, so that each can be understood without those above.

use std::collections::BTreeSet;
use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

/// Each room, and those that it may know; whatever is not a room stands above all of them.
const ROOMS: [(&str, &[&str]); 8] = [
    ("hash", &[]),
    ("input", &[]),
    ("wire", &[]),
    ("addresses", &["input"]),
    ("zones", &["input", "wire"]),
    ("steering", &["addresses", "hash", "input", "wire"]),
    ("defence", &["addresses", "hash", "input", "wire", "zones"]),
    ("counts", &["defence", "wire"]),
];

/// What files above the rooms may know of each other, from the lowest to the highest.
const ABOVE: [&str; 8] = ["statics", "load", "view", "guard", "way", "asked", "resolve", "answer"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// Where a source file stands: its folder below `src`, or its own name.
fn place(file: &Path) -> String {
    let below = file.strip_prefix(src()).unwrap();
    below.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The places that code names, outside of comments and tests.
fn known(code: &str) -> Vec<String> {
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let named = lines.flat_map(|line| line.split("crate::").skip(1));
    let is_end = |letter: char| !letter.is_alphanumeric() && letter != '_';
    named.map(|rest| rest.split(is_end).next().unwrap_or_default().to_owned()).collect()
}

fn may_know(place: &str, other: &str) -> bool {
    let rank = |name| ABOVE.iter().position(|&above| above == name);
    match ROOMS.iter().find(|(room, _)| *room == place) {
        Some((_, allowed)) => other == place || allowed.contains(&other),
        None => ROOMS.iter().any(|(room, _)| *room == other) || rank(other) <= rank(place) && rank(other).is_some(),
    }
}

#[test]
fn rooms_know_only_those_below_them() {
    let mut met = BTreeSet::new();
    for file in sources(&src()) {
        let (place, code) = (place(&file), read_to_string(&file).unwrap());
        assert!(!code.contains("super::super"), "{}: write crate::, so that rooms can be told", file.display());
        for other in known(&code) {
            assert!(may_know(&place, &other), "{}: {place} must not know {other}", file.display());
        }
        met.insert(place);
    }
    let listed = ROOMS.iter().map(|&(room, _)| room).chain(ABOVE).chain(["lib"]);
    assert_eq!(met, listed.map(str::to_owned).collect::<BTreeSet<_>>());
}

#[test]
fn rooms_are_listed_from_the_lowest() {
    for (at, (room, allowed)) in ROOMS.iter().enumerate() {
        for other in *allowed {
            let below = ROOMS.iter().take(at).any(|(lower, _)| lower == other);
            assert!(below, "{room} is listed before {other}");
        }
    }
}

#[test]
fn a_wrong_direction_is_seen() {
    assert!(!may_know("wire", "zones") && !may_know("zones", "steering") && !may_know("steering", "Static"));
    assert!(!may_know("view", "answer") && may_know("answer", "view") && may_know("load", "zones"));
    let code = "use crate::zones::lookup::Zones;\n// crate::view\nfn f(x: crate::answer::Verdict) {}\n#[cfg(test)]\ncrate::load";
    assert_eq!(known(code), ["zones", "answer"]);
}
