/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * How well a flow fares, by what passes anyway: round-trip times on either side of us, and segments sent again.
 *
 * A packet that must be answered is a probe: the time until its answer passes the other way is the round trip between us
 * and who answers. What devices send measures the side of the WAN, what they are sent the side of the LAN. TCP data is
 * answered by its acknowledgement; a bare acknowledgement with a timestamp (RFC 7323) by the data it lets go; an edge of
 * QUIC's spin bit (RFC 9000, 17.4) by the edge it causes. One probe is under way per flow and direction.
 *
 * Looking at all packets would cost more than counting them: flows are looked at for a sixteenth of the time, all at once,
 * and beyond that only the direction in which an answer is due. A flow's SYN is always a probe.
 */
#ifndef EQUALNET_QUALITY_H
#define EQUALNET_QUALITY_H

#include "parse.h"

#define WINDOW_SHIFT 25	 /* 34 ms */
#define PERIOD_SHIFT 29
#define TICK_SHIFT 10	 /* a tick of a probe's clock: 1.024 us */
#define LAPSE (2u << 20) /* 2 s: what takes longer is no round trip, the sender tried again */
#define PAUSE (16u << 10) /* 17 ms: longer than a tick of the coarsest clock and than a paced sender waits */
#define STRIKES 16

enum probe_state {
	IDLE,
	KNOWN,	   /* TCP: the last timestamp; QUIC: the last spin */
	DATA_OUT,  /* until it is acknowledged */
	STAMP_OUT, /* until its timestamp is echoed */
	EDGE_OUT,  /* until the edge is reflected */
};

/* What a look at a packet needs to know beside it. */
struct look {
	__u32 direction;
	__u32 windows; /* of the configuration */
	__u32 packets;
	__u32 zero;
	__u64 coarse_ns;
};

/* Whether all flows are looked at now, by the coarse time. */
static __always_inline int is_window(__u64 coarse_ns, __u32 windows)
{
	return ((coarse_ns >> WINDOW_SHIFT) & windows) == 0;
}

/* Which period it is, never 0: what was known in another is not known any more. Who always looks, forgets nothing. */
static __always_inline __u32 period_of(__u64 coarse_ns, __u32 windows)
{
	return windows ? 0x80 | ((coarse_ns >> PERIOD_SHIFT) & 0x7f) : 0x80;
}

/* The flag that says: look at what passes in this direction, an answer is due. */
static __always_inline __u8 due_flag(__u32 direction)
{
	return direction == UPLOAD ? FLOW_UPLOAD_DUE : FLOW_DOWNLOAD_DUE;
}

