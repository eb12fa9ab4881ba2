//! The committed object is what its source says.

#![allow(clippy::print_stderr)]

use std::path::Path;
use std::process::Command;

#[test]
fn the_object_is_compiled_from_the_source_beside_it() {
    let bpf = Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf");
    for tool in ["clang-19", "llvm-strip-19"] {
        if Command::new(tool).arg("--version").output().is_err() {
            eprintln!("SKIPPED: {tool} is not here, the committed object cannot be compared with its source");
            return;
        }
    }
    if !Path::new("/usr/include/bpf/bpf_helpers.h").exists() {
        eprintln!("SKIPPED: libbpf-dev is not here, the committed object cannot be compared with its source");
        return;
    }
    let made = std::env::temp_dir().join(format!("equalnet-{}.bpf.o", std::process::id()));
    let status = Command::new(bpf.join("build.sh")).arg(&made).status().unwrap();
    assert!(status.success(), "{}/build.sh failed", bpf.display());
    let fresh = std::fs::read(&made).unwrap();
    std::fs::remove_file(&made).unwrap();
    let committed = std::fs::read(bpf.join("equalnet.bpf.o")).unwrap();
    assert!(fresh == committed, "equalnet.bpf.o is stale: run crates/datapath/bpf/build.sh bpf/equalnet.bpf.o");
}
