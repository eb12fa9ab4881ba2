#!/bin/bash
# Records what real programs send, between two network namespaces, and keeps sizes, directions and times of it
# in traces.gz: `crates/trainer/recorded/record.sh FOLDER [PATTERN]` (root; the captures stay in FOLDER; only
# those whose names match PATTERN are made anew).
#
# Debian: apt-get install ffmpeg openssh-server rsync nginx-light redis-server redis-tools mosquitto
#   mosquitto-clients openvpn wireguard-go wireguard-tools aria2 baresip-core openttd openttd-opengfx expect
#   sshpass ethtool tcpdump iperf3 openssl curl python3
# A program that is missing is skipped: its family is then absent.
set -u
PATH=$PATH:/usr/games
work=${1:?where the captures go}
only=${2:-.}
out=$(cd "$(dirname "$0")" && pwd)/traces.gz
mkdir -p "$work" && cd "$work" || exit 1
trainer=${TRAINER:-cargo run -q --release -p trainer --}
a="ip netns exec eqta" b="ip netns exec eqtb"
pids=()

clean() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    for space in eqta eqtb; do
        for pid in $(ip netns pids $space 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
        ip netns del $space 2>/dev/null
    done
}
trap clean EXIT
clean 2>/dev/null
ip netns add eqta && ip netns add eqtb || exit 1
ip link add eqt0 netns eqta type veth peer name eqt0 netns eqtb
for end in "a 10.77.0.1" "b 10.77.0.2"; do
    set -- $end
    ip -n eqt$1 addr add $2/24 dev eqt0
    ip -n eqt$1 link set lo up
    ip -n eqt$1 link set eqt0 up
    ip -n eqt$1 route add 224.0.0.0/4 dev eqt0
    # Packets as they are on a wire: nothing merged.
    ip netns exec eqt$1 ethtool -K eqt0 tso off gso off gro off >/dev/null 2>&1
done

serve() { "$@" >/dev/null 2>&1 & pids+=($!); }

# record NAME SECONDS COMMAND…: captures while the command runs in the device's namespace.
record() {
    local name=$1 seconds=$2; shift 2
    [[ $name =~ $only ]] || return 0
    ip netns exec eqta tcpdump -q --immediate-mode -i eqt0 -s 96 -w "$name.pcap" 'ip and not icmp' >/dev/null 2>&1 &
    local dump=$!
    sleep 0.5
    timeout -k 1 "$seconds" $a bash -c "$*" >/dev/null 2>&1 </dev/null
    sleep 0.6
    kill $dump; wait $dump 2>/dev/null
    echo "$name: $(stat -c %s "$name.pcap") bytes"
}

# --- one-way and two-way media -----------------------------------------------------------------------------
speech='-f lavfi -i anoisesrc=d=8:c=pink:a=0.3,tremolo=f=0.7:d=0.9'
film() { echo "-f lavfi -i testsrc2=d=8:s=$1:r=$2,noise=alls=12:allf=t"; }
port=20000
both() { # NAME SOURCE CODEC…: the same both ways, on one pair of ports
    local name=$1 source=$2; shift 2
    port=$((port + 10))
    [[ $name =~ $only ]] || return 0
    $b timeout 7 ffmpeg -loglevel quiet -re $source "$@" -f rtp "rtp://10.77.0.1:$port?localrtpport=$port" >/dev/null 2>&1 &
    record "$name-$port" 7 "ffmpeg -loglevel quiet -re $source $* -f rtp 'rtp://10.77.0.2:$port?localrtpport=$port'"
    wait $! 2>/dev/null
}
for codec in "pcm_mulaw -ar 8000 -ac 1" "pcm_alaw -ar 8000 -ac 1" "g722 -ar 16000 -ac 1" "g726 -ar 8000 -ac 1" \
    "libspeex -ar 8000 -ac 1" "libspeex -ar 16000 -ac 1" "libopus -b:a 12k -ac 1" "libopus -b:a 24k -ac 1" \
    "libopus -b:a 48k" "libopus -b:a 16k -frame_duration 60 -ac 1" "libopus -b:a 32k -frame_duration 40 -ac 1" \
    "libopus -b:a 20k -vbr off -ac 1"; do
    both voice-rtp "$speech" -c:a $codec
