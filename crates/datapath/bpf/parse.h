/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What a frame says: its flow, which end sent it, where its headers are.
 *
 * Nearly every frame is plain: Ethernet, IP without options or extension headers, whole, TCP or UDP, its headers in one
 * piece of memory. That is read in place. All else is read step by step, with a helper of the kernel for each.
 */
#ifndef EQUALNET_PARSE_H
#define EQUALNET_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "tables.h"

#define ETH_P_QINQ 0x9100	 /* before 802.1ad had a number */
#define ETH_P_PPPOE 0x8864	 /* RFC 2516, session stage */
#define PPP_IP 0x0021		 /* RFC 1661, RFC 1332 */
#define PPP_IPV6 0x0057		 /* RFC 5072 */
#define EXTENSIONS 8		 /* of an IPv6 packet, at most; more are malformed */
#define FRAGMENTED 0x3fff	 /* more follow, or not the first */
#define LATER_FRAGMENT 0x1fff
#define MORE_FRAGMENTS 0x2000

union address {
	__u8 bytes[16];
	__u32 words[4];
	__u64 halves[2];
};

/* A key that is written in whole words: the hash reads it at once, before narrower stores had reached memory. */
union key {
	struct flow_key flow;
	__u64 words[5];
};

struct packet {
	union key key;
	__u32 ip;        /* offset of the IP header, 0 if there is none */
	__u32 transport; /* offset of what follows it and its extensions */
	__u32 payload;   /* offset of what follows the headers we know */
	__u8 from_low;   /* the source is the low end */
	__u8 version;
	__u8 protocol;
	__u8 traffic_class;
	__u8 notable; /* tells names or devices: always sent up */
	__u8 later;   /* a part of a datagram whose first part was seen: what it holds tells nothing by itself */
	__u8 opens;   /* asks for a TCP flow that nobody can have known */
	__u8 zero;
	__u32 zeros; /* without gaps: functions that are verified by themselves may read all of it */
};

/* What is read step by step, before it is a packet. */
struct headers {
	union address source, destination;
	__u32 ip, transport, payload;
	__u16 source_port, destination_port;
	__u8 version;
	__u8 protocol;
	__u8 traffic_class;
	__u8 notable;
	__u8 later;
	__u8 opens;
};

enum parsed { PARSED, NOT_IP, MALFORMED };

/* Ports whose packets tell names and devices: DNS, DHCP, DHCPv6, SSDP, mDNS, LLMNR (IANA service names). */
static __always_inline int is_notable_port(__u16 port)
{
	if (port > 5355)
		return 0;
	if (port <= 68)
		return port == 53 || port == 67 || port == 68;
	if (port < 546)
		return 0;
	return port == 546 || port == 547 || port == 1900 || port == 5353 || port == 5355;
}

/* Whether the flags of a TCP segment say SYN, and neither ACK, RST nor FIN (RFC 9293, 3.1). */
static __always_inline int opens(__u8 flags)
{
	return (flags & 0x17) == 0x02;
}

/* The last word of a key, whatever the machine's byte order. */
static __always_inline __u64 port_word(__u16 low_port, __u16 high_port, __u8 protocol)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return low_port | (__u64)high_port << 16 | (__u64)protocol << 32;
#else
	return (__u64)low_port << 48 | (__u64)high_port << 32 | (__u64)protocol << 24;
#endif
}

/* The second half of an IPv4 address that is mapped into IPv6. */
static __always_inline __u64 mapped(__u32 address)
{
	return bpf_cpu_to_be64(0x0000ffff00000000ULL | address);
}

/* How packets of an interface begin. */
enum framing { ETHERNET, RAW_IP };

static __always_inline __u32 header_of(enum framing framing)
{
	return framing == ETHERNET ? sizeof(struct ethhdr) : 0;
}

/* The version of the IP packet in a frame that is long enough; 0 for another protocol. */
static __always_inline int version_of(const void *data, enum framing framing)
{
	__be16 protocol;

	if (framing == RAW_IP)
		return *(const __u8 *)data >> 4;
	protocol = ((const struct ethhdr *)data)->h_proto;
	return protocol == bpf_htons(ETH_P_IP) ? 4 : protocol == bpf_htons(ETH_P_IPV6) ? 6 : 0;
}

