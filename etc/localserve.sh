#!/bin/sh
# Serve mail on this machine alone, until interrupted: for a look around, and
# for programs that need a mail server while they are being tested.
#	localserve.sh [-b BUILD] [-p PORTBASE] [-d DIRECTORY]

build=build
base=1000
dir=${HOME:-/tmp}/.local/share/letterlock
domain=letterlock.test
password=letterlock

while getopts b:p:d: o; do
	case $o in
	b)	build=$OPTARG ;;
	p)	base=$OPTARG ;;
	d)	dir=$OPTARG ;;
	*)	exit 2 ;;
	esac
done

die() {
	echo "localserve: $*" >&2
	exit 1
}

case $base in
'' | *[!0-9]* | ??????*)
	die "PORTBASE=$base is no number up to 64542" ;;
esac
[ "$base" -le 64542 ] || die "PORTBASE=$base is no number up to 64542"

mkdir -p "$dir" 2>/dev/null && dir=$(cd "$dir" 2>/dev/null && pwd) ||
    die "$dir cannot be made a directory; choose DIR=..."
build=$(cd "$build" && pwd) || exit 1
case $dir in
*[\"\\]*)	die "$dir: such a name cannot stand in the configuration" ;;
esac
[ ${#dir} -lt 90 ] || die "$dir: too long a name for a socket in it"
[ -O "$dir" ] || die "$dir belongs to another user; choose DIR=..."
[ ! -e "$dir/state" ] || [ -O "$dir/state" ] ||
    die "$dir/state belongs to another user; choose DIR=..."
chmod go-w "$dir" && [ -w "$dir" ] ||
    die "$dir cannot be written to; choose DIR=..."
sock=$dir/control.sock
log=$dir/letterlock.log

ctl() {
	"$build/letterctl" -s "$sock" "$@"
}
# What serves there goes on with its own configuration.
ctl status >/dev/null 2>&1 &&
    die "$dir is being served already; \"letterctl -s $sock stop\" ends that"

smtp=$((base + 25)) submission=$((base + 587)) submissions=$((base + 465))
imap=$((base + 143)) imaps=$((base + 993))
on=127.0.0.1 and=
[ ! -e /proc/net/if_inet6 ] || ! grep -q '^0\{31\}1 ' /proc/net/if_inet6 ||
    { on="{ 127.0.0.1, ::1 }"; and=" and ::1"; }

# A certificate of our own, as long as it is good for another day.
openssl x509 -in "$dir/mail.crt" -noout -checkend 86400 >/dev/null 2>&1 ||
    (umask 077 && openssl req -x509 -newkey ec \
    -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 \
    -subj "/CN=localhost" -addext "subjectAltName=DNS:localhost,\
DNS:mail.$domain,IP:127.0.0.1,IP:::1" \
    -keyout "$dir/mail.key" -out "$dir/mail.crt" 2>/dev/null) ||
    die "no certificate could be made"
chmod 644 "$dir/mail.crt"

# As root each role is a user that nobody else is; the same ones next time.
users() {
	[ "$(id -u)" = 0 ] || return 0
	if [ ! -s "$dir/users" ]; then
		n=61200
		for role in control auth keys lookup smtpd front store queued \
		    relay; do
			while getent passwd $n >/dev/null ||
			    getent group $n >/dev/null; do
				n=$((n + 1))
			done
			echo "user $role \"$n\""
			n=$((n + 1))
		done >"$dir/users"
	fi
	cat "$dir/users"
}

cat >"$dir/letterlock.conf" <<EOF || exit 1
# Written by "make localserve", anew each time.
hostname "mail.$domain"
state "$dir/state"
control "$sock"
log "$log"
$(users)
certificate "mail" cert "$dir/mail.crt" key "$dir/mail.key"

# Everybody here comes from one address.
limits {
	connections 20000
	connections-address 20000
	connections-prefix 20000
	login-failures-address 20000
}
listen on $on port $smtp smtp tls optional

# Every mechanism there is, to try clients with.
ways = { EXTERNAL SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN }
listen on $on port $submission submission tls optional mechanisms \$ways allow-cleartext-auth
listen on $on port $submissions submission tls implicit mechanisms \$ways
listen on $on port $imap imap tls optional mechanisms \$ways allow-cleartext-auth
listen on $on port $imaps imap tls implicit mechanisms \$ways

domain "$domain"

# Nothing leaves this machine.
transport "outbox" deliver account "outbox"
route transport "outbox"
EOF

pid=
finish() {
	trap '' INT TERM HUP
	if [ -n "$pid" ]; then
		kill -TERM "$pid" 2>/dev/null
		wait "$pid"
	fi
	rm -f "$dir/ready" "$dir/said"
	exit "${1:-0}"
}
trap 'finish 0' INT TERM HUP

logged=0
[ ! -s "$log" ] || logged=$(wc -l <"$log")

# It ends with this script, however that ends.
with=
setpriv --pdeathsig TERM true 2>/dev/null && with="setpriv --pdeathsig TERM"
$with "$build/authd" -d -f "$dir/letterlock.conf" >"$dir/ready" &
pid=$!
until grep -qs '^ready$' "$dir/ready"; do
	kill -0 "$pid" 2>/dev/null || {
		wait "$pid"
		[ ! -s "$log" ] || tail -n "+$((logged + 1))" "$log" >&2
		die "the service did not start"
	}
	sleep 0.1
done

for a in alice bob outbox; do
	ctl account show "$a" >/dev/null 2>&1 ||
	    printf '%s\n' "$password" |
	    ctl account add "$a" "$a@$domain" >/dev/null || finish 1
done
# All that is nobody's is alice's; it is there from the second time on.
ctl address add alice "@$domain" >/dev/null 2>"$dir/said" ||
    ctl account show alice | grep -q "[\" ,]@$domain" ||
    { cat "$dir/said" >&2; finish 1; }

# A greeting on every port, within TLS too.
answers() {
	printf 'a logout\r\nQUIT\r\n' | timeout 10 openssl s_client -quiet \
	    -connect "$1" ${2:+-starttls "$2"} 2>/dev/null | grep -q .
}
for host in 127.0.0.1 '[::1]'; do
	case $host$on in
	\[*::1*)	;;
	\[*)		continue ;;
	esac
	for p in "$smtp smtp" "$submission smtp" "$submissions" "$imap imap" \
	    "$imaps"; do
		# shellcheck disable=SC2086
		set -- $p
		tries=50
		until answers "$host:$1" "${2:-}"; do
			kill -0 "$pid" 2>/dev/null || finish 1
			tries=$((tries - 1))
			[ $tries -gt 0 ] || {
				echo "localserve: no answer on $host:$1" >&2
				finish 1
			}
			sleep 0.2
		done
	done
done

cat <<EOF

Letterlock serves on 127.0.0.1$and:
    smtp://localhost:$smtp           mail for $domain
    smtp://localhost:$submission           submission, STARTTLS or clear text
    smtps://localhost:$submissions          submission, TLS
    imap://localhost:$imap           mailboxes, STARTTLS or clear text
    imaps://localhost:$imaps          mailboxes, TLS
    $sock  for $build/letterctl -s

Accounts alice@$domain, bob@$domain, outbox@$domain; password $password.
Any other address at $domain is alice's; mail for elsewhere goes to outbox.
Certificate $dir/mail.crt, log $log

curl --cacert '$dir/mail.crt' -u alice@$domain:$password imaps://localhost:$imaps/INBOX -X 'SEARCH ALL'
swaks --server localhost --port $submission --tls --auth-user alice@$domain --auth-password $password --from alice@$domain --to bob@$domain
mutt -n -F /dev/null -e 'set ssl_ca_certificates_file="$dir/mail.crt" from=alice@$domain smtp_url=smtp://alice%40$domain:$password@localhost:$submission smtp_authenticators=scram-sha-256 imap_user=alice@$domain imap_pass=$password spoolfile=imaps://localhost:$imaps/INBOX folder=imaps://localhost:$imaps/'

ready
EOF
wait "$pid"
rc=$?
pid=
finish $rc