done
for codec in "libx264 -preset ultrafast -tune zerolatency -b:v 250k" "libx264 -preset ultrafast -tune zerolatency -b:v 1200k" \
    "libvpx -deadline realtime -cpu-used 8 -b:v 300k" "libvpx -deadline realtime -cpu-used 8 -b:v 900k" \
    "libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 400k" "mpeg4 -b:v 700k" "libx265 -preset ultrafast -tune zerolatency -b:v 400k" "h263p -b:v 300k"; do
    for size in "320x240 15" "480x360 30"; do
        both call-rtp "$(film $size)" -c:v $codec -g 100 -pkt_size 1180
    done
done
for rate in 600 2500; do
    [[ streaming =~ $only ]] || break
    record "streaming-mpegts-$rate" 7 "ffmpeg -loglevel quiet -re $(film 480x360 25) -c:v libx264 -preset ultrafast -b:v ${rate}k -f mpegts 'udp://10.77.0.2:2${rate}?pkt_size=1316'"
    $b timeout 9 ffmpeg -loglevel quiet -listen 1 -i rtmp://10.77.0.2:1935/live -f null - >/dev/null 2>&1 &
    sleep 1
    record "streaming-rtmp-$rate" 7 "ffmpeg -loglevel quiet -re $(film 480x360 25) $speech -c:v libx264 -preset ultrafast -b:v ${rate}k -c:a aac -f flv rtmp://10.77.0.2:1935/live"
done

# --- the web, streams, downloads, uploads ------------------------------------------------------------------
mkdir -p www/hls
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=lab >/dev/null 2>&1
for size in 400 900 2000 3500 7000 12000 22000 45000 90000; do head -c $size /dev/urandom > www/$size; done
head -c 30000000 /dev/urandom > www/large
ffmpeg -y -loglevel quiet $(film 640x360 25) -c:v libx264 -preset ultrafast -b:v 1500k -g 50 -f hls -hls_time 2 -hls_list_size 0 www/hls/x.m3u8
cat > nginx.conf <<X
daemon off; pid nginx.pid; error_log /dev/null; events {}
http { access_log off; client_body_temp_path body; client_max_body_size 0; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  server { listen 80; listen 443 ssl http2; ssl_certificate cert.pem; ssl_certificate_key key.pem; root $work/www;
    location /slow/ { alias $work/www/; limit_rate 60k; }
    location /paced/ { alias $work/www/; limit_rate 300k; limit_rate_after 200k; } } }
X
serve $b nginx -p "$work" -c nginx.conf
cat > put.py <<'X'
import http.server, ssl, sys
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *a): pass
    def do_PUT(self):
        left = int(self.headers['Content-Length'])
        while left > 0: left -= len(self.rfile.read(min(left, 65536)))
        self.send_response(201); self.send_header('Content-Length', '0'); self.end_headers()
