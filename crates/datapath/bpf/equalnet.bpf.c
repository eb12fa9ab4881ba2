/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The data path: counts every packet once per (device, class, direction), keeps flows and their class, sends the
 * first frames of a flow up until its verdict is settled, and puts packets into their class.
 *
 * It never drops or delays: whatever it cannot read passes untouched (and is counted as malformed).
 * Compiled by the command in tests/object.rs, which compares the committed object byte by byte.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "quality.h"

#define PACKET_HOST 0		 /* skb->pkt_type, linux/if_packet.h */
#define PACKET_OTHERHOST 3
#define AF_INET 2
#define AF_INET6 10

struct small_record {
	struct event event;
	__u8 frame[FRAME_SMALL];
};

struct large_record {
	struct event event;
	__u8 frame[FRAME_MAX];
};

static __always_inline const struct verdict *find_verdict(const union key *key)
{
	const struct verdict *verdict = bpf_map_lookup_elem(&protected, key);

	return verdict ? verdict : bpf_map_lookup_elem(&verdicts, key);
}

/* The slot of the packet's device: it is the source of uploads and the destination of downloads. */
static __noinline int find_device(struct __sk_buff *skb, const struct packet *p, __u32 direction, __u32 framing)
{
	struct mac_key by_mac = {};
	__u8 address[16];
	__u32 *slot = 0;

	if (framing == ETHERNET) {
		bpf_skb_load_bytes(skb, direction == DOWNLOAD ? 0 : ETH_ALEN, by_mac.mac, sizeof(by_mac.mac));
		slot = bpf_map_lookup_elem(&devices_by_mac, &by_mac);
	}
	if (!slot) {
		if ((direction == UPLOAD) == p->from_low)
			__builtin_memcpy(address, p->key.flow.low, 16);
		else
			__builtin_memcpy(address, p->key.flow.high, 16);
		slot = bpf_map_lookup_elem(&devices_by_address, address);
	}
	return slot ? *slot & (SLOTS - 1) : 0;
}

static __always_inline int is_side(__u32 interface, __u32 side)
{
	const __u32 *is = bpf_map_lookup_elem(&sides, &interface);

	return is && *is == side;
}

/* Whether a packet to the devices comes from the gateway itself, or from other devices of its. */
static __noinline int comes_from_inside(struct __sk_buff *skb)
{
	return skb->ingress_ifindex == 0 || is_side(skb->ingress_ifindex, SIDE_LAN);
}

/*
 * Whether a frame from the devices ends at the gateway itself, or goes to other devices of its. Asked once per flow. A
 * bridge does not say where a frame will go: there, it is seen where the frame leaves.
 */
static __noinline int stays_inside(struct __sk_buff *skb, const struct packet *p)
{
	struct bpf_fib_lookup route = {};

	/* Groups and everybody; a frame to another station is bridged through us. */
	if (skb->pkt_type != PACKET_HOST)
		return skb->pkt_type != PACKET_OTHERHOST;
	route.ifindex = skb->ifindex;
	if (p->from_low) {
		__builtin_memcpy(route.ipv6_src, p->key.flow.low, 16);
		__builtin_memcpy(route.ipv6_dst, p->key.flow.high, 16);
	} else {
		__builtin_memcpy(route.ipv6_src, p->key.flow.high, 16);
		__builtin_memcpy(route.ipv6_dst, p->key.flow.low, 16);
	}
	route.family = AF_INET6;
	if (p->version == 4) {
		route.family = AF_INET;
		/* The last four bytes of the mapped address. */
		route.ipv4_src = route.ipv6_src[3];
		route.ipv4_dst = route.ipv6_dst[3];
	}
	switch (bpf_fib_lookup(skb, &route, sizeof(route), 0)) {
	case BPF_FIB_LKUP_RET_NOT_FWDED:
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return 1;
	case BPF_FIB_LKUP_RET_SUCCESS:
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return is_side(route.ifindex, SIDE_LAN);
	default:
		return 0;
	}
}

/*
 * Between 1 and `most`, on one register: the verifier of 6.1 forgets bounds that the compiler proves on another.
 * `n` is at least 1.
 */
#define BOUND(n, most)								\
	({									\
		__u64 bounded = (__u64)(n) - 1;					\
		asm volatile("if %0 < %1 goto +1\n\t%0 = %2"			\
			     : "+r"(bounded)					\
			     : "i"(most), "i"((most) - 1));			\
		bounded + 1;							\
	})

