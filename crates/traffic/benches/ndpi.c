// nDPI over the same frames as ours, where the distribution's libndpi is installed: a peer in a bench, built when it
// runs, never a dependency. Prints a line of JSON per measurement, in the words of classify.rs.
//
//   cc -O2 ndpi.c -lndpi -o ndpi && ./ndpi MIX FILE [MIX FILE]...
//
// Each file is a pcap of Ethernet with nanoseconds, as `--write` makes them, read into memory whole. Flows stand in
// a plain hash table sized for all of them; each packet of a flow goes to ndpi_detection_process_packet until nDPI
// says a protocol and wants no more (ndpi_extra_dissection_possible), or for as many packets as ndpiReader gives
// (80 of TCP, 24 of others), when ndpi_detection_giveup guesses; then the flow's state is freed, as ndpiReader does.
#include <ndpi/ndpi_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <malloc.h>
#include <time.h>

enum { MOST_TCP = 80, MOST_OTHER = 24 };

struct flow {
  u_int8_t key[38];
  // What had passed when the present answer was first given, and when no packet was wanted any more.
  u_int16_t packets, given_packets, settled_packets;
  u_int16_t master, app;
  u_int64_t bytes, given_bytes;
  u_int8_t is_tcp, is_udp, done;
  struct ndpi_flow_struct *state;
};

static struct ndpi_detection_module_struct *module(void) {
  struct ndpi_detection_module_struct *made = ndpi_init_detection_module(ndpi_no_prefs);
  NDPI_PROTOCOL_BITMASK all;
  NDPI_BITMASK_SET_ALL(all);
  ndpi_set_protocol_detection_bitmask2(made, &all);
  ndpi_finalize_initialization(made);
  return made;
}

// Protocol, both addresses and both ports, the smaller end first; 0 where there is no IP.
static int key_of(const u_int8_t *frame, u_int32_t length, u_int8_t key[38], const u_int8_t **ip, u_int32_t *ip_length) {
  if (length < 34) return 0;
  *ip = frame + 14;
  *ip_length = length - 14;
  const u_int8_t *source, *destination;
  u_int32_t address, header;
  u_int8_t protocol;
  if (**ip >> 4 == 4) {
    header = (**ip & 15) * 4u, protocol = (*ip)[9], source = *ip + 12, destination = *ip + 16, address = 4;
  } else if (*ip_length >= 40) {
    header = 40, protocol = (*ip)[6], source = *ip + 8, destination = *ip + 24, address = 16;
  } else {
    return 0;
  }
  u_int8_t ends[2][18] = {{0}};
  memcpy(ends[0], source, address);
  memcpy(ends[1], destination, address);
  if ((protocol == 6 || protocol == 17) && *ip_length >= header + 4) {
    memcpy(ends[0] + 16, *ip + header, 2);
    memcpy(ends[1] + 16, *ip + header + 2, 2);
  }
  int first = memcmp(ends[0], ends[1], 18) > 0;
  memset(key, 0, 38);
  memcpy(key, ends[first], 18);
  memcpy(key + 18, ends[!first], 18);
  key[36] = protocol;
  return 1;
}