s = http.server.ThreadingHTTPServer(('', int(sys.argv[1])), H)
if len(sys.argv) > 2:
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain('cert.pem', 'key.pem'); s.socket = c.wrap_socket(s.socket, server_side=True)
s.serve_forever()
X
serve $b python3 put.py 8443 tls
serve $b python3 put.py 8080
sleep 1
page='for n in 12000 900 3500 45000 400 22000 7000 2000 90000; do'
record web-h1 9 "for k in 1 2 3; do curl -sk https://10.77.0.2/{12000,900,3500,45000,400,22000,7000,2000,90000,12000,400,900,2000} --http1.1 -A 'Mozilla/5.0 (X11; Linux x86_64) long agent string' -o /dev/null & $page curl -s -o /dev/null http://10.77.0.2/\$n http://10.77.0.2/{400,900,2000,3500,7000,12000}; sleep 0.1; done; done"
record web-h2 9 "for k in 1 2 3 4; do curl -sk --parallel --parallel-max 6 https://10.77.0.2/{12000,900,3500,45000,400,22000,7000,2000,90000} --http2 -o /dev/null -o /dev/null -o /dev/null -o /dev/null -o /dev/null -o /dev/null -o /dev/null -o /dev/null -o /dev/null; curl -sk --http2 --rate 3/s https://10.77.0.2/{2000,12000,900,7000,3500,45000,22000,400}  -o /dev/null; done"
record download-http 12 "curl -sk https://10.77.0.2/large -o /dev/null; curl -s http://10.77.0.2/large -o /dev/null; curl -sk --limit-rate 800k https://10.77.0.2/large -m 3 -o /dev/null; curl -s --limit-rate 300k http://10.77.0.2/large -m 3 -o /dev/null"
record backup-put 12 "curl -sk -T www/large https://10.77.0.2:8443/x; curl -s -T www/large http://10.77.0.2:8080/x; curl -sk --limit-rate 600k -m 3 -T www/large https://10.77.0.2:8443/x; for n in 1 2 3 4 5 6; do echo https://10.77.0.2:8443/\$n; done | xargs curl -sk -T '{www/90000,www/90000,www/90000,www/45000,www/90000,www/90000}'"
record streaming-hls 14 "ffmpeg -loglevel quiet -re -i http://10.77.0.2/hls/x.m3u8 -f null - & ffmpeg -loglevel quiet -re -tls_verify 0 -i https://10.77.0.2/hls/x.m3u8 -f null - & ffmpeg -loglevel quiet -re -i http://10.77.0.2/paced/hls/x.m3u8 -f null - & wait"
record streaming-radio 8 "for k in 1 2; do curl -s -m 6 http://10.77.0.2/slow/large -o /dev/null & curl -sk -m 6 https://10.77.0.2/slow/large -o /dev/null & curl -sk -m 6 https://10.77.0.2/paced/large -o /dev/null & done; wait"

# --- remote access and files over SSH ----------------------------------------------------------------------
mkdir -p /run/sshd; [ -f hostkey ] || ssh-keygen -q -t ed25519 -N '' -f hostkey; [ -f userkey ] || ssh-keygen -q -t ed25519 -N '' -f userkey
serve $b /usr/sbin/sshd -D -h "$work/hostkey" -p 2222 -o AuthorizedKeysFile="$work/userkey.pub" -o StrictModes=no -o PermitRootLogin=yes -o UsePAM=no
sleep 1
ssh="-p 2222 -i $work/userkey -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=QUIET"
cat > type.exp <<'X'
set timeout 5
eval spawn ssh -tt [lindex $argv 0] 10.77.0.2
sleep 0.4
set send_human [list .11 .25 1 .04 1.5]
foreach line {"ls -l /" "cat /etc/passwd" "cd /usr; ls" "uname -a; date" "exit"} { send -h "$line\r"; sleep 0.5 }
expect eof
X
for k in 1 2 3; do record interactive-ssh-$k 26 "expect type.exp '$ssh' & sleep 1; expect type.exp '$ssh -c aes128-ctr' & wait"; done
record download-sftp 9 "scp -q -P 2222 -i userkey -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null 10.77.0.2:$work/www/large /dev/null; rsync -e 'ssh $ssh' 10.77.0.2:$work/www/large ./got1; rsync -a -e 'ssh $ssh' 10.77.0.2:$work/www/ ./got2/"
record backup-rsync 9 "scp -q -P 2222 -i userkey -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null www/large 10.77.0.2:/dev/null; rsync -W -e 'ssh $ssh' www/large 10.77.0.2:$work/put1; rsync -a -e 'ssh $ssh' www/ 10.77.0.2:$work/put2/"
printf 'use chroot = no\n[x]\npath = %s/www\nread only = no\nuid = 0\ngid = 0\n[y]\npath = %s/put3\nread only = no\nuid = 0\ngid = 0\n' "$work" "$work" > rsyncd.conf; mkdir -p put3
serve $b rsync --daemon --no-detach --port=8730 --config=rsyncd.conf
sleep 0.5
record download-rsyncd 6 "rsync -a rsync://10.77.0.2:8730/x/ got3/"
record backup-rsyncd 6 "rsync -a -W www/ rsync://10.77.0.2:8730/y/"

