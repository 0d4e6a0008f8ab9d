#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| hearthgate_fuzz_targets::homeguard(data));
