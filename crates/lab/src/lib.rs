//! Real packets: a household in network namespaces
