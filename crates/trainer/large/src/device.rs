//! Where a network computes.

use anyhow::Result;
use burn::tensor::Device;

/// A processor of one sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Place {
    /// All cores, in plain Rust
    Cpu,
    /// The first GPU of NVIDIA's; only where it was built with the feature `cuda`
    Cuda,
}

impl Place {
    /// The device itself.
    ///
    /// # Errors
    /// It was built without what that device takes: what to build.
    pub fn open(self) -> Result<Device> {
        match self {
            Place::Cpu => Ok(Device::flex()),
            #[cfg(feature = "cuda")]
            Place::Cuda => Ok(Device::cuda(0)),
            #[cfg(not(feature = "cuda"))]
            Place::Cuda => anyhow::bail!(
                "this was built without CUDA: `cargo run --release --manifest-path crates/trainer/large/Cargo.toml \
                 --features cuda -- --device cuda …` builds it so (`cargo xtask train large --device cuda …` does \
                 that); CUDA 12 must be installed"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn without_cuda_it_says_what_to_build() {
        assert!(Place::Cpu.open().is_ok());
        let error = Place::Cuda.open().expect_err("it was built without").to_string();
        assert!(error.contains("--features cuda"), "{error}");
    }
}
