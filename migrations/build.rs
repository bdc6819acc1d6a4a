//! Rebuilds the crate when a migration is added: the macro alone sees only known files.

fn main() {
    println!("cargo:rerun-if-changed=sql");
}