/* Sends the frame up, as far as there is room in a record. */
static __noinline int send_up(struct __sk_buff *skb, struct stats *stats, struct passing *passing)
{
	struct event *event = &passing->event;
	__u64 length = skb->len;

	event->ifindex = skb->ifindex;
	event->captured = 0;
	event->vlan_tci = skb->vlan_tci;
	if (skb->vlan_present)
		event->flags |= EVENT_TAGGED;
	if (passing->framing == RAW_IP)
		event->flags |= EVENT_RAW;
	event->direction = direction_of(passing->place);
	if (!event->at_ns)
		event->at_ns = bpf_ktime_get_ns();
	if (length == 0)
		return 0;
	if (length <= FRAME_SMALL) {
		struct small_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

		if (!record) {
			stats->ring_full++;
			return 0;
		}
		record->event = *event;
		length = BOUND(length, FRAME_SMALL);
		if (bpf_skb_load_bytes(skb, 0, record->frame, length) == 0)
			record->event.captured = length;
		bpf_ringbuf_submit(record, 0);
	} else {
		struct large_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

		if (!record) {
			stats->ring_full++;
			return 0;
		}
		record->event = *event;
		length = BOUND(length, FRAME_MAX);
		if (bpf_skb_load_bytes(skb, 0, record->frame, length) == 0)
			record->event.captured = length;
		bpf_ringbuf_submit(record, 0);
	}
	stats->frames++;
	return 0;
}

/* The minor number of the leaf that takes a packet, or of the default leaf. */
static __always_inline __u32 leaf_of(struct stats *stats, __u32 direction, __u16 slot, __u8 class)
{
	__u32 base = direction * 65536 + slot * 16, row;
	__u32 *present;

	if (slot) {
		row = base + class + 1;
		present = bpf_map_lookup_elem(&steer, &row);
		if (present && *present) {
			stats->steered++;
			return slot * 16 + class + 1;
		}
		row = base + UNCLASSIFIED + 1;
		present = bpf_map_lookup_elem(&steer, &row);
		if (present && *present) {
			stats->steered++;
			return slot * 16 + UNCLASSIFIED + 1;
		}
	}
	stats->steered_default++;
	return DEFAULT_MINOR;
}

/* Writes the class into the DS field, ECN kept (RFC 2474, RFC 3168). */
static __noinline int mark(struct __sk_buff *skb, const struct packet *p, __u32 dscp)
{
	__u8 is = p->traffic_class, wanted = (dscp << 2) | (is & 3);

	if (is == wanted)
		return 0;
	if (p->version == 4) {
		bpf_l3_csum_replace(skb, p->ip + __builtin_offsetof(struct iphdr, check), bpf_htons(is), bpf_htons(wanted),
				    2);
		bpf_skb_store_bytes(skb, p->ip + 1, &wanted, 1, 0);
	} else {
		__u8 front[2];

		if (bpf_skb_load_bytes(skb, p->ip, front, 2))
			return 0;
		front[0] = (front[0] & 0xf0) | (wanted >> 4);
		front[1] = (front[1] & 0x0f) | (wanted << 4);
		bpf_skb_store_bytes(skb, p->ip, front, 2, BPF_F_RECOMPUTE_CSUM);
	}
	return 0;
}

/* The first packet of a flow, or the first since the flow made room for others: what is known of it. */
static __noinline int begin(struct __sk_buff *skb, const struct packet *p, const struct config *config,
			    struct passing *passing, struct flow_value *fresh)
{
	/* Only what began before may have a verdict. */
	const struct verdict *verdict = p->opens ? 0 : find_verdict(&p->key);

	passing->event.at_ns = fresh->first_ns = fresh->last_ns = bpf_ktime_get_ns();
	fresh->low_bytes = p->from_low ? passing->event.wire_length : 0;
	fresh->low_packets = p->from_low ? passing->event.packets : 0;
	fresh->high_bytes = p->from_low ? 0 : passing->event.wire_length;
	fresh->high_packets = p->from_low ? 0 : passing->event.packets;
	fresh->verdict_epoch = config->verdict_epoch;
	fresh->generation = config->generation;
	fresh->classed_after = 0;
	fresh->class = UNCLASSIFIED;
	fresh->flags = 0;
	if (verdict) {
		fresh->class = verdict->class;
		fresh->flags = verdict->settled ? FLOW_SETTLED : 0;
	}
	fresh->slot = find_device(skb, p, direction_of(passing->place), passing->framing);
	if (passing->origin == LOCAL ||
	    (passing->origin == UNASKED && (passing->place == LAN_EGRESS ? comes_from_inside(skb) : stays_inside(skb, p))))
		fresh->flags |= FLOW_LOCAL;
	__builtin_memset(fresh->probes, 0, sizeof(fresh->probes));
	measure_opening(skb, p, fresh, direction_of(passing->place));
	fresh->sampled = !(fresh->flags & FLOW_SETTLED) && !p->later && !p->notable && config->sample_limit > 0;
	return 0;
}

