//! The command line and the terminal UI; speaks only wire
