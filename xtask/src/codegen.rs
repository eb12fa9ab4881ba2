//! `cargo xtask codegen`: what is written from the types in `wire`.

use crate::{node, run, web};
use anyhow::Result;

/// Writes docs/openapi.json, then web/src/wire.d.ts from it.
pub fn run() -> Result<()> {
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
    println!("docs/openapi.json and web/src/wire.d.ts are current.");
    Ok(())
}
