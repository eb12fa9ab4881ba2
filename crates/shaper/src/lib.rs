//! Makes the queues of the kernel match a plan, over netlink
