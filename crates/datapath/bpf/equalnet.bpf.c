/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The data path: counts every packet once per (device, class, direction), keeps flows and their class, sends the
 * first frames of a flow up until its verdict is settled, and puts packets into their class.
 *
 * It never drops or delays: whatever it cannot read passes untouched (and is counted as malformed).
 * Compiled by the command in tests/object.rs, which compares the committed object byte by byte.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "maps.h"

#define ETH_P_QINQ 0x9100	 /* before 802.1ad had a number */
#define ETH_P_PPPOE 0x8864	 /* RFC 2516, session stage */
#define PPP_IP 0x0021		 /* RFC 1661, RFC 1332 */
#define PPP_IPV6 0x0057		 /* RFC 5072 */
#define EXTENSIONS 8		 /* of an IPv6 packet, at most; more are malformed */
#define PACKET_HOST 0		 /* skb->pkt_type, linux/if_packet.h */
#define PACKET_OTHERHOST 3
#define AF_INET 2
#define AF_INET6 10

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
MAP(steer, BPF_MAP_TYPE_ARRAY, __u32, __u32, 2 * 65536);
MAP(statistics, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct stats, 1);
MAP(configuration, BPF_MAP_TYPE_ARRAY, __u32, struct config, 1);
MAP(ifbs, BPF_MAP_TYPE_HASH, __u32, __u32, 64); /* interface -> the IFB that shapes what it receives */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} events SEC(".maps");

struct small_record {
	struct event event;
	__u8 frame[FRAME_SMALL];
};

struct large_record {
	struct event event;
	__u8 frame[FRAME_MAX];
};

union address {
	__u8 bytes[16];
	__u32 words[4];
	__u64 halves[2];
};

struct packet {
	union address source, destination;
	__u32 ip;      /* offset of the IP header, 0 if there is none */
	__u32 payload; /* offset of what follows the headers we know */
	__u16 source_port, destination_port;
	__u8 version;
	__u8 protocol;
	__u8 traffic_class;
	__u8 notable; /* tells names or devices: always sent up */
	__u8 later;   /* a part of a datagram whose first part was seen: what it holds tells nothing by itself */
};

enum parsed { PARSED, NOT_IP, MALFORMED };

/* Where in the topology a program stands. */
enum place { LAN_INGRESS, LAN_EGRESS, HOST_INGRESS, HOST_EGRESS };

/* Ports whose packets tell names and devices: DNS, DHCP, DHCPv6, SSDP, mDNS, LLMNR (IANA service names). */
static __always_inline int is_notable_port(__u16 port)
{
	return port == 53 || port == 67 || port == 68 || port == 546 || port == 547 || port == 1900 || port == 5353 ||
	       port == 5355;
}

static __always_inline enum parsed parse_transport(struct __sk_buff *skb, struct packet *p, __u32 at)
{
	__be16 ports[2];

	p->payload = at;
	switch (p->protocol) {
	case IPPROTO_TCP: {
		__u8 offset;

		if (bpf_skb_load_bytes(skb, at, ports, sizeof(ports)) || bpf_skb_load_bytes(skb, at + 12, &offset, 1))
			return MALFORMED;
		if ((offset >> 4) < 5)
			return MALFORMED;
		p->payload = at + (offset >> 4) * 4;
		break;
	}
	case IPPROTO_UDP:
		if (bpf_skb_load_bytes(skb, at, ports, sizeof(ports)))
			return MALFORMED;
		p->payload = at + 8;
		break;
	case IPPROTO_ICMPV6: {
		__u8 type;

		if (bpf_skb_load_bytes(skb, at, &type, 1))
			return MALFORMED;
		/* Router and neighbour discovery, RFC 4861. */
		p->notable = type >= 133 && type <= 137;
		return PARSED;
	}
	default:
		/* No ports: the flow's key is the one that user space finds in the frame. */
		return PARSED;
	}
	p->source_port = bpf_ntohs(ports[0]);
	p->destination_port = bpf_ntohs(ports[1]);
	p->notable = is_notable_port(p->source_port) || is_notable_port(p->destination_port);
	return PARSED;
}

static __always_inline int has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static __always_inline void name_fragment(struct fragment_key *key, const struct packet *p, __u32 id)
{
	__builtin_memcpy(key->source, &p->source, 16);
	__builtin_memcpy(key->destination, &p->destination, 16);
	key->id = id;
	key->protocol = p->protocol;
	key->zero[0] = key->zero[1] = key->zero[2] = 0;
}

