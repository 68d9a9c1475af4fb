#!/bin/sh
# letterlock.conf: x.in is printed back as x.ok, and that parses to the same;
# or it is refused with x.err.  Paths of files that must exist are macros.
# "conf_test.sh -w" writes .ok and .err anew.

cd "$(dirname "$0")/../.." || exit 1
authd=./${BUILD:-build}/authd
dir=regress/conf
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
n=0
failed=0

check() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=1
	fi
}

for in in "$dir"/*.in; do
	name=${in%.in}
	$authd -nn -D tld=example -D "answer=42" -f "$in" >"$tmp/out" \
	    2>"$tmp/err"
	rc=$?
	if [ "$1" = -w ]; then
		rm -f "$name.ok" "$name.err"
		[ $rc = 0 ] && cp "$tmp/out" "$name.ok"
		[ -s "$tmp/err" ] && cp "$tmp/err" "$name.err"
		continue
	fi
	if [ -f "$name.ok" ]; then
		diff -u "$name.ok" "$tmp/out" | sed 's/^/# /' >"$tmp/diff"
		[ $rc = 0 ] && [ ! -s "$tmp/diff" ]
		check $? "${name##*/} is understood"
		cat "$tmp/diff"
		$authd -nn -f "$tmp/out" >"$tmp/again" 2>/dev/null &&
		    cmp -s "$tmp/out" "$tmp/again"
		check $? "${name##*/} printed parses to the same"
	else
		[ $rc = 1 ] && [ ! -s "$tmp/out" ]
		check $? "${name##*/} is refused"
	fi
	[ -f "$name.err" ] || : >"$tmp/none"
	f=$name.err
	[ -f "$f" ] || f=$tmp/none
	diff -u "$f" "$tmp/err" | sed 's/^/# /' >"$tmp/diff"
	[ ! -s "$tmp/diff" ]
	check $? "${name##*/}: what is said about it"
	cat "$tmp/diff"
done
[ "$1" = -w ] && exit 0

# The sample that is installed.
$authd -nn -f etc/letterlock.conf >"$tmp/out" 2>"$tmp/err"
check $? "etc/letterlock.conf is understood"
sed 's/^/# /' "$tmp/err"

# Files that cannot be written down here.
refused() {
	$authd -nn -f "$tmp/f.conf" >/dev/null 2>"$tmp/err"
	[ $? = 1 ] && grep -q "$2" "$tmp/err"
	check $? "$1"
	grep -q "$2" "$tmp/err" || sed 's/^/# /' "$tmp/err"
}
printf 'hostname "a.example"\r\n' >"$tmp/f.conf"
refused "carriage returns" 'f.conf:1: contains a carriage return'
printf '\357\273\277hostname "a.example"\n' >"$tmp/f.conf"
refused "a byte order mark" 'f.conf:1: begins with a byte order mark'
printf 'hostname "a.example"\n#\000\n' >"$tmp/f.conf"
refused "a NUL" 'f.conf:2: contains a NUL'
printf 'hostname "a\377.example"\n' >"$tmp/f.conf"
refused "what is not UTF-8" 'f.conf:1: not UTF-8'
{ printf '\n#'; head -c 900000 /dev/zero | tr '\0' x; echo; } >"$tmp/f.conf"
refused "a line of 900,000 octets" 'f.conf:2: line too long'
head -c 1100000 /dev/zero | tr '\0' '\n' >"$tmp/f.conf"
refused "a file of over 1 MiB" 'too large'
printf 'include "f.conf"\n' >"$tmp/f.conf"
refused "a file that includes itself" 'f.conf:1: .*f.conf: includes itself'
printf 'include "none.conf"\n' >"$tmp/f.conf"
refused "an include that is not there" 'f.conf:1: .*none.conf: No such file'
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do
	echo "include \"i$((i + 1)).conf\"" >"$tmp/i$i.conf"
done
cp "$tmp/i1.conf" "$tmp/f.conf"
refused "includes too deep" 'files include files too deeply'
rm -f "$tmp/f.conf"
mkfifo "$tmp/f.conf"
refused "a pipe" 'not a regular file'
rm -f "$tmp/f.conf"
refused "no file" 'No such file'
echo 'hostname "a.example"' >"$tmp/f.conf"
chmod 666 "$tmp/f.conf"
refused "a file that anybody may write" 'anybody may write to it'
rm -f "$tmp/f.conf"
head -c 300000 /dev/urandom >"$tmp/f.conf"
refused "noise" 'f.conf:'

# Keys and certificates.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -days 30 -subj /CN=a.example -keyout "$tmp/a.key" -out "$tmp/a.crt" \
    2>/dev/null
openssl ecparam -genkey -name prime256v1 -noout -out "$tmp/b.key" 2>/dev/null
openssl ec -in "$tmp/b.key" -aes128 -passout pass:x -out "$tmp/c.key" \
    2>/dev/null