# --- queries, things, peers --------------------------------------------------------------------------------
serve $b redis-server --bind 0.0.0.0 --protected-mode no --port 6379 --save ''
printf 'listener 1883 0.0.0.0\nallow_anonymous true\nlistener 8883 0.0.0.0\ncafile cert.pem\ncertfile cert.pem\nkeyfile key.pem\n' > mosquitto.conf
chmod a+r key.pem; serve $b mosquitto -c mosquitto.conf
sleep 1
record interactive-redis 9 "for k in 1 2 3 4 5 6; do redis-cli -h 10.77.0.2 -r 60 -i 0.0\$k incr k\$k & redis-cli -h 10.77.0.2 -r 40 -i 0.1 lrange list 0 \$((k*40)) & redis-cli -h 10.77.0.2 rpush list a bb ccc dddd \$(seq 200) & done; sleep 6; wait"
record interactive-redis-bench 5 "redis-benchmark -h 10.77.0.2 -c 4 -n 2000 -t set,get,lrange_100 -d 120"
record update-mqtt 14 "for k in 1 2 3; do (for n in \$(seq 40); do echo temperature \$RANDOM \$k; sleep 0.\$((k*7+5)); done | mosquitto_pub -h 10.77.0.2 -t home/sensor\$k -l -q \$((k%3)) -k 5) & (for n in \$(seq 40); do echo {\\\"watts\\\":\$RANDOM,\\\"volts\\\":230}; sleep 0.3; done | mosquitto_pub -h 10.77.0.2 -p 8883 --cafile cert.pem --insecure -t home/meter\$k -l -q 1) & mosquitto_sub -h 10.77.0.2 -t home/# -k 5 -W 13 & done; wait"

# --- tunnels -----------------------------------------------------------------------------------------------
openvpn --genkey secret static.key 2>/dev/null
serve $b openvpn --dev tunv --dev-type tun --ifconfig 10.78.0.2 10.78.0.1 --secret static.key --port 1194 --cipher AES-256-CBC --providers legacy default
serve $a openvpn --remote 10.77.0.2 --dev tunv --dev-type tun --ifconfig 10.78.0.1 10.78.0.2 --secret static.key --port 1194 --cipher AES-256-CBC --providers legacy default
wg genkey > wa; wg genkey > wb
for end in a b; do WG_PROCESS_FOREGROUND=1 serve ip netns exec eqt$end wireguard-go -f wgt$end; done
sleep 2
$a bash -c "wg set wgta private-key wa listen-port 51820 peer $(wg pubkey < wb) allowed-ips 0.0.0.0/0 endpoint 10.77.0.2:51820; ip addr add 10.79.0.1/24 dev wgta; ip link set wgta mtu 1420 up"
$b bash -c "wg set wgtb private-key wb listen-port 51820 peer $(wg pubkey < wa) allowed-ips 0.0.0.0/0 endpoint 10.77.0.1:51820; ip addr add 10.79.0.2/24 dev wgtb; ip link set wgtb mtu 1420 up"
serve $b iperf3 -s
n=0
for inside in "10.78.0.2" "10.79.0.2"; do
    for what in "curl -s http://$inside/{12000,900,3500,45000,400}" "curl -s http://$inside/large -m 2" "iperf3 -c $inside -u -b 80k -l 172 -t 3" \
        "curl -s -T www/large http://$inside:8080/x -m 2" "redis-cli -h $inside -r 60 -i 0.02 incr z" "iperf3 -c $inside -t 1 -R" "curl -sk https://$inside/{900,400,2000,12000,7000}" \
        "ping -i 0.1 -c 40 $inside" "for k in 1 2 3 4 5 6 7 8; do curl -sk https://$inside/{900,22000}; sleep 0.3; done"; do
        n=$((n + 1))
        record work-tunnel-$n 4 "$what"
    done
