//! Every target with its corpus, with its seeds, and with each of these damaged in many ways: the same ways in each run.

use hearthgate_fuzz_targets::{TARGETS, Target};
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Damaged copies of each seed.
const COPIES: u64 = 100;
/// What a corpus may come to: it is in the repository.
const MAX_FILES: usize = 100;
const MAX_BYTES: usize = 200_000;

fn fuzz() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("targets/ is below fuzz/")
}

fn inputs(folder: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(fuzz().join(folder).join(target))
        .unwrap_or_else(|error| panic!("no {folder} for {target}: {error}"))
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no {folder}");
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).expect("an input can be read");
        (path, bytes)
    };
    files.into_iter().map(read).collect()
}

/// Cuts, flips, doubles and swaps, a few times over.
fn damage(bytes: &[u8], rng: &mut SmallRng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..6) {
        if bytes.is_empty() {
            bytes.push(rng.next_u32() as u8);
            continue;
        }
        let at = rng.random_range(0..bytes.len());
        let end = rng.random_range(at..bytes.len()).min(at + 64);
        match rng.random_range(0..6) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << rng.random_range(0..8),
            2 => bytes[at] = rng.next_u32() as u8,
            3 => drop(bytes.drain(at..end)),
            4 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            _ => bytes.insert(at, rng.next_u32() as u8),
        }
    }
    bytes
}

fn try_one(name: &str, target: Target, what: &str, bytes: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err() {
        panic!(
            "{name} fell over {what}: {:?}",
            String::from_utf8_lossy(bytes)
        );
    }
}

#[test]
fn no_target_falls_over_its_seeds_or_damaged_ones() {
    for (name, target) in TARGETS {
        for (path, bytes) in inputs("seeds", name) {
            try_one(name, *target, &path.display().to_string(), &bytes);
            for copy in 0..COPIES {
                let damaged = damage(&bytes, &mut SmallRng::seed_from_u64(copy));
                let what = format!("copy {copy} of {}", path.display());
                try_one(name, *target, &what, &damaged);
            }
        }
    }
}

#[test]
fn no_target_falls_over_its_corpus_which_is_small() {
    for (name, target) in TARGETS {
        let corpus = inputs("corpus", name);
        let bytes: usize = corpus.iter().map(|(_, bytes)| bytes.len()).sum();
        let files = corpus.len();
        assert!(
            files <= MAX_FILES && bytes <= MAX_BYTES,
            "{name}: {files} files, {bytes} bytes"
        );
        for (path, bytes) in corpus {
            try_one(name, *target, &path.display().to_string(), &bytes);
        }
    }
}

/// A target without its shell is never fuzzed.
#[test]
fn each_target_can_be_run_by_cargo_fuzz() {
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).expect("it is there");
    for (name, _) in TARGETS {
        let shell = fuzz().join(format!("fuzz_targets/{name}.rs"));
        let text = std::fs::read_to_string(&shell).unwrap_or_default();
        assert!(
            text.contains(&format!("hearthgate_fuzz_targets::{name}(data)")),
            "{name}"
        );
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
