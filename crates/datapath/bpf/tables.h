/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The maps: all are pinned by their names. */
#ifndef EQUALNET_TABLES_H
#define EQUALNET_TABLES_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "maps.h"

#define MAP(name, kind, key_type, value_type, entries)		\
	struct {						\
		__uint(type, kind);				\
		__uint(max_entries, entries);			\
		__type(key, key_type);				\
		__type(value, value_type);			\
		__uint(pinning, LIBBPF_PIN_BY_NAME);		\
	} name SEC(".maps")

MAP(flows, BPF_MAP_TYPE_LRU_HASH, struct flow_key, struct flow_value, 262144);
MAP(verdicts, BPF_MAP_TYPE_LRU_HASH, struct flow_key, struct verdict, 262144);
/* No LRU: what stands here makes room for nobody. User space puts established flows of protected classes here. */
MAP(protected, BPF_MAP_TYPE_HASH, struct flow_key, struct verdict, PROTECTED);
/* Room for the datagrams that are on their way in parts at one time; a later part that finds no first has no ports. */
MAP(fragments, BPF_MAP_TYPE_LRU_HASH, struct fragment_key, struct fragment_ports, 4096);
MAP(devices_by_mac, BPF_MAP_TYPE_HASH, struct mac_key, __u32, SLOTS);
MAP(devices_by_address, BPF_MAP_TYPE_HASH, struct address_key, __u32, SLOTS);
MAP(counters, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct counter, SLOTS * CLASSES * 2);
MAP(no_quality, BPF_MAP_TYPE_ARRAY, __u32, struct quality, 1); /* zeros: a new row is too large for the stack */
MAP(steer, BPF_MAP_TYPE_ARRAY, __u32, __u32, 2 * 65536);
MAP(statistics, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct stats, 1);
MAP(configuration, BPF_MAP_TYPE_ARRAY, __u32, struct config, 1);
MAP(sides, BPF_MAP_TYPE_HASH, __u32, __u32, 1024); /* interface -> what it is to the links */
/* Interface and VLAN -> frames of this VLAN are seen on an interface of their own, above this one. */
MAP(vlans, BPF_MAP_TYPE_HASH, __u64, __u32, 1024);

/* (slot, class) -> how its flows fare; rows are made when there is something to say. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, QUALITIES);
	__type(key, __u32);
	__type(value, struct quality);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} qualities SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} events SEC(".maps");

#endif