/* Four buckets to an octave from 128 ticks on; below, one. */
static __always_inline __u32 bucket_of(__u32 ticks)
{
	__u32 octave = 7, rest = ticks >> 7, bucket;

	if (!rest)
		return 0;
	if (rest >> 8) {
		octave += 8;
		rest >>= 8;
	}
	if (rest >> 4) {
		octave += 4;
		rest >>= 4;
	}
	if (rest >> 2) {
		octave += 2;
		rest >>= 2;
	}
	octave += rest >> 1;
	bucket = (octave - 7) * 4 + ((ticks >> (octave - 2)) & 3) + 1;
	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static __always_inline struct quality *quality_of(const struct flow_value *flow)
{
	__u32 row = (flow->slot & (SLOTS - 1)) * CLASSES + (flow->class & (CLASSES - 1)), zero = 0;
	struct quality *quality = bpf_map_lookup_elem(&qualities, &row);
	const struct quality *none;

	if (quality)
		return quality;
	none = bpf_map_lookup_elem(&no_quality, &zero);
	if (!none)
		return 0;
	bpf_map_update_elem(&qualities, &row, none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&qualities, &row);
}

/* The probe that was sent in `direction` was answered. */
static __always_inline void note_round_trip(struct flow_value *flow, __u32 direction, __u32 ticks)
{
	struct quality *quality = quality_of(flow);

	flow->probes[direction & 1].round_trip = ticks;
	if (quality)
		quality->round_trips[direction & 1][bucket_of(ticks) & (BUCKETS - 1)]++;
}

/*
 * An answer that nobody had to give at once (the peer may have waited for something to say) counts only if its sender
 * was talking all the while: it was heard since the probe, and not long ago.
 */
static __always_inline int was_talking(const struct probe *answering, const struct probe *asking, __u32 now)
{
	return (__s32)(answering->heard - asking->at) > 0 &&
	       now - answering->heard < PAUSE + (now - asking->at) / 4;
}

static __always_inline __u32 load_be32(const __u8 *bytes)
{
	__u32 value;

	__builtin_memcpy(&value, bytes, 4);
	return bpf_ntohl(value);
}

/* The bytes of TCP's data: by the IP header, as short frames are padded. */
static __always_inline __u32 tcp_length(struct __sk_buff *skb, const struct packet *p)
{
	__u32 end = p->version == 4 ? p->ip : p->ip + sizeof(struct ipv6hdr);
	__be16 length = 0;

	bpf_skb_load_bytes(skb, p->ip + (p->version == 4 ? 2 : 4), &length, sizeof(length));
	/* 0 is a merged packet above 64 kB. */
	end = length ? end + bpf_ntohs(length) : skb->len;
	return end > p->payload ? end - p->payload : 0;
}

__noinline int measure_tcp(struct __sk_buff *skb, const struct packet *p, struct flow_value *flow,
		       const struct look *look)
{
	__u32 seq, length, end, stamp = 0, echo = 0, again = 0, direction, now, period;
	__u8 tcp[32] = {}, flags, due;
	struct probe *own, *other;
	int window, has_stamps = 0;

	if (!p || !flow || !look)
		return 0;
	direction = look->direction & 1;
	now = bpf_ktime_get_ns() >> TICK_SHIFT;
	period = period_of(look->coarse_ns, look->windows);
	window = is_window(look->coarse_ns, look->windows);
	due = flow->flags;
	own = direction ? &flow->probes[1] : &flow->probes[0];
	other = direction ? &flow->probes[0] : &flow->probes[1];
	if (p->payload - p->transport >= 32) {
		if (bpf_skb_load_bytes(skb, p->transport, tcp, 32))
			return 0;
		/* As nearly every system writes them: first, and padded in front (RFC 7323, appendix A). */
		has_stamps = load_be32(tcp + 20) == 0x0101080a;
		stamp = load_be32(tcp + 24);
		echo = load_be32(tcp + 28);
	} else if (bpf_skb_load_bytes(skb, p->transport, tcp, 20)) {
		return 0;
	}
	flags = tcp[13];
	seq = load_be32(tcp + 4);
	length = tcp_length(skb, p);
	end = seq + length + ((flags & 0x02) ? 1 : 0);

	/* The answer to what was sent the other way? */
	if (other->state == DATA_OUT && flags & 0x10 && (__s32)(load_be32(tcp + 8) - other->value) >= 0) {
		if (now - other->at < LAPSE)
			note_round_trip(flow, direction ^ 1, now - other->at);
		other->state = IDLE;
	} else if (other->state == STAMP_OUT && has_stamps && (__s32)(echo - other->value) >= 0) {
		if (echo == other->value && now - other->at < LAPSE && was_talking(own, other, now))
			note_round_trip(flow, direction ^ 1, now - other->at);
		other->state = IDLE;
	} else if (other->state >= DATA_OUT && now - other->at >= LAPSE) {
		other->state = IDLE;
	}
	if (other->state < DATA_OUT)
		due &= ~due_flag(direction);
	own->heard = now;

	/* What was sent before is sent again, or comes after what it should have come before. A keepalive is neither. */
	if (length && own->period == period) {
		again = (__s32)(end - own->next) <= 0 && !(length == 1 && end == own->next);
		if (again && own->state == DATA_OUT) {
			/* Which of the two is answered cannot be told (Karn). */
			own->state = IDLE;
			due &= ~due_flag(direction ^ 1);
		}
	} else if (own->period != period) {
		if (own->state == KNOWN)
			own->state = IDLE;
		own->period = period;
		own->next = end;
	}
	if ((__s32)(end - own->next) > 0)
		own->next = end;
	if (window && length) {
		struct quality *quality = quality_of(flow);

		if (quality) {
			quality->segments[direction & 1] += look->packets;
			if (again)
				quality->again[direction & 1] += look->packets;
		}
	}

	/* A probe of our own? */
	if (own->state >= DATA_OUT && now - own->at >= LAPSE)
		own->state = IDLE;
	if (own->state < DATA_OUT && !again && (window || flags & 0x02)) {
		if (length || flags & 0x02) {
			own->state = DATA_OUT;
			own->value = end;
		} else if (has_stamps && own->state == KNOWN && own->value != stamp) {
			/* The first packet with this timestamp: those that follow would be answered by the same echo. */
			own->state = STAMP_OUT;
			own->value = stamp;
		} else if (has_stamps) {
			own->state = KNOWN;
			own->value = stamp;
		}
		if (own->state >= DATA_OUT) {
			own->at = now;
			due |= due_flag(direction ^ 1);
		}
	}
	flow->flags = due;
	return 0;
}

/* A device is who asks: servers reflect the spin of what they receive, devices turn it round (RFC 9000, 17.4). */
__noinline int measure_quic(struct __sk_buff *skb, const struct packet *p, struct flow_value *flow,
		       const struct look *look)
{
	__u32 direction, now, period;
	struct probe *own, *other;
	__u8 first, spin, due;

	if (!p || !flow || !look)
		return 0;
	direction = look->direction & 1;
	now = bpf_ktime_get_ns() >> TICK_SHIFT;
	period = period_of(look->coarse_ns, look->windows);
	due = flow->flags & ~due_flag(direction);
	own = direction ? &flow->probes[1] : &flow->probes[0];
	other = direction ? &flow->probes[0] : &flow->probes[1];
	if (own->strikes >= STRIKES) {
		flow->flags = due;
		return 0;
	}
	if (bpf_skb_load_bytes(skb, p->payload, &first, 1))
		return 0;
	/* A short header: the fixed bit is set, the one of long headers is not. */
	if ((first & 0xc0) != 0x40)
		return 0;
	spin = (first >> 5) & 1;
	if (own->state == EDGE_OUT && now - own->at >= LAPSE)
		own->state = KNOWN;
	if (other->state == EDGE_OUT && now - other->at >= LAPSE)
		other->state = KNOWN;
	if (own->period != period && own->state != EDGE_OUT) {
		/* What passed since the last window is not known: whether this is an edge neither. */
		own->period = period;
		own->state = KNOWN;
		own->value = spin;
	} else if (spin != own->value) {
		if (other->state == EDGE_OUT && spin == (other->value ^ (direction == UPLOAD))) {
			if (was_talking(own, other, now)) {
				note_round_trip(flow, direction ^ 1, now - other->at);
				if (own->strikes)
					own->strikes--;
			}
			other->state = KNOWN;
		}
		/* An edge before the last was answered: lost or reordered, or this end rolls dice (RFC 9000 asks some to). */
		if (own->state == EDGE_OUT)
			own->strikes += 2;
		own->value = spin;
		own->state = KNOWN;
		if (is_window(look->coarse_ns, look->windows)) {
			own->state = EDGE_OUT;
			own->at = now;
		}
	}
	own->heard = now;
	if (other->state == EDGE_OUT)
		due |= due_flag(direction);
	if (own->state == EDGE_OUT)
		due |= due_flag(direction ^ 1);
	flow->flags = due;
	return 0;
}

/* The port at the other end of a device's flow. */
static __always_inline __u16 far_port(const struct packet *p, __u32 direction)
{
	return (direction == UPLOAD) == p->from_low ? p->key.flow.high_port : p->key.flow.low_port;
}

/* Looks at a packet in a window, or where an answer is due. */
static __always_inline void measure(struct __sk_buff *skb, const struct packet *p, struct flow_value *flow,
				    __u32 direction, __u32 windows, __u32 packets, __u64 coarse_ns)
{
	struct look look = {
		.direction = direction, .windows = windows, .packets = packets, .coarse_ns = coarse_ns,
	};

	if (p->later)
		return;
	if (p->protocol == IPPROTO_TCP)
		measure_tcp(skb, p, flow, &look);
	else if (p->protocol == IPPROTO_UDP && far_port(p, direction) == 443)
		measure_quic(skb, p, flow, &look);
}

/* What opens a flow is its first probe. */
static __always_inline void measure_opening(struct __sk_buff *skb, const struct packet *p, struct flow_value *fresh,
					    __u32 direction)
{
	__be32 seq;

	if (!p->opens || bpf_skb_load_bytes(skb, p->transport + 4, &seq, sizeof(seq)))
		return;
	fresh->probes[direction & 1].state = DATA_OUT;
	fresh->probes[direction & 1].value = bpf_ntohl(seq) + 1;
	fresh->probes[direction & 1].at = fresh->first_ns >> TICK_SHIFT;
	fresh->flags |= due_flag(direction ^ 1);
}

#endif