/* Devices got or lost slots, or verdicts were written, since the flow's last packet. */
static __noinline int catch_up(struct __sk_buff *skb, const struct packet *p, const struct config *config,
			       struct flow_value *flow, const struct passing *passing)
{
	if (flow->generation != config->generation) {
		__u32 generation = config->generation;

		flow->slot = find_device(skb, p, direction_of(passing->place), passing->framing);
		flow->generation = generation;
	}
	if (flow->verdict_epoch != config->verdict_epoch) {
		/* Read first: a verdict written after this look-up comes with another epoch. */
		__u32 epoch = config->verdict_epoch;
		const struct verdict *verdict = find_verdict(&p->key);

		if (verdict) {
			if (flow->class != verdict->class) {
				__u64 passed = flow->low_packets + flow->high_packets;

				flow->classed_after = passed > 65535 ? 65535 : passed;
			}
			flow->class = verdict->class;
			flow->flags = (flow->flags & ~FLOW_SETTLED) | (verdict->settled ? FLOW_SETTLED : 0);
		}
		flow->verdict_epoch = epoch;
	}
	return 0;
}

/* A packet of the link in `minor`, or one that is none of it. */
#define NO_MINOR 0

/* Whether frames of this VLAN are those of an interface of their own: another LAN, or the line. */
static __noinline int is_counted_above(struct __sk_buff *skb)
{
	__u64 vlan = (__u64)skb->ifindex << 32 | (skb->vlan_tci & 0xfff);

	return bpf_map_lookup_elem(&vlans, &vlan) != 0;
}

/* Counts the packet, sends it up if it tells something, and says which leaf takes it. */
static __always_inline __u32 account(struct __sk_buff *skb, const struct config *config, enum place place,
				     enum framing framing, enum origin origin)
{
	const int ingress = place == LAN_INGRESS || place == HOST_INGRESS;
	const __u32 direction = direction_of(place);
	__u32 zero = 0, row, column, wire_length, packets;
	struct flow_value fresh, *flow;
	struct passing passing;
	struct counter *counter;
	struct stats *stats;
	struct packet p;
	int parsed = PARSED;
	__u64 coarse;
	__u16 slot;
	__u8 class, flags, sample;

	stats = bpf_map_lookup_elem(&statistics, &zero);
	if (!stats)
		return NO_MINOR;
	/* Nor does it wait here: it does above, if at all. */
	if (framing == ETHERNET && skb->vlan_present && is_counted_above(skb))
		return LOCAL_MINOR;
	if (!parse_plain(skb, &p, framing)) {
		__builtin_memset(&p, 0, sizeof(p));
		parsed = parse_any(skb, &p, framing);
	}

	/* One super-packet is many packets on the wire, each with its own headers. */
	packets = skb->gso_segs;
	wire_length = skb->len;
	/* A guest's card says how large its segments are, but not how many (SKB_GSO_DODGY). */
	if (packets == 0 && skb->gso_size && wire_length > p.payload)
		packets = (wire_length - p.payload + skb->gso_size - 1) / skb->gso_size;
	if (packets == 0)
		packets = 1;
	if (packets > 1) {
		if (!ingress)
			wire_length = skb->wire_len;
		else if (parsed == PARSED)
			wire_length += (packets - 1) * p.payload;
	}
	stats->packets[direction] += packets;
	stats->bytes[direction] += wire_length;
	passing.place = place;
	passing.framing = framing;
	passing.origin = origin;
	passing.zero = 0;
	passing.zeros = 0;
	passing.event.at_ns = 0;
	passing.event.zero = 0;
	passing.event.wire_length = wire_length;
	passing.event.packets = packets;

