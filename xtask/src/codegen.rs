//! `cargo xtask codegen`: what is written from the types in `wire` and from the classifier's sources.

use crate::{node, protocols, run, web};
use anyhow::Result;

/// Writes docs/protocols.md, docs/openapi.json, then web/src/wire.d.ts from it.
pub fn run() -> Result<()> {
    protocols::write()?;
    let openapi = run::output(&mut run::cargo(&["run", "--quiet", "--package", "equalnet", "--", "openapi"]))?;
    std::fs::write(run::root().join("docs/openapi.json"), openapi)?;
    web::install()?;
    run::check(&mut node::npm(&[
        "exec",
        "--",
        "openapi-typescript",
        "../docs/openapi.json",
        "--output",
        "src/wire.d.ts",
    ])?)?;
    println!("docs/protocols.md, docs/openapi.json and web/src/wire.d.ts are current.");
    Ok(())
}