/* A plain frame, read in place. Whether it is one. */
static __always_inline int parse_plain(struct __sk_buff *skb, struct packet *p, enum framing framing)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 at = header_of(framing);
	__u16 source_port, destination_port;
	__u8 *transport, from_low;

	/* As long as the shortest: IPv4 and UDP. */
	if (data + at + sizeof(struct iphdr) + 8 > end)
		return 0;
	if (version_of(data, framing) == 4) {
		const struct iphdr *ip = data + at;
		__u32 source, destination;

		if (*(__u8 *)ip != 0x45 || ip->frag_off & bpf_htons(FRAGMENTED))
			return 0;
		/* 0 is a merged packet above 64 kB; what is too short is malformed. */
		if (ip->tot_len && bpf_ntohs(ip->tot_len) < sizeof(*ip))
			return 0;
		p->protocol = ip->protocol;
		p->traffic_class = ip->tos;
		p->version = 4;
		source = bpf_ntohl(ip->saddr);
		destination = bpf_ntohl(ip->daddr);
		at += sizeof(*ip);
		transport = data + at;
		source_port = bpf_ntohs(*(__be16 *)transport);
		destination_port = bpf_ntohs(*(__be16 *)(transport + 2));
		from_low = source != destination ? source < destination : source_port <= destination_port;
		p->key.words[0] = p->key.words[2] = 0;
		p->key.words[1] = mapped(from_low ? source : destination);
		p->key.words[3] = mapped(from_low ? destination : source);
	} else if (version_of(data, framing) == 6) {
		const struct ipv6hdr *ip = data + at;
		__u64 source[2], destination[2];

		if (data + at + sizeof(*ip) + 8 > end || ip->version != 6)
			return 0;
		p->protocol = ip->nexthdr;
		p->traffic_class = (ip->priority << 4) | (ip->flow_lbl[0] >> 4);
		p->version = 6;
		__builtin_memcpy(source, &ip->saddr, 16);
		__builtin_memcpy(destination, &ip->daddr, 16);
		at += sizeof(*ip);
		transport = data + at;
		source_port = bpf_ntohs(*(__be16 *)transport);
		destination_port = bpf_ntohs(*(__be16 *)(transport + 2));
		if (source[0] != destination[0])
			from_low = bpf_be64_to_cpu(source[0]) < bpf_be64_to_cpu(destination[0]);
		else if (source[1] != destination[1])
			from_low = bpf_be64_to_cpu(source[1]) < bpf_be64_to_cpu(destination[1]);
		else
			from_low = source_port <= destination_port;
		p->key.words[0] = from_low ? source[0] : destination[0];
		p->key.words[1] = from_low ? source[1] : destination[1];
		p->key.words[2] = from_low ? destination[0] : source[0];
		p->key.words[3] = from_low ? destination[1] : source[1];
	} else {
		return 0;
	}
	if (p->protocol == IPPROTO_TCP) {
		__u32 length;

		if ((void *)transport + 20 > end)
			return 0;
		length = (transport[12] >> 4) * 4;
		if (length < 20)
			return 0;
		p->payload = at + length;
		p->opens = opens(transport[13]);
	} else if (p->protocol == IPPROTO_UDP) {
		p->payload = at + 8;
		p->opens = 0;
	} else {
		return 0;
	}
	p->key.words[4] = from_low ? port_word(source_port, destination_port, p->protocol) :
				     port_word(destination_port, source_port, p->protocol);
	p->from_low = from_low;
	p->ip = header_of(framing);
	p->transport = at;
	p->notable = is_notable_port(source_port) || is_notable_port(destination_port);
	p->later = 0;
	p->zero = 0;
	p->zeros = 0;
	return 1;
}

