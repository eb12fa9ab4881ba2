//! The eBPF programs, their maps, and the code that loads them
