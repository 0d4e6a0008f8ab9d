//! Grows a WebAssembly table, by the instruction itself.

std::arch::global_asm!(
    ".tabletype misbehave_table, externref",
    "misbehave_table:",
    ".globl misbehave_grow_table",
    "misbehave_grow_table:",
    ".functype misbehave_grow_table (i32) -> (i32)",
    "ref.null_extern",
    "local.get 0",
    "table.grow misbehave_table",
    "end_function",
);

unsafe extern "C" {
    safe fn misbehave_grow_table(by: i32) -> i32;
}

/// Grows by a hundred thousand elements at a time, at most to two thousand million.
pub fn grow_until_refused() -> i64 {
    let mut grown = 0;
    while grown < 2_000_000_000 && misbehave_grow_table(100_000) != -1 {
        grown += 100_000;
    }
    grown
}
