"""The other end of a tun device: what is behind a tunnel or a line without Ethernet, for tests/topologies.rs.

Counts the datagrams that come out by the last byte of their destination; sends where a line says
`flood SOURCE DESTINATION PORT MBIT_S`. Each other line is answered by `counts OF_2 OF_3 OF_9`.
"""

import fcntl
import os
import socket
import struct
import sys
import threading
import time

TUNSETIFF = 0x400454CA  # linux/if_tun.h
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PAYLOAD = 1400

tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", sys.argv[1].encode(), IFF_TUN | IFF_NO_PI))
counts = {2: 0, 3: 0, 9: 0}


def read():
    while True:
        packet = os.read(tun, 2048)
        if packet[0] >> 4 == 4 and packet[9] == socket.IPPROTO_UDP and packet[19] in counts:
            counts[packet[19]] += 1


def checksum(header):
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def flood(source, destination, port, mbit_s):
    def header(check):
        ends = socket.inet_aton(source) + socket.inet_aton(destination)
        return struct.pack("!BBHHHBBH", 0x45, 0, 28 + PAYLOAD, 0, 0x4000, 64, 17, check) + ends

    packet = header(checksum(header(0))) + struct.pack("!HHHH", 40000, int(port), 8 + PAYLOAD, 0) + bytes(PAYLOAD)
    begin, sent = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - begin) * float(mbit_s) * 1e6 / 8 / len(packet))
        sent = max(sent, due - 50)
        while sent < due:
            os.write(tun, packet)
            sent += 1
        time.sleep(0.001)


threading.Thread(target=read, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    words = line.split()
    if words[:1] == ["flood"]:
        threading.Thread(target=flood, args=words[1:], daemon=True).start()
    else:
        print("counts", *counts.values(), flush=True)