/* The first part of a datagram has the ports; they are kept for those that follow. */
static __always_inline enum parsed parse_first_fragment(struct __sk_buff *skb, struct packet *p, __u32 at, __u32 id)
{
	struct fragment_ports ports;
	struct fragment_key key;
	enum parsed parsed = parse_transport(skb, p, at);

	if (parsed != PARSED || !has_ports(p->protocol))
		return parsed;
	name_fragment(&key, p, id);
	ports.source = p->source_port;
	ports.destination = p->destination_port;
	bpf_map_update_elem(&fragments, &key, &ports, BPF_ANY);
	return PARSED;
}

static __always_inline enum parsed parse_later_fragment(struct packet *p, __u32 id)
{
	const struct fragment_ports *ports;
	struct fragment_key key;

	if (!has_ports(p->protocol))
		return PARSED;
	name_fragment(&key, p, id);
	ports = bpf_map_lookup_elem(&fragments, &key);
	if (ports) {
		p->source_port = ports->source;
		p->destination_port = ports->destination;
		p->later = 1;
	}
	return PARSED;
}

static __always_inline enum parsed parse_ipv4(struct __sk_buff *skb, struct packet *p, __u32 at)
{
	struct iphdr ip;
	__u16 total;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return MALFORMED;
	total = bpf_ntohs(ip.tot_len);
	/* 0 is a merged packet above 64 kB. */
	if (total && total < ip.ihl * 4)
		return MALFORMED;
	p->source.words[2] = p->destination.words[2] = bpf_htonl(0xffff);
	p->source.words[3] = ip.saddr;
	p->destination.words[3] = ip.daddr;
	p->ip = at;
	p->version = 4;
	p->protocol = ip.protocol;
	p->traffic_class = ip.tos;
	at += ip.ihl * 4;
	p->payload = at;
	if (ip.frag_off & bpf_htons(0x1fff))
		return parse_later_fragment(p, ip.id);
	if (ip.frag_off & bpf_htons(0x2000))
		return parse_first_fragment(skb, p, at, ip.id);
	return parse_transport(skb, p, at);
}

static __always_inline enum parsed parse_ipv6(struct __sk_buff *skb, struct packet *p, __u32 at)
{
	struct ipv6hdr ip;
	__u8 next;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) || ip.version != 6)
		return MALFORMED;
	__builtin_memcpy(&p->source, &ip.saddr, 16);
	__builtin_memcpy(&p->destination, &ip.daddr, 16);
	p->ip = at;
	p->version = 6;
	p->traffic_class = (ip.priority << 4) | (ip.flow_lbl[0] >> 4);
	next = ip.nexthdr;
	at += sizeof(ip);
#pragma unroll
	for (int i = 0; i < EXTENSIONS; i++) {
		__u8 extension[8];
		__u32 id;

		switch (next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			if (bpf_skb_load_bytes(skb, at, extension, 2))
				return MALFORMED;
			next = extension[0];
			at += (extension[1] + 1) * 8;
			break;
		case IPPROTO_AH: /* RFC 4302: words, less two */
			if (bpf_skb_load_bytes(skb, at, extension, 2))
				return MALFORMED;
			next = extension[0];
			at += (extension[1] + 2) * 4;
			break;
		case IPPROTO_FRAGMENT:
			if (bpf_skb_load_bytes(skb, at, extension, 8))
				return MALFORMED;
			next = extension[0];
			at += 8;
			__builtin_memcpy(&id, extension + 4, 4);
			if (extension[2] || extension[3] & 0xf8) {
				p->protocol = next;
				p->payload = at;
				return parse_later_fragment(p, id);
			}
			/* Extension headers behind this one would be parts of the datagram: rare enough to have no ports. */
			if (extension[3] & 1 && has_ports(next)) {
				p->protocol = next;
				return parse_first_fragment(skb, p, at, id);
			}
			break;
		default:
			p->protocol = next;
			return parse_transport(skb, p, at);
		}
	}
	return MALFORMED;
}

