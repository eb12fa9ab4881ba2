//! Demand and policy in, plan out