	if (parsed != PARSED) {
		int from_here = origin == LOCAL || (origin == UNASKED && place == LAN_EGRESS && comes_from_inside(skb));

		if (parsed == MALFORMED)
			stats->malformed++;
		else
			stats->not_ip++;
		if (p.notable) {
			passing.event.slot = 0;
			passing.event.class = UNCLASSIFIED;
			passing.event.flags = from_here ? EVENT_LOCAL : 0;
			send_up(skb, stats, &passing);
		}
		return from_here ? LOCAL_MINOR : NO_MINOR;
	}

	sample = 0;
	/* What opens a flow is not looked for: to put it into the table finds out as well. */
	flow = p.opens ? 0 : bpf_map_lookup_elem(&flows, &p.key);
	if (!flow) {
		begin(skb, &p, config, &passing, &fresh);
		if (bpf_map_update_elem(&flows, &p.key, &fresh, BPF_NOEXIST) == 0) {
			stats->flows++;
		} else {
			/* Another CPU may have been faster; then its entry is ours too. */
			flow = bpf_map_lookup_elem(&flows, &p.key);
			if (!flow)
				stats->flows_refused++;
		}
		sample = fresh.sampled;
	}
	if (flow) {
		if (flow->generation != config->generation || flow->verdict_epoch != config->verdict_epoch)
			catch_up(skb, &p, config, flow, &passing);
		/* It came in by a bridge, which did not say where it would go. */
		if (origin == LOCAL && !(flow->flags & FLOW_LOCAL))
			flow->flags |= FLOW_LOCAL;
		if (p.from_low) {
			__sync_fetch_and_add(&flow->low_bytes, wire_length);
			__sync_fetch_and_add(&flow->low_packets, packets);
		} else {
			__sync_fetch_and_add(&flow->high_bytes, wire_length);
			__sync_fetch_and_add(&flow->high_packets, packets);
		}
		/* To a few milliseconds, at a tenth of the price. */
		coarse = bpf_ktime_get_coarse_ns();
		flow->last_ns = coarse;
		flags = flow->flags;
		if ((is_window(coarse, config->windows) || flags & due_flag(direction)) && !(flags & FLOW_LOCAL))
			measure(skb, &p, flow, direction, config->windows, packets, coarse);
		sample = !(flags & FLOW_SETTLED) && !p.later && !p.notable && flow->sampled < config->sample_limit;
		if (sample)
			flow->sampled++;
	} else {
		flow = &fresh;
		flags = flow->flags;
	}
	slot = flow->slot & (SLOTS - 1);
	class = flow->class < CLASS_COUNT ? flow->class : UNCLASSIFIED;
	/* The verifier of 6.1 does not see that bound where it is needed: the compiler must leave this mask in. */
	column = class;
	asm volatile("" : "+r"(column));
	column &= CLASSES - 1;

	if (flags & FLOW_LOCAL) {
		stats->local_packets += packets;
		stats->local_bytes += wire_length;
	} else {
		if (!slot) {
			stats->unknown_packets += packets;
			stats->unknown_bytes += wire_length;
		}
		row = (slot * CLASSES + column) * 2 + direction;
		counter = bpf_map_lookup_elem(&counters, &row);
		if (counter) {
			counter->bytes += wire_length;
			counter->packets += packets;
		}
	}

	if (p.notable || sample) {
		passing.event.slot = slot;
		passing.event.class = class;
		passing.event.flags = flags & FLOW_LOCAL ? EVENT_LOCAL : 0;
		send_up(skb, stats, &passing);
	}
	if (flags & FLOW_LOCAL)
		return LOCAL_MINOR;
	if (config->flags & MARKING)
		mark(skb, &p, config->dscp[column] & 63);
	return leaf_of(stats, direction, slot, class);
}

static __always_inline const struct config *read_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&configuration, &zero);
}

/* Frames from the devices: uploads. The priority does not survive forwarding, the mark does. */
static __always_inline int from_lan(struct __sk_buff *skb, enum framing framing)
{
	const struct config *config = read_config();
	__u32 minor, was = skb->mark;

	if (!config)
		return TC_ACT_UNSPEC;
	minor = account(skb, config, LAN_INGRESS, framing, UNASKED);
	/* A mark that somebody else set is theirs. */
	if (config->flags & STEERING && minor != NO_MINOR && minor != LOCAL_MINOR &&
	    (was == 0 || (was & MARK_MASK) == MARK))
		skb->mark = MARK | minor;
	return TC_ACT_UNSPEC;
}

