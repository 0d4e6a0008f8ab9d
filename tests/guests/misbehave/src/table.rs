//! Grows a WebAssembly table, by the instruction itself.

std::arch::global_asm!(
    ".tabletype misbehave_table, funcref",
    "misbehave_table:",
    ".globl misbehave_grow_table",
    "misbehave_grow_table:",
    ".functype misbehave_grow_table (i32) -> (i32)",
    "ref.null_func",
    "local.get 0",
    "table.grow misbehave_table",
    "end_function",
);

unsafe extern "C" {
    safe fn misbehave_grow_table(by: i32) -> i32;
}

/// Grows by a thousand elements at a time, at most to a hundred million; returns to how many it came.
pub fn grow_until_refused() -> i64 {
    let mut grown = 0;
    while grown < 100_000_000 && misbehave_grow_table(1_000) != -1 {
        grown += 1_000;
    }
    grown
}
