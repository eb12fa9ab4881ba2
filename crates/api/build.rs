//! Makes sure that the dashboard's folder is there, empty if need be, so that embedding it never fails.

use std::path::Path;

fn main() {
    // `cargo build` never runs npm: `cargo xtask web` fills the folder, and only `cargo xtask dist` insists on it.
    let folder = Path::new("../../web/dist");
    if !folder.exists()
        && let Err(error) = std::fs::create_dir_all(folder)
    {
        println!("cargo::warning=the dashboard's folder cannot be made ({error}); a notice is served instead");
    }
    println!("cargo::rerun-if-changed=../../web/dist");
    println!("cargo::rerun-if-changed=build.rs");
}
