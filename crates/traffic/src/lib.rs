//! Packets in, samples out