done

# --- a swarm, a game, a call -------------------------------------------------------------------------------
cat > torrent.py <<'X'
import hashlib, os
data = open('www/large', 'rb').read(); piece = 262144
pieces = b''.join(hashlib.sha1(data[i:i + piece]).digest() for i in range(0, len(data), piece))
def enc(x):
    if isinstance(x, int): return b'i%de' % x
    if isinstance(x, bytes): return b'%d:' % len(x) + x
    return b'd' + b''.join(enc(k) + enc(v) for k, v in sorted(x.items())) + b'e'
open('x.torrent', 'wb').write(enc({b'info': {b'length': len(data), b'name': b'large', b'piece length': piece, b'pieces': pieces}}))
X
python3 torrent.py
serve $b aria2c -q --bt-enable-lpd=true --enable-dht=false --seed-time=10 --listen-port=6881 --check-integrity=true -d www x.torrent
sleep 3
for rate in 0 400K; do rm -rf got4; record download-torrent-$rate 12 "aria2c -q --bt-enable-lpd=true --enable-dht=false --seed-time=0 --listen-port=6882 --max-download-limit=$rate -d got4 x.torrent"; done
serve $b env HOME="$work" openttd -D 10.77.0.2:3979 -g -x
sleep 8
for k in 1 2; do
    mkdir -p home$k/.config/openttd
    printf '[network]\nclient_name = player%s\n' $k | tee home$k/.config/openttd/private.cfg > home$k/.config/openttd/openttd.cfg
done
for k in 1 2; do record gaming-openttd-$k 16 "HOME=$work/home$k openttd -v null:ticks=100000 -s null -m null -n 10.77.0.2:3979"; done
for end in a:1 b:2; do
    d=bs${end%:*}; mkdir -p $d
    printf 'module_path /usr/lib/baresip/modules\nmodule_app account.so\nmodule_app menu.so\nmodule_tmp uuid.so\nmodule_tmp account.so\nmodule g711.so\nmodule opus.so\nmodule g722.so\nmodule gsm.so\nmodule ausine.so\nmodule aufile.so\nmodule fakevideo.so\nmodule vp8.so\nmodule srtp.so\naudio_source ausine,440\naudio_player aufile,/dev/null\nvideo_source fakevideo,none\nvideo_display fakevideo,none\nsip_listen 10.77.0.%s:5060\nnet_interface eqt0\ncall_max_calls 4\n' ${end#*:} > $d/config
done
for codec in PCMU G722/16000/1 GSM opus/48000/2; do
    for end in a:1 b:2; do printf '<sip:u@10.77.0.%s>;regint=0;answermode=auto;audio_codecs=%s\n' ${end#*:} "$codec" > bs${end%:*}/accounts; done
    $b timeout 10 baresip -f bsb >/dev/null 2>&1 &
    sleep 1
    record voice-baresip-${codec%%/*} 8 "baresip -f bsa -e '/dial sip:u@10.77.0.2' -t 7"
done

# --- what is kept: no address, no byte of payload ----------------------------------------------------------
rm -f "$out"
for capture in *.pcap; do
    class=${capture%%-*} family=${capture#*-}
    $trainer extract "recorded-$class-${family%%[-.]*}" "$class" "$capture" --out "$out"
done