static __always_inline enum parsed parse(struct __sk_buff *skb, struct ethhdr *ethernet, struct packet *p)
{
	__u32 at = sizeof(*ethernet);
	__be16 protocol;

	if (bpf_skb_load_bytes(skb, 0, ethernet, sizeof(*ethernet)))
		return MALFORMED;
	protocol = ethernet->h_proto;
#pragma unroll
	for (int i = 0; i < 3; i++) {
		__be16 tag[2];

		if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD) &&
		    protocol != bpf_htons(ETH_P_QINQ))
			break;
		if (bpf_skb_load_bytes(skb, at, tag, sizeof(tag)))
			return MALFORMED;
		protocol = tag[1];
		at += sizeof(tag);
	}
	if (protocol == bpf_htons(ETH_P_PPPOE)) {
		__be16 ppp;

		if (bpf_skb_load_bytes(skb, at + 6, &ppp, sizeof(ppp)))
			return MALFORMED;
		at += 8;
		protocol = ppp == bpf_htons(PPP_IP) ? bpf_htons(ETH_P_IP) :
			   ppp == bpf_htons(PPP_IPV6) ? bpf_htons(ETH_P_IPV6) : 0;
	}
	if (protocol == bpf_htons(ETH_P_IP))
		return parse_ipv4(skb, p, at);
	if (protocol == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(skb, p, at);
	p->notable = protocol == bpf_htons(ETH_P_ARP);
	return NOT_IP;
}

/* Orders the ends as vocab::FlowKey does: by address, then by port. Whether the source is the low end. */
static __always_inline int order(const struct packet *p, struct flow_key *key)
{
	__u64 source_0 = bpf_be64_to_cpu(p->source.halves[0]), source_1 = bpf_be64_to_cpu(p->source.halves[1]);
	__u64 other_0 = bpf_be64_to_cpu(p->destination.halves[0]), other_1 = bpf_be64_to_cpu(p->destination.halves[1]);
	int from_low = source_0 != other_0 ? source_0 < other_0 :
		       source_1 != other_1 ? source_1 < other_1 : p->source_port <= p->destination_port;

	if (from_low) {
		__builtin_memcpy(key->low, &p->source, 16);
		__builtin_memcpy(key->high, &p->destination, 16);
		key->low_port = p->source_port;
		key->high_port = p->destination_port;
	} else {
		__builtin_memcpy(key->low, &p->destination, 16);
		__builtin_memcpy(key->high, &p->source, 16);
		key->low_port = p->destination_port;
		key->high_port = p->source_port;
	}
	key->protocol = p->protocol;
	key->zero[0] = key->zero[1] = key->zero[2] = 0;
	return from_low;
}

static __always_inline const struct verdict *find_verdict(const struct flow_key *key)
{
	const struct verdict *verdict = bpf_map_lookup_elem(&protected, key);

	return verdict ? verdict : bpf_map_lookup_elem(&verdicts, key);
}

static __always_inline __u16 find_device(const __u8 *mac, const union address *address)
{
	struct mac_key by_mac = {};
	__u32 *slot;

	__builtin_memcpy(by_mac.mac, mac, 6);
	slot = bpf_map_lookup_elem(&devices_by_mac, &by_mac);
	if (!slot)
		slot = bpf_map_lookup_elem(&devices_by_address, address);
	return slot ? *slot & (SLOTS - 1) : 0;
}

