//! A simulated network around a real engine
