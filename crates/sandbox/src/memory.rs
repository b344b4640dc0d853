//! Memory that ends the process when there is none left, and says so.
//!
//! **Invariant**: apart from that it is the system's allocator, call for call.
#![allow(unsafe_code)]

use crate::sys;
use std::alloc::{GlobalAlloc, Layout, System};

/// Exit code of a worker that reached its address-space limit.
pub(crate) const OUT_OF_MEMORY: i32 = 209;

/// The allocator of a worker: the system's, but a request that cannot be met ends the process with an exit code that
/// reaches the supervisor as [`crate::Exit::OutOfMemory`]. Otherwise it would abort, which says nothing.
#[derive(Debug, Clone, Copy)]
pub struct BoundedMemory;

fn given(pointer: *mut u8) -> *mut u8 {
    if pointer.is_null() {
        sys::exit_now(OUT_OF_MEMORY);
    }
    pointer
}

// SAFETY: every call goes to the system's allocator with the caller's own arguments; ending the process instead of giving
// a null pointer breaks no promise of the trait.
unsafe impl GlobalAlloc for BoundedMemory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the promises of `GlobalAlloc::alloc`, which are those of this call.
        given(unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; the pointer came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above; the pointer came from the system's allocator.
        given(unsafe { System.realloc(pointer, layout, new_size) })
    }
}
