/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The layout shared with user space. src/maps.rs mirrors it and asserts every size and offset.
 * All numbers are in the machine's byte order, ports too; addresses are in network order, IPv4 mapped
 * into IPv6 (RFC 4291, 2.5.5.2).
 */
#ifndef EQUALNET_MAPS_H
#define EQUALNET_MAPS_H

#include <linux/types.h>

/* Grows with every change of this file: pinned maps of another layout are not adopted. */
#define LAYOUT 6

#define SLOTS 4096
#define PROTECTED 16384 /* flows that keep their class whatever comes */
#define CLASSES 16 /* room for 11 */
#define CLASS_COUNT 11
#define UNCLASSIFIED 10
#define BUCKETS 64 /* of round-trip times */
#define QUALITIES 16384 /* (device, class) pairs that have any */
#define DOWNLOAD 0
#define UPLOAD 1

#define DEFAULT_MINOR 2
#define LOCAL_MINOR 3
#define MARK 0xe0000000u
#define MARK_MASK 0xffff0000u

/* The largest frame that goes up whole: an Ethernet frame of 1,500 bytes with tags and room to spare. */
#define FRAME_MAX 1600
/* Most DNS answers, handshakes without payload and ARP fit; a smaller record wastes less of the ring. */
#define FRAME_SMALL 256

struct flow_key {
	__u8 low[16];
	__u8 high[16];
	__u16 low_port;
	__u16 high_port;
	__u8 protocol;
	__u8 zero[3];
};

/* What was sent in one direction and waits for its answer. Times are in ticks of 1.024 us of CLOCK_MONOTONIC. */
struct probe {
	__u32 value;      /* TCP: the number or timestamp that answers it; QUIC: the spin bit */
	__u32 at;
	__u32 next;       /* TCP: the number that follows what was sent */
	__u32 heard;      /* when the last packet of this direction was looked at */
	__u32 round_trip; /* the latest */
	__u8 state;
	__u8 period;      /* in which `next` and what is known were last brought up to date */
	__u8 strikes;     /* how often the spin bit made no sense */
	__u8 zero;
};

struct flow_value {
	__u64 low_bytes;   /* sent by the low end */
	__u64 low_packets;
	__u64 high_bytes;  /* sent by the high end */
	__u64 high_packets;
	__u64 first_ns;    /* CLOCK_MONOTONIC */
	__u64 last_ns;
	__u32 verdict_epoch;
	__u32 generation;
	__u16 sampled;
	__u16 classed_after; /* packets that had passed when it got its class */
	__u16 slot;
	__u8 class;
	__u8 flags;
	struct probe probes[2]; /* by direction */
};

#define FLOW_SETTLED 1 /* the verdict will not change any more: no samples */
#define FLOW_LOCAL 2   /* between the gateway and its devices, or among these: no traffic of the link */
#define FLOW_UPLOAD_DUE 4   /* an upload may answer a probe */
#define FLOW_DOWNLOAD_DUE 8 /* a download may */

/* Both of the map whose entries make room for others and of the one whose entries do not. */
struct verdict {
	__u8 class;
	__u8 settled;
	__u16 zero;
};

/* A datagram that travels in parts; only the first has ports. */
struct fragment_key {
	__u8 source[16];
	__u8 destination[16];
	__u32 id;
	__u8 protocol;
	__u8 zero[3];
};

struct fragment_ports {
	__u16 source;
	__u16 destination;
};

struct mac_key {
	__u8 mac[6];
	__u8 zero[2];
};

struct address_key {
	__u8 address[16];
};

struct counter {
	__u64 bytes;
	__u64 packets;
};

/* Of a (device, class), by the direction in which the probe or the segment went. */
struct quality {
	__u32 round_trips[2][BUCKETS];
	__u64 segments[2]; /* with data, while flows were looked at */
	__u64 again[2];    /* of those: sent again, or out of order */
};

/* What an interface is to the links. */
#define SIDE_LAN 1   /* devices are behind it */
#define SIDE_QUEUE 2 /* an IFB of ours: what comes from it has waited */

#define STEERING 1 /* queues are in force: set priorities and marks */
#define MARKING 2  /* write the class into the DS field */

struct config {
	__u32 layout;
	__u32 generation;    /* grows when a device gets or loses its slot */
	__u32 verdict_epoch; /* grows when a verdict is written */
	__u32 flags;
	__u32 sample_limit;
	__u16 download_major;
	__u16 upload_major;
	__u8 dscp[CLASSES];
	__u32 windows; /* flows are looked at in one window of so many and one: a power of two, less one */
	__u32 zero;
};

struct stats {
	__u64 packets[2]; /* by direction, all that was counted or not */
	__u64 bytes[2];
	__u64 local_packets; /* that never cross the link */
	__u64 local_bytes;
	__u64 unknown_packets; /* of no device with a slot */
	__u64 unknown_bytes;
	__u64 not_ip;
	__u64 malformed;
	__u64 frames;    /* sent up */
	__u64 ring_full; /* should have been sent up */
	__u64 flows;     /* opened */
	__u64 flows_refused; /* the table took no new flow */
	__u64 steered;
	__u64 steered_default; /* no leaf of its own */
};

#define EVENT_LOCAL 1  /* no traffic of the link */
#define EVENT_TAGGED 2 /* of the VLAN in vlan_tci: the kernel took the tag off */
#define EVENT_RAW 4    /* begins with the IP header */

struct event {
	__u64 at_ns; /* CLOCK_MONOTONIC */
	__u32 ifindex;
	__u32 wire_length;
	__u32 captured;
	__u32 packets;
	__u16 slot;
	__u16 vlan_tci;
	__u8 direction;
	__u8 flags;
	__u8 class;
	__u8 zero;
	/* the frame follows */
};

#endif
