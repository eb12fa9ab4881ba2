//! The control loop as one value: inputs and time in, outputs out