static u_int64_t hash_of(const u_int8_t key[38]) {
  u_int64_t hash = 0x9e3779b97f4a7c15u;
  for (int at = 0; at < 40; at += 8) {
    u_int64_t word = 0;
    memcpy(&word, key + at, at == 32 ? 6 : 8);
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  return hash;
}

static double spent(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static size_t allocated(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

static int by_number(const void *a, const void *b) {
  u_int64_t x = *(const u_int64_t *)a, y = *(const u_int64_t *)b;
  return (x > y) - (x < y);
}

static void hear(struct flow *flow, ndpi_protocol found) {
  if (found.master_protocol == flow->master && found.app_protocol == flow->app) return;
  flow->master = found.master_protocol;
  flow->app = found.app_protocol;
  flow->given_packets = flow->packets;
  flow->given_bytes = flow->bytes;
}

static int is_known(const struct flow *flow) {
  return flow->app != NDPI_PROTOCOL_UNKNOWN || flow->master != NDPI_PROTOCOL_UNKNOWN;
}

static void decide(struct ndpi_detection_module_struct *ndpi, struct flow *flow, int guess) {
  if (guess) {
    u_int8_t guessed = 0;
    hear(flow, ndpi_detection_giveup(ndpi, flow->state, 1, &guessed));
  }
  flow->done = 1;
  ndpi_flow_free(flow->state);
  flow->state = NULL;
}

static void early(struct flow *flows, size_t slots, const char *mix, int tcp) {
  u_int64_t *packets = malloc(slots * sizeof *packets), *bytes = malloc(slots * sizeof *bytes);
  u_int64_t *settled = malloc(slots * sizeof *settled);
  size_t count = 0;
  for (size_t slot = 0; slot < slots; slot++) {
    struct flow *flow = &flows[slot];
    if (flow->packets && is_known(flow) && (tcp ? flow->is_tcp : flow->is_udp)) {
      packets[count] = flow->given_packets;
      settled[count] = flow->settled_packets;
      bytes[count++] = flow->given_bytes;
    }
  }
  qsort(packets, count, sizeof *packets, by_number);
  qsort(settled, count, sizeof *settled, by_number);
  qsort(bytes, count, sizeof *bytes, by_number);
  if (count)
    printf("{\"bench\":\"ndpi_verdict\",\"mix\":\"%s\",\"protocol\":\"%s\",\"flows\":%zu,\"packets\":[%lu,%lu],\"bytes\":[%lu,%lu],\"settled\":[%lu,%lu]}\n",
           mix, tcp ? "tcp" : "udp", count, packets[count / 2], packets[count * 9 / 10], bytes[count / 2],
           bytes[count * 9 / 10], settled[count / 2], settled[count * 9 / 10]);
  free(settled);
  free(packets);
  free(bytes);
}

static void measure(const char *mix, const u_int8_t *file, size_t size) {
  size_t slots = 1 << 18, flows_seen = 0, held = 0, undecided = 0;
  u_int64_t frames = 0;
  struct ndpi_detection_module_struct *ndpi = module();
  size_t state = ndpi_detection_get_sizeof_ndpi_flow_struct();
  size_t before = allocated();
  struct flow *flows = calloc(slots, sizeof *flows);
  double began = spent(), counting = 0;
  u_int64_t last = 0;
  for (size_t at = 24; at + 16 <= size;) {
    u_int32_t record[4];
    memcpy(record, file + at, 16);
    const u_int8_t *frame = file + at + 16, *ip;
    at += 16 + record[2];
    frames++;
    u_int8_t key[38];
    u_int32_t ip_length;
    if (!key_of(frame, record[2], key, &ip, &ip_length)) continue;
    size_t slot = hash_of(key) & (slots - 1);
    while (flows[slot].packets && memcmp(flows[slot].key, key, 38)) slot = (slot + 1) & (slots - 1);
    struct flow *flow = &flows[slot];
    if (!flow->packets) {
      if (++flows_seen > slots * 3 / 4) { fprintf(stderr, "too many flows\n"); exit(1); }
      memcpy(flow->key, key, 38);
      flow->is_tcp = key[36] == 6;
      flow->is_udp = key[36] == 17;
      flow->state = ndpi_flow_malloc(state);
      memset(flow->state, 0, state);
    }
    if (flow->packets < 0xffff) flow->packets++;
    if (flow->done) continue;
    flow->bytes += record[3];
    u_int64_t now = record[0] * 1000ull + record[1] / 1000000;
    if (record[0] != last) {
      double paused = spent();
      last = record[0];
      size_t now_held = allocated() - before;
      if (now_held > held) held = now_held;
      counting += spent() - paused;
    }
    ndpi_protocol found = ndpi_detection_process_packet(ndpi, flow->state, ip, ip_length, now);
    hear(flow, found);
    flow->settled_packets = flow->packets;
    if (is_known(flow) && !ndpi_extra_dissection_possible(ndpi, flow->state)) decide(ndpi, flow, 0);
    else if (flow->packets >= (flow->is_tcp ? MOST_TCP : MOST_OTHER)) decide(ndpi, flow, 1);
  }
  double took = spent() - began - counting;
  for (size_t slot = 0; slot < slots; slot++)
    if (flows[slot].state) decide(ndpi, &flows[slot], 1), undecided++;
  printf("{\"bench\":\"ndpi\",\"version\":\"%s\",\"mix\":\"%s\",\"packets\":%lu,\"flows\":%zu,\"seconds\":%.6f,\"held\":%zu,\"flow_state\":%zu,\"undecided\":%zu}\n",
         ndpi_revision(), mix, frames, flows_seen, took, held, state, undecided);
  early(flows, slots, mix, 1);
  early(flows, slots, mix, 0);
  free(flows);
  ndpi_exit_detection_module(ndpi);
}

int main(int count, char **words) {
  for (int word = 1; word + 1 < count; word += 2) {
    FILE *file = fopen(words[word + 1], "rb");
    if (!file) { perror(words[word + 1]); return 1; }
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    u_int8_t *bytes = malloc(size);
    if (fread(bytes, 1, size, file) != size) { perror(words[word + 1]); return 1; }
    fclose(file);
    measure(words[word], bytes, size);
    free(bytes);
  }
  return 0;
}
