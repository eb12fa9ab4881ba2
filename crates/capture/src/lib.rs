//! Where packets come from: eBPF, AF_PACKET, capture files
