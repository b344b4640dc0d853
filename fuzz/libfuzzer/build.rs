//! One linker flag: libFuzzer and libyara each bring a `memmem`, for systems whose C library has none.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg=-Wl,--allow-multiple-definition");
}