/* Whether the packet waited on an IFB and passes a second time. */
static __always_inline int comes_from_queue(struct __sk_buff *skb)
{
	return skb->ingress_ifindex && is_side(skb->ingress_ifindex, SIDE_QUEUE);
}

/*
 * Frames to the devices of the only LAN: downloads, whose queues are here. Until the IFB of an earlier topology is gone,
 * they may come from there, counted.
 */
static __always_inline int to_lan(struct __sk_buff *skb, enum framing framing)
{
	const struct config *config = read_config();
	__u32 minor;

	if (!config || comes_from_queue(skb))
		return TC_ACT_UNSPEC;
	minor = account(skb, config, LAN_EGRESS, framing, UNASKED);
	if (config->flags & STEERING && minor != NO_MINOR)
		skb->priority = (__u32)config->download_major << 16 | minor;
	return TC_ACT_UNSPEC;
}

/*
 * Frames to the devices of one LAN of several: downloads wait together on an IFB, to which `to_queues` sends them, and
 * pass here a second time. What did not come over the link does not wait with them.
 */
static __always_inline int to_shared(struct __sk_buff *skb, enum framing framing)
{
	const struct config *config = read_config();
	enum origin origin = OF_THE_LINK;
	__u32 minor;

	if (!config)
		return TC_ACT_UNSPEC;
	if (comes_from_queue(skb)) {
		skb->priority = 0;
		return TC_ACT_UNSPEC;
	}
	if (comes_from_inside(skb))
		origin = LOCAL;
	minor = account(skb, config, LAN_EGRESS, framing, origin);
	if (config->flags & STEERING && minor != NO_MINOR && minor != LOCAL_MINOR)
		skb->priority = (__u32)config->download_major << 16 | minor;
	return TC_ACT_UNSPEC;
}

/* One interface: what leaves it is upload. */
static __always_inline int from_host(struct __sk_buff *skb, enum framing framing)
{
	const struct config *config = read_config();
	__u32 minor;

	if (!config)
		return TC_ACT_UNSPEC;
	minor = account(skb, config, HOST_EGRESS, framing, OF_THE_LINK);
	if (config->flags & STEERING && minor != NO_MINOR)
		skb->priority = (__u32)config->upload_major << 16 | minor;
	return TC_ACT_UNSPEC;
}

/* One interface: what it receives waits on an IFB, to which `to_queues` sends it, and which hands it back. */
static __always_inline int to_host(struct __sk_buff *skb, enum framing framing)
{
	const struct config *config = read_config();
	__u32 minor;

	if (!config)
		return TC_ACT_UNSPEC;
	minor = account(skb, config, HOST_INGRESS, framing, OF_THE_LINK);
	if (config->flags & STEERING && minor != NO_MINOR)
		skb->priority = (__u32)config->download_major << 16 | minor;
	return TC_ACT_UNSPEC;
}

/* Each for frames of Ethernet, and for IP packets without any frame (PPP, WireGuard, tun). */
#define PROGRAMS(name, does)				\
	SEC("classifier")				\
	int name(struct __sk_buff *skb)			\
	{						\
		return does(skb, ETHERNET);		\
	}						\
							\
	SEC("classifier")				\
	int name##_raw(struct __sk_buff *skb)		\
	{						\
		return does(skb, RAW_IP);		\
	}

PROGRAMS(lan_ingress, from_lan)
PROGRAMS(lan_egress, to_lan)
PROGRAMS(shared_egress, to_shared)
PROGRAMS(host_egress, from_host)
PROGRAMS(host_ingress, to_host)

/* Towards the bottleneck: what was counted at LAN ingress goes into its class. */
SEC("classifier")
int wan_egress(struct __sk_buff *skb)
{
	const struct config *config = read_config();
	__u32 was = skb->mark;

	if (config && config->flags & STEERING && (was & MARK_MASK) == MARK) {
		skb->priority = (__u32)config->upload_major << 16 | (was & 0xffff);
		skb->mark = 0;
	}
	return TC_ACT_UNSPEC;
}

/*
 * The condition of a filter whose action sends downloads to the IFB where they wait. No helper does that: only the
 * action tells the IFB where to send them on, and, before 6.4, that they were redirected at all.
 */
SEC("classifier")
int to_queues(struct __sk_buff *skb)
{
	const struct config *config = read_config();

	return config && config->flags & STEERING && skb->priority >> 16 == config->download_major ? -1 : 0;
}

char _license[] SEC("license") = "Dual MIT/GPL";