/* Whether a frame from the local side ends at the gateway itself. Asked once per flow. */
static __always_inline int ends_here(struct __sk_buff *skb, const struct packet *p)
{
	struct bpf_fib_lookup route = {};

	/* Groups and everybody; a frame to another station is bridged through us. */
	if (skb->pkt_type != PACKET_HOST)
		return skb->pkt_type != PACKET_OTHERHOST;
	route.ifindex = skb->ifindex;
	if (p->version == 4) {
		route.family = AF_INET;
		route.ipv4_src = p->source.words[3];
		route.ipv4_dst = p->destination.words[3];
	} else {
		route.family = AF_INET6;
		__builtin_memcpy(route.ipv6_src, &p->source, 16);
		__builtin_memcpy(route.ipv6_dst, &p->destination, 16);
	}
	switch (bpf_fib_lookup(skb, &route, sizeof(route), 0)) {
	case BPF_FIB_LKUP_RET_NOT_FWDED:
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return 1;
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

static __always_inline void fill(struct event *event, struct __sk_buff *skb, __u32 wire_length, __u32 packets,
				 __u32 direction, __u16 slot, __u8 class, __u8 local, __u64 now)
{
	event->at_ns = now;
	event->ifindex = skb->ifindex;
	event->wire_length = wire_length;
	event->captured = 0;
	event->packets = packets;
	event->slot = slot;
	event->vlan_present = skb->vlan_present ? 1 : 0;
	event->vlan_tci = skb->vlan_tci;
	event->direction = direction;
	event->local = local;
	event->class = class;
}

static __always_inline void send_up(struct __sk_buff *skb, struct stats *stats, __u32 wire_length, __u32 packets,
				    __u32 direction, __u16 slot, __u8 class, __u8 local, __u64 now)
{
	__u64 length = skb->len;

	if (length == 0)
		return;
	if (length <= FRAME_SMALL) {
		struct small_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

		if (!record) {
			stats->ring_full++;
			return;
		}
		fill(&record->event, skb, wire_length, packets, direction, slot, class, local, now);
		length = BOUND(length, FRAME_SMALL);
		if (bpf_skb_load_bytes(skb, 0, record->frame, length) == 0)
			record->event.captured = length;
		bpf_ringbuf_submit(record, 0);
	} else {
		struct large_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

		if (!record) {
			stats->ring_full++;
			return;
		}
		fill(&record->event, skb, wire_length, packets, direction, slot, class, local, now);
		length = BOUND(length, FRAME_MAX);
		if (bpf_skb_load_bytes(skb, 0, record->frame, length) == 0)
			record->event.captured = length;
		bpf_ringbuf_submit(record, 0);
	}
	stats->frames++;
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
static __always_inline void mark(struct __sk_buff *skb, const struct packet *p, __u8 dscp)
{
	__u8 is = p->traffic_class, wanted = (dscp << 2) | (is & 3);

	if (is == wanted)
		return;
	if (p->version == 4) {
		bpf_l3_csum_replace(skb, p->ip + __builtin_offsetof(struct iphdr, check), bpf_htons(is), bpf_htons(wanted),
				    2);
		bpf_skb_store_bytes(skb, p->ip + 1, &wanted, 1, 0);
	} else {
		__u8 front[2];

		if (bpf_skb_load_bytes(skb, p->ip, front, 2))
			return;
		front[0] = (front[0] & 0xf0) | (wanted >> 4);
		front[1] = (front[1] & 0x0f) | (wanted << 4);
		bpf_skb_store_bytes(skb, p->ip, front, 2, BPF_F_RECOMPUTE_CSUM);
	}
}

/* A packet of the link in `minor`, or one that is none of it. */
#define NO_MINOR 0

/* Counts the packet, sends it up if it tells something, and says which leaf takes it. */
static __always_inline __u32 account(struct __sk_buff *skb, const struct config *config, enum place place)
{
	const int ingress = place == LAN_INGRESS || place == HOST_INGRESS;
	const __u32 direction = place == LAN_INGRESS || place == HOST_EGRESS ? UPLOAD : DOWNLOAD;
	__u32 zero = 0, row, column, wire_length, packets;
	struct packet p = {};
	struct flow_key key;
	struct flow_value fresh, *flow;
	struct ethhdr ethernet;
	struct counter *counter;
	struct stats *stats;
	enum parsed parsed;
	__u64 now;
	__u16 slot;
	__u8 class, flags;
	int from_low;

	stats = bpf_map_lookup_elem(&statistics, &zero);
	if (!stats)
		return NO_MINOR;
	now = bpf_ktime_get_ns();
	parsed = parse(skb, &ethernet, &p);

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

	if (parsed != PARSED) {
		int from_here = place == LAN_EGRESS && skb->ingress_ifindex == 0;

		if (parsed == MALFORMED)
			stats->malformed++;
		else
			stats->not_ip++;
		if (p.notable)
			send_up(skb, stats, wire_length, packets, direction, 0, UNCLASSIFIED, from_here, now);
		return from_here ? LOCAL_MINOR : NO_MINOR;
	}

	from_low = order(&p, &key);
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow) {
		const struct verdict *verdict;

		__builtin_memset(&fresh, 0, sizeof(fresh));
		fresh.first_ns = now;
		fresh.generation = config->generation;
		fresh.verdict_epoch = config->verdict_epoch;
		fresh.class = UNCLASSIFIED;
		/* The flow may have been here before and made room for others. */
		verdict = find_verdict(&key);
		if (verdict) {
			fresh.class = verdict->class;
			fresh.flags = verdict->settled ? FLOW_SETTLED : 0;
		}
		if (direction == DOWNLOAD)
			fresh.slot = find_device(ethernet.h_dest, &p.destination);
		else
			fresh.slot = find_device(ethernet.h_source, &p.source);
		if (place == LAN_EGRESS ? skb->ingress_ifindex == 0 : place == LAN_INGRESS && ends_here(skb, &p))
			fresh.flags |= FLOW_LOCAL;
		if (bpf_map_update_elem(&flows, &key, &fresh, BPF_NOEXIST) == 0)
			stats->flows++;
		/* Another CPU may have been faster; then its entry is ours too. */
		flow = bpf_map_lookup_elem(&flows, &key);
		if (!flow) {
			stats->flows_refused++;
			flow = &fresh;
		}
	}
	if (flow->generation != config->generation) {
		__u32 generation = config->generation;

		if (direction == DOWNLOAD)
			flow->slot = find_device(ethernet.h_dest, &p.destination);
		else
			flow->slot = find_device(ethernet.h_source, &p.source);
		flow->generation = generation;
	}
	if (flow->verdict_epoch != config->verdict_epoch) {
		/* Read first: a verdict written after this look-up comes with another epoch. */
		__u32 epoch = config->verdict_epoch;
		const struct verdict *verdict = find_verdict(&key);

		if (verdict) {
			if (flow->class != verdict->class) {
				__u64 passed = flow->low_packets + flow->high_packets;

				flow->classed_after = passed > 65535 ? 65535 : passed;
			}
			flow->class = verdict->class;
			flow->flags = (flow->flags & FLOW_LOCAL) | (verdict->settled ? FLOW_SETTLED : 0);
		}
		flow->verdict_epoch = epoch;
	}
	if (from_low) {
		__sync_fetch_and_add(&flow->low_bytes, wire_length);
		__sync_fetch_and_add(&flow->low_packets, packets);
	} else {
		__sync_fetch_and_add(&flow->high_bytes, wire_length);
		__sync_fetch_and_add(&flow->high_packets, packets);
	}
	flow->last_ns = now;
	slot = flow->slot & (SLOTS - 1);
	class = flow->class < CLASS_COUNT ? flow->class : UNCLASSIFIED;
	/* The verifier of 6.1 does not see that bound where it is needed: the compiler must leave this mask in. */
	column = class;
	asm volatile("" : "+r"(column));
	column &= CLASSES - 1;
	flags = flow->flags;

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

	if (p.notable) {
		send_up(skb, stats, wire_length, packets, direction, slot, class, flags & FLOW_LOCAL, now);
	} else if (!(flags & FLOW_SETTLED) && !p.later && flow->sampled < config->sample_limit) {
		flow->sampled++;
		send_up(skb, stats, wire_length, packets, direction, slot, class, flags & FLOW_LOCAL, now);
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
SEC("classifier")
int lan_ingress(struct __sk_buff *skb)
{
	const struct config *config = read_config();
	__u32 minor, was = skb->mark;

	if (!config)
		return TC_ACT_UNSPEC;
	minor = account(skb, config, LAN_INGRESS);
	/* A mark that somebody else set is theirs. */
	if (config->flags & STEERING && minor != NO_MINOR && minor != LOCAL_MINOR &&
	    (was == 0 || (was & MARK_MASK) == MARK))
		skb->mark = MARK | minor;
	return TC_ACT_UNSPEC;
}

/* Frames to the devices: downloads. */
SEC("classifier")
int lan_egress(struct __sk_buff *skb)
{
	const struct config *config = read_config();
	__u32 minor;

	if (!config)
		return TC_ACT_UNSPEC;
	minor = account(skb, config, LAN_EGRESS);
	if (config->flags & STEERING && minor != NO_MINOR)
		skb->priority = (__u32)config->download_major << 16 | minor;
	return TC_ACT_UNSPEC;
}

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

/* One interface: what leaves it is upload. */
SEC("classifier")
int host_egress(struct __sk_buff *skb)
{
	const struct config *config = read_config();
	__u32 minor;

	if (!config)
		return TC_ACT_UNSPEC;
	minor = account(skb, config, HOST_EGRESS);
	if (config->flags & STEERING && minor != NO_MINOR)
		skb->priority = (__u32)config->upload_major << 16 | minor;
	return TC_ACT_UNSPEC;
}

/* One interface: what it receives waits on an IFB, which hands it back. The priority survives the redirect. */
SEC("classifier")
int host_ingress(struct __sk_buff *skb)
{
	const struct config *config = read_config();
	__u32 minor, interface = skb->ifindex, *ifb;

	if (!config)
		return TC_ACT_UNSPEC;
	minor = account(skb, config, HOST_INGRESS);
	if (!(config->flags & STEERING) || minor == NO_MINOR)
		return TC_ACT_UNSPEC;
	ifb = bpf_map_lookup_elem(&ifbs, &interface);
	if (!ifb)
		return TC_ACT_UNSPEC;
	skb->priority = (__u32)config->download_major << 16 | minor;
	return bpf_redirect(*ifb, 0);
}

char _license[] SEC("license") = "Dual MIT/GPL";
