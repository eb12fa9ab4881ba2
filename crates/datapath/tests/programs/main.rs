//! What the programs do with single frames, in this machine's kernel. Needs root.

mod counting;
mod frames;
mod keeping;
mod kernel;
mod protecting;
mod quality;
mod steering;
