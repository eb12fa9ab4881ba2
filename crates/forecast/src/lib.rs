//! Samples in, demand out