chmod 600 "$tmp"/*.key
key() {
	cat >"$tmp/f.conf" <<-EOF
		hostname "a.example"
		certificate "a" cert "$3" key "$4"
		listen on 127.0.0.1 port 25 smtp
	EOF
	$authd -n -f "$tmp/f.conf" >/dev/null 2>"$tmp/err"
	[ $? = "$1" ] && grep -q "$5" "$tmp/err"
	check $? "$2"
	grep -q "$5" "$tmp/err" || sed 's/^/# /' "$tmp/err"
}
key 0 "a key and its certificate" "$tmp/a.crt" "$tmp/a.key" 'configuration OK'
key 1 "a key of another certificate" "$tmp/a.crt" "$tmp/b.key" \
    'f.conf:2: .*b.key: does not belong to the certificate .*a.crt'
key 1 "an encrypted key" "$tmp/a.crt" "$tmp/c.key" \
    'c.key: holds no private key in PEM form without a passphrase'
key 1 "no certificate" "$tmp/absent" "$tmp/a.key" 'absent: No such file'
key 1 "a certificate that is none" "$tmp/a.key" "$tmp/a.key" \
    'a.key: holds no certificate'
key 1 "no key" "$tmp/a.crt" "$tmp/absent" 'absent: No such file'
ln -s a.key "$tmp/link.key"
key 1 "a symbolic link to a key" "$tmp/a.crt" "$tmp/link.key" \
    'link.key: a symbolic link'
mkfifo -m 600 "$tmp/fifo.key"
key 1 "a pipe for a key" "$tmp/a.crt" "$tmp/fifo.key" \
    'fifo.key: mode 0600.*not a regular file'
key 1 "a device for a key" "$tmp/a.crt" /dev/zero \
    '/dev/zero: mode 0666.*not a regular file'
mkdir -m 700 "$tmp/dir.key"
key 1 "a directory for a key" "$tmp/a.crt" "$tmp/dir.key" \
    'dir.key: mode 0700.*not a regular file'
: >"$tmp/empty.key"
chmod 600 "$tmp/empty.key"
key 1 "an empty key" "$tmp/a.crt" "$tmp/empty.key" 'empty.key: .*is empty'
truncate -s 1G "$tmp/big.key"
chmod 600 "$tmp/big.key"
key 1 "a key of 1 GB" "$tmp/a.crt" "$tmp/big.key" 'big.key: .*too large'
chmod 640 "$tmp/a.key"
key 1 "a key that others may read" "$tmp/a.crt" "$tmp/a.key" \
    'a.key: mode 0640, uid [0-9]*: others may read it'
chmod 600 "$tmp/a.key"
ln "$tmp/a.key" "$tmp/hard.key"
key 1 "a key with two names" "$tmp/a.crt" "$tmp/a.key" 'a.key: .*hard link'
rm "$tmp/hard.key"
mkdir -m 777 "$tmp/open"
cp -p "$tmp/a.key" "$tmp/open/a.key"
chmod 777 "$tmp/open"
key 1 "a key where others may write" "$tmp/a.crt" "$tmp/open/a.key" \
    'open: mode 0777, others may write there'
if [ "$(id -u)" = 0 ]; then
	cp "$tmp/a.key" "$tmp/other.key"
	chmod 600 "$tmp/other.key"
	chown 12345 "$tmp/other.key"
	key 1 "a key of somebody else" "$tmp/a.crt" "$tmp/other.key" \
	    'other.key: .*uid 12345: must belong to root'
fi
cat >"$tmp/ca.conf" <<EOF
[ca]
default_ca = x
[x]
database = $tmp/index
serial = $tmp/serial
new_certs_dir = $tmp
default_md = sha256
policy = p
[p]
commonName = supplied
EOF
: >"$tmp/index"
echo 01 >"$tmp/serial"
openssl req -new -key "$tmp/a.key" -subj /CN=a.example -out "$tmp/a.csr" \
    2>/dev/null
openssl ca -batch -selfsign -config "$tmp/ca.conf" -keyfile "$tmp/a.key" \
    -startdate 20200101000000Z -enddate 20200201000000Z -in "$tmp/a.csr" \
    -out "$tmp/old.crt" 2>/dev/null
key 0 "an expired certificate is a warning" "$tmp/old.crt" "$tmp/a.key" \
    'f.conf:2: warning: .*old.crt: has expired'
openssl req -x509 -key "$tmp/b.key" -days 30 -subj /CN=b.example \
    -out "$tmp/b.crt" 2>/dev/null
cat "$tmp/a.crt" "$tmp/b.crt" >"$tmp/chain.crt"
key 0 "a chain out of order is a warning" "$tmp/chain.crt" "$tmp/a.key" \
    'warning: .*chain.crt: certificate 2 of the chain did not sign'

echo "1..$n"
exit $failed