static __always_inline enum parsed parse_transport(struct __sk_buff *skb, struct headers *p, __u32 at)
{
	__be16 ports[2];

	p->transport = p->payload = at;
	switch (p->protocol) {
	case IPPROTO_TCP: {
		__u8 middle[2];

		if (bpf_skb_load_bytes(skb, at, ports, sizeof(ports)) || bpf_skb_load_bytes(skb, at + 12, middle, 2))
			return MALFORMED;
		if ((middle[0] >> 4) < 5)
			return MALFORMED;
		p->payload = at + (middle[0] >> 4) * 4;
		p->opens = opens(middle[1]);
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

static __always_inline void name_fragment(struct fragment_key *key, const struct headers *p, __u32 id)
{
	__builtin_memcpy(key->source, &p->source, 16);
	__builtin_memcpy(key->destination, &p->destination, 16);
	key->id = id;
	key->protocol = p->protocol;
	key->zero[0] = key->zero[1] = key->zero[2] = 0;
}

/* The first part of a datagram has the ports; they are kept for those that follow. */
static __noinline int parse_first_fragment(struct __sk_buff *skb, struct headers *p, __u32 at, __u32 id)
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

static __noinline int parse_later_fragment(struct headers *p, __u32 id)
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

static __always_inline enum parsed parse_ipv4(struct __sk_buff *skb, struct headers *p, __u32 at)
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
	p->transport = p->payload = at;
	if (ip.frag_off & bpf_htons(LATER_FRAGMENT))
		return parse_later_fragment(p, ip.id);
	if (ip.frag_off & bpf_htons(MORE_FRAGMENTS))
		return parse_first_fragment(skb, p, at, ip.id);
	return parse_transport(skb, p, at);
}

static __always_inline enum parsed parse_ipv6(struct __sk_buff *skb, struct headers *p, __u32 at)
{
	struct ipv6hdr ip;
	__u8 extension[8];
	__u8 next;
	__u32 id;

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

static __always_inline enum parsed parse_headers(struct __sk_buff *skb, struct headers *p, __u32 framing)
{
	__u32 at = header_of(framing);
	__be16 protocol;

	if (framing == RAW_IP)
		protocol = skb->protocol;
	else if (bpf_skb_load_bytes(skb, 2 * ETH_ALEN, &protocol, sizeof(protocol)))
		return MALFORMED;
#pragma unroll
	for (int i = 0; framing == ETHERNET && i < 3; i++) {
		__be16 tag[2];

		if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD) &&
		    protocol != bpf_htons(ETH_P_QINQ))
			break;
		if (bpf_skb_load_bytes(skb, at, tag, sizeof(tag)))
			return MALFORMED;
		protocol = tag[1];
		at += sizeof(tag);
	}
	if (framing == ETHERNET && protocol == bpf_htons(ETH_P_PPPOE)) {
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

/* Orders the ends as vocab::FlowKey does: by address, then by port. */
static __always_inline void order(const struct headers *h, struct packet *p)
{
	__u64 source_0 = bpf_be64_to_cpu(h->source.halves[0]), source_1 = bpf_be64_to_cpu(h->source.halves[1]);
	__u64 other_0 = bpf_be64_to_cpu(h->destination.halves[0]), other_1 = bpf_be64_to_cpu(h->destination.halves[1]);

	p->from_low = source_0 != other_0 ? source_0 < other_0 :
		      source_1 != other_1 ? source_1 < other_1 : h->source_port <= h->destination_port;
	if (p->from_low) {
		__builtin_memcpy(p->key.flow.low, &h->source, 16);
		__builtin_memcpy(p->key.flow.high, &h->destination, 16);
		p->key.words[4] = port_word(h->source_port, h->destination_port, h->protocol);
	} else {
		__builtin_memcpy(p->key.flow.low, &h->destination, 16);
		__builtin_memcpy(p->key.flow.high, &h->source, 16);
		p->key.words[4] = port_word(h->destination_port, h->source_port, h->protocol);
	}
}

/*
 * Any frame, read step by step. It is global, not static: so the verifier reads it once, not once for each way that
 * leads here.
 */
__noinline int parse_any(struct __sk_buff *skb, struct packet *p, __u32 framing)
{
	struct headers h = {};
	int parsed;

	if (!p)
		return MALFORMED;
	parsed = parse_headers(skb, &h, framing);

	p->ip = h.ip;
	p->transport = h.transport;
	p->payload = h.payload;
	p->version = h.version;
	p->protocol = h.protocol;
	p->traffic_class = h.traffic_class;
	p->notable = h.notable;
	p->later = h.later;
	p->opens = h.opens;
	order(&h, p);
	return parsed;
}

/* Where in the topology a program stands. */
enum place { LAN_INGRESS, LAN_EGRESS, HOST_INGRESS, HOST_EGRESS };

static __always_inline __u32 direction_of(enum place place)
{
	return place == LAN_INGRESS || place == HOST_EGRESS ? UPLOAD : DOWNLOAD;
}

/* Whether a packet crosses the link. */
enum origin { UNASKED, OF_THE_LINK, LOCAL };

/* A packet on its way: what is said of it where it goes up, and where its flow begins. */
struct passing {
	struct event event;
	__u8 place;   /* narrow: what is on the stack of a program is counted in bytes */
	__u8 framing;
	__u8 origin;
	__u8 zero;
	__u32 zeros;
};

#endif
